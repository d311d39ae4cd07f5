// EvaluatePixels: what a segmentation network takes each pixel of a set for.
#pragma once

#include <cstdint>
#include <vector>

#include "apps/common/progress.h"
#include "apps/segment/confusion.h"
#include "apps/segment/image_batches.h"

namespace saddle {

struct PixelEvaluation {
  std::vector<Confusion> images;  // [N], as the set has them
  double loss = 0;                // mean cross-entropy over all pixels with a class
};

// Whole images, in batches of one size: the results of an image do not depend on the others. Throws
// Error where a logit is not finite, naming the image.
PixelEvaluation evaluate_pixels(const LogitsFunction& logits, Device& device,
                                const SegmentationSet& set, PixelRange range,
                                std::int64_t batch_size, Progress* progress = nullptr);

}  // namespace saddle
