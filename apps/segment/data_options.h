// SegmentationData: what a command line says of a segmentation set, and the set that it means.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apps/data/segmentation_set.h"

namespace saddle {

struct Setting;  // apps/common/settings.h

struct SegmentationDataOptions {
  std::string name = "fashion-scenes";
  std::string directory;    // empty: the places that load_segmentation_set names
  std::string train_split;  // "train" unless given
  std::string test_split;   // empty: the set's own
  std::int64_t train_limit = kAllExamples, test_limit = kAllExamples;
  std::optional<std::int64_t> ignore_label;
  bool reduce_zero_label = false;
  std::string label_map, mask_colours, classes_file;  // files
  std::string label_mode;                             // Stanford's: std8 unless given, official9
  std::optional<std::int64_t> split_seed;             // Stanford's
};

enum class SegmentationPart { train, test };

// Their rows of --help, bounds and config.json; they point into `options`. A program that does not
// train has no limit of the training images.
std::vector<Setting> settings_of(SegmentationDataOptions& options, SegmentationPart used_for);

// The part's images, whose warnings are printed. Throws as load_segmentation_set.
SegmentationSet load(const SegmentationDataOptions& options, SegmentationPart part);

// Which bytes it consists of: sizes, pixels, labels, names of classes, mean and deviation.
std::string fingerprint_of(const SegmentationSet& set);

}  // namespace saddle
