// LabelCensus: what numbers the labels of a set are, and whether they can be.
//
// A label out of range would be read beyond the end of a table in the middle of a training. So all
// are counted first, and those that are neither a class nor void are refused.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "apps/data/label_png.h"
#include "apps/data/segmentation_list.h"
#include "apps/data/segmentation_set.h"

namespace saddle {

// By all threads.
LabelCensus census_of(std::span<const std::uint8_t> labels);

// Gives the labels as they stand in the files the numbers that `request` wants. Throws Error where
// one is no class then (names it and the most frequent of its like), and where no pixel has a class
// or all have the same because the masks are of 0 and 255. `warnings` gets what became void.
void translate_labels(const SegmentationRequest& request, const SegmentationList& list,
                      std::vector<LabelImage>& images, std::vector<std::string>& warnings);

// The classes of which a training split has no pixel, in a warning; empty: it has all.
std::vector<std::string> absent_classes(const SegmentationSet& set);

}  // namespace saddle
