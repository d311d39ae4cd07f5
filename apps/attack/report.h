// Report: what saddle-attack writes: the table, the JSON, the tensors and the pictures.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "apps/common/evaluate.h"
#include "apps/data/dataset.h"

namespace saddle {

struct NamedResult {
  std::string name, spec;  // "pgd", "pgd:norm=l2,eps=0.5"
  AttackResult result;
};

struct AttackReport {
  std::string checkpoint, model, device, precision;
  Evaluation clean;
  std::vector<NamedResult> attacks;
  std::optional<double> average_robustness;  // percent; only of a suite that reports one
};

// The arithmetic mean of the attacks' robust accuracies; the clean accuracy is not among them.
double average_robustness(const std::vector<NamedResult>& attacks);

// The table for stdout: a row an attack.
std::string report_table(const AttackReport& report, const Dataset& data);

// {"checkpoint", "model", "dataset", "examples", "device", "precision", "clean_accuracy",
// "attacks", "average_robustness"}; accuracies in percent, average_robustness null where there is
// none.
std::string report_json(const AttackReport& report, const Dataset& data);

// `images` [N, C, H, W] f32 in [0, 1], `labels` [N] i64, and `adversarial.<index>-<name>` [N, C, H,
// W] for each attack, counted from 0.
void save_adversarial(const std::filesystem::path& path, const AttackReport& report,
                      const Dataset& data);

// `logits` [N, K] f32, on the clean images.
void save_logits(const std::filesystem::path& path, const AttackReport& report);

// A row for each of the first examples that an attack moved: the clean image and, for each attack,
// the perturbation (stretched so that its largest element is white or black) and the adversarial
// image.
void save_images(const std::filesystem::path& path, const AttackReport& report,
                 const Dataset& data);

}  // namespace saddle
