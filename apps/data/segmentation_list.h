// SegmentationList: which images make up a split of a segmentation set, in which order, and where
// the labels of each are.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "apps/data/label_maps.h"
#include "apps/data/segmentation_set.h"

namespace saddle {

// How the labels of a set are written.
enum class LabelFormat { index_png, coloured, stanford_text, stanford_colours };

struct SegmentationList {
  std::vector<std::string> ids;                       // [N]
  std::vector<std::filesystem::path> images, labels;  // [N]
  std::vector<std::string> class_names;
  LabelFormat format = LabelFormat::index_png;
  LabelOfColour colours = {};                  // where they are coloured
  std::optional<LabelOfLabel> label_map = {};  // what the labels become
  std::vector<std::string> warnings = {};
};

// The whole split, whatever the limit. All files were there when this was called. Throws as
// load_segmentation_set.
SegmentationList list_voc(const SegmentationRequest& request);
SegmentationList list_stanford(const SegmentationRequest& request);

}  // namespace saddle
