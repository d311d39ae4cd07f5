// AttackReport of segmentation: what `saddle-segment attack` writes.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "apps/segment/pixel_results.h"
#include "apps/segment/worst_case.h"
#include "layers/model.h"

namespace saddle {

// Several attacks within one ball as one: of each image the worst. Where the clean image is a
// candidate it is the last of the choices.
struct WorstInBall {
  Ball ball;
  std::vector<std::size_t> attacks;  // their places in the report
  bool with_clean = true;
  WorstSegmentation worst;
};

struct SegmentationReport {
  std::string checkpoint, device, precision, plan;
  ModelDescription model;
  PixelRange range = PixelRange::plain;
  bool unnormalised = false;                // attacks fed the network with pixels as they are
  std::vector<std::int64_t> left_out = {};  // classes without which a further mIoU is reported
  PixelEvaluation clean;
  std::vector<PixelResult> attacks;  // in the order of the jobs, stops before their ends
  std::vector<WorstInBall> worst_cases = {};
  std::vector<std::string> warnings = {};
  std::vector<std::string> assumptions = {};  // what the checkpoint does not say
};

// One for every ball that two finished attacks share, counting the clean image where it is a
// candidate; ends alone, no stops.
std::vector<WorstInBall> worst_cases_of(const SegmentationReport& report, bool with_clean,
                                        std::uint64_t seed);

// Reasons to doubt the numbers: attacks that did not raise the loss, that noise beats, that are
// weaker than what the field runs.
std::vector<std::string> doubts_about(const SegmentationReport& report);

// A row an attack: aAcc (pixel accuracy), mAcc, mIoU, that over the classes with labels, the mean
// of the images' own, that without the classes left out, norms, passes, time; then the IoU of each
// class.
std::string report_table(const SegmentationReport& report);

// {"checkpoint", "model", "dataset", "split", "examples", ..., "clean": {scores}, "attacks": [{...
// scores, "confusion"}], "worst_cases"}; shares in percent. spec of the keys: README.md.
std::string report_json(const SegmentationReport& report, const SegmentationSet& set);

// `clean` i64 [images, K, K] and `attacks` i64 [attacks, images, K, K], [label, prediction]: from
// which all scores can be computed again. The metadata names attacks, images and classes.
void save_counts(const std::filesystem::path& path, const SegmentationReport& report,
                 const SegmentationSet& set);

// `images.<i>` f32 [3, H, W] in [0, 1], `labels.<i>` u8 [H, W] and
// `adversarial.<attack>-<name>.<i>` f32 [3, H, W] of every image whose adversarial images were
// kept.
void save_adversarial(const std::filesystem::path& path, const SegmentationReport& report,
                      const SegmentationSet& set);

}  // namespace saddle
