// What `saddle-segment attack` is told, and does.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/common/program_options.h"
#include "apps/segment/attack_report.h"
#include "apps/segment/data_options.h"
#include "apps/segment/load_segmenter.h"

namespace saddle {

struct SegmentAttackOptions {
  CommonOptions common;
  SegmentationDataOptions data;
  SegmenterFlags segmenter;
  std::string checkpoint;
  std::vector<std::string> attacks, suites;
  std::optional<double> eps;           // of the suites that name none
  std::string steps_curve, eps_curve;  // as given, "1,3,10" and "1/255,2/255"
  std::string balance = "train";       // whose labels weigh the classes of mce-bal: train, test
  std::string seg_norm = "correct";    // correct, official
  std::int64_t batch_size = 8;
  bool no_clean_candidate = false, list_attacks = false, restart = false;
  std::string miou_without;            // "0" or "0,3": class numbers
  std::vector<std::string> confusion;  // .csv and .png files to write
  // Files to write; empty: not wanted.
  std::string json, counts, adversarial, images;
};

// Flags, defaults and bounds; they point into `options`.
void add_flags(CLI::App& app, SegmentAttackOptions& options);

// The jobs that the command line names, in its order. Throws UsageError.
std::vector<PixelJob> jobs_of(const SegmentAttackOptions& options);

// Attacks, prints the table and writes the files.
void attack(const SegmentAttackOptions& options);

}  // namespace saddle
