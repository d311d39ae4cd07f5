// Small trainings of segmentation networks for the tests: pictures made here, a network that trains
// in milliseconds.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "apps/segment/segmentation.h"

namespace saddle {

// Noise with a bright square (class 1) and a dark one (2) on ground (0), and a void first row.
// Image i has the i-th of `sizes`, {height, width}, which are taken in turns.
SegmentationSet squares(std::int64_t images, std::uint64_t seed,
                        const std::vector<std::pair<std::int64_t, std::int64_t>>& sizes = {
                            {32, 32}});

// 14 images, not a multiple of the batch size; and 5 of three sizes.
SegmentationSet square_training_data();
SegmentationSet square_test_data();

// Unresolved options of a run of 4 images a step: DeepLabv3-MobileNetV2 of the least width.
SegmentTrainOptions small_segment_run(const std::filesystem::path& output);

TrainResult train_small(const SegmentTrainOptions& options);

// The network of such a run.
ModelDescription small_segmenter(std::int64_t classes = 3);

}  // namespace saddle
