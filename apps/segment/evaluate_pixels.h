// EvaluatePixels: what a segmentation network takes each pixel of a set for.
#pragma once

#include <cstdint>
#include <vector>

#include "apps/common/progress.h"
#include "apps/segment/confusion.h"
#include "apps/segment/image_batches.h"

namespace saddle {

// What a network makes of images of one size.
struct JudgedPixels {
  std::vector<std::uint8_t> predictions;  // [N, H, W]
  std::vector<float> losses;              // [N]: sum of the cross-entropy over pixels with a class
};
// Of images f32 [N, H, W, C] with labels u8 [N, H, W]. Throws Error where the network has not as
// many classes.
JudgedPixels judge_pixels(const LogitsFunction& logits, const Tensor& images, const Tensor& labels,
                          std::int64_t classes);

struct PixelEvaluation {
  std::vector<Confusion> images;      // [N], as the set has them
  std::vector<double> cross_entropy;  // [N]: mean over pixels with a class, 0 where none has one
  double loss = 0;                    // mean cross-entropy over all pixels with a class
};

// Whole images, in batches of one size: where `logits` has invariant batching, and the library that
// convolves has it, the results of an image do not depend on the others. Throws
// Error where the loss of an image is not finite, naming it.
PixelEvaluation evaluate_pixels(const LogitsFunction& logits, Device& device,
                                const SegmentationSet& set, PixelRange range,
                                std::int64_t batch_size, Progress* progress = nullptr);

}  // namespace saddle
