// LoadSegmenter: the segmentation network of a checkpoint, checked against the set it is to see.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "apps/data/segmentation_set.h"
#include "layers/model.h"

namespace saddle {

struct Setting;  // apps/common/settings.h

// What a command line says of a checkpoint that does not describe itself: one of the paper's code,
// or of torchvision's names.
struct SegmenterFlags {
  std::string model;
  std::optional<std::int64_t> classes, output_stride, aspp_channels;
  std::optional<double> width;
  std::string aspp_rates, mobilenet_padding, mean, std;
  bool minmax = false;
};
std::vector<Setting> settings_of(SegmenterFlags& flags);

// "6,12,18". Throws UsageError for anything but three integers from 1.
std::array<std::int64_t, 3> parse_rates(const std::string& list);

// As load_checkpoint, what the file does not say being `fallback`'s and the reference's: both are
// among the model's assumptions. Throws Error where the model names images.
Model load_segmenter(const std::string& checkpoint, const SegmenterFlags& flags, Device& device,
                     const ModelDescription& fallback, Precision precision);
// The same for the images of a set. Throws Error where it has other classes than the model.
Model load_segmenter(const std::string& checkpoint, const SegmenterFlags& flags, Device& device,
                     const SegmentationSet& set, Precision precision);

}  // namespace saddle
