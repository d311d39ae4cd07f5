// Report: what saddle-attack writes: the table, the JSON, the tensors and the pictures.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "layers/model.h"
#include "apps/common/evaluate.h"
#include "apps/data/dataset.h"

namespace saddle {

// The images of an attack rounded to k / 255, and judged again.
struct EightBitResult {
  double robust_accuracy = 0;             // percent of all
  std::vector<std::int32_t> predictions;  // [N]
  std::vector<float> adversarial;         // [N, H, W, C]
};

struct NamedResult {
  std::string name, spec;  // "pgd", "pgd:norm=l2,eps=0.5"
  AttackResult result;
  bool finished = true;  // else the accuracy is only an upper bound
  std::optional<Ball> ball = std::nullopt;
  std::optional<EightBitResult> eight_bit = std::nullopt;
  bool targeted = false;  // success is being taken for the target; accuracies are what they were
};

// Of a targeted attack: percent of the attacked examples that are taken for their target.
double target_success(const AttackResult& result);

// Of the examples attacked; 0 where no time went by.
double images_per_second(const AttackResult& result);

// Several attacks within one ball as one: an example is robust where all of them failed.
struct WorstCase {
  Ball ball;
  std::vector<std::size_t> attacks;    // their places in the report
  double robust_accuracy = 0;          // percent of all
  std::vector<std::size_t> broken_by;  // [N]: the first attack that broke the example, or npos

  static constexpr std::size_t npos = static_cast<std::size_t>(-1);
};

// How another model does on the images that were found.
struct TransferResult {
  std::string checkpoint, model;
  double clean_accuracy = 0;     // percent of all
  std::vector<double> accuracy;  // of each attack's images, percent of all
};

// Robust accuracy over the radius of one attack.
struct RadiusCurve {
  std::string spec;                          // as the user wrote it, without a radius
  std::vector<double> eps, robust_accuracy;  // ascending radius; percent
};

struct AttackReport {
  std::string checkpoint, model, device, precision;
  Evaluation clean;
  std::vector<NamedResult> attacks;
  std::optional<double> average_robustness = std::nullopt;  // percent; of suites that report one
  std::vector<RadiusCurve> curves = {};
  std::vector<std::string> warnings = {};    // of the model or of several attacks
  std::vector<std::string> unfinished = {};  // specs that the time budget left undone
  ModelDescription description = {};
  std::vector<std::string> assumptions = {};  // what the file does not say, a sentence each
  std::vector<WorstCase> worst_cases = {};
  std::vector<TransferResult> transfers = {};
  std::string plan = {};  // what convolutions went by: measure, default, plans 0123...
};

// One for every ball that two or more finished attacks share, in the order of their first.
std::vector<WorstCase> worst_cases(const std::vector<NamedResult>& attacks);

// The images that an attack's files hold: rounded where that was asked for.
const std::vector<float>& stored_images(const NamedResult& attack);

// The arithmetic mean of the attacks' robust accuracies; the clean accuracy is not among them.
double average_robustness(const std::vector<NamedResult>& attacks);

// The table for stdout: a row an attack (and one for each of its members where there are several),
// then a row a curve. Several reports, one for each checkpoint, share the table.
std::string report_table(const std::vector<AttackReport>& reports, const Dataset& data);

// {"checkpoint", "model", "dataset", "examples", "device", "precision", "clean_accuracy",
// "attacks", "average_robustness", "clean_loss", "eps_curves", "warnings", "finished",
// "unfinished", "classes", "input_shape", "mean", "std", "assumptions", "worst_cases", "transfer",
// "plan", "judged_in"}; accuracies in percent, average_robustness null where there is none. Several
// reports stand in {"reports": [...]}.
std::string report_json(const std::vector<AttackReport>& reports, const Dataset& data);

// One row for each example and attack: what became of it (see ExampleRecord), and for each example
// and worst case: what became of it under the first attack that broke it, which broken_by names.
std::string report_csv(const std::vector<AttackReport>& reports);

// The curves of all reports as a picture; the clean accuracy stands at radius 0.
void save_plot(const std::filesystem::path& path, const std::vector<AttackReport>& reports,
               const Dataset& data);

// `images` [N, C, H, W] f32 in [0, 1], `labels` [N] i64, and `adversarial.<index>-<name>` [N, C, H,
// W] for each attack, counted from 0.
void save_adversarial(const std::filesystem::path& path, const AttackReport& report,
                      const Dataset& data);

// `logits` [N, K] f32, on the clean images.
void save_logits(const std::filesystem::path& path, const AttackReport& report);

// A row for each of the first examples that an attack moved: the clean image and, for each attack,
// the perturbation (stretched so that its largest element is white or black) and the adversarial
// image, with what the model takes them for; an arrow marks a wrong answer.
void save_images(const std::filesystem::path& path, const AttackReport& report,
                 const Dataset& data);

}  // namespace saddle
