// Softmax cross-entropy of every pixel of images, summed over each image, and its gradient.
//
//   loss = logsumexp(z) - z_y;   dloss/dz = softmax(z) - onehot(y);  both times the class's weight
// A pixel whose label is no class (255: void) is left out: no loss, no gradient, not counted. The
// largest logit is subtracted first, so no finite input overflows.
//
// A class count like 11 or 21 does not fill a warp, so a thread takes a pixel; kPixelThreads pixels
// of one image are a block. Sums go over classes in rising order on every target. A CPU computes a
// pixel's exponentials first, so that they vectorise, and adds them then.
#pragma once

#include <cstdint>

#include "kernels/array.h"
#include "kernels/collectives.h"
#include "kernels/loss.h"
#include "kernels/math.h"

namespace saddle {

inline constexpr int kPixelThreads = 256;
inline constexpr int64_t kMostPixelClasses = 255;  // labels are bytes, and 255 is void

// What is summed over pixels: of each block [images, blocks], then of each image [images].
struct PixelSums {
  Array<float> loss;     // weighted
  Array<float> right;    // pixels that are predicted right
  Array<float> counted;  // pixels that have a class
  Array<float> weight;   // of their classes
};

struct PixelCrossEntropy {
  static constexpr int kThreads = kPixelThreads;
  Array<const float> logits;        // [images, pixels, classes]
  Array<const uint8_t> label;       // [images, pixels]
  Array<const float> class_weight;  // [classes]; empty: 1 each
  PixelSums sums;                   // of each block
  int64_t pixels, classes;

  // Of one image.
  static SADDLE_DEVICE int64_t blocks(int64_t pixels) { return ceil_divide(pixels, kThreads); }

  struct Terms {
    float loss = 0.f, right = 0.f, counted = 0.f, weight = 0.f;
  };

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    const int64_t pixel = b.block() % blocks(pixels) * kThreads + b.thread();
    Terms own;
    if (pixel < pixels) {
      const int64_t i = b.block() / blocks(pixels) * pixels + pixel;
      if (label[i] < classes) {
        const float* z = &logits[i * classes];
        const int32_t predicted = argmax(z, classes);
        float sum = 0.f;
        for (int64_t k = 0; k < classes; ++k) sum += exponential_of_negative(z[k] - z[predicted]);
        own = terms(z, label[i], predicted, sum);
      }
    }
    const float loss = block_sum(b, own.loss), right = block_sum(b, own.right);
    const float counted = block_sum(b, own.counted), weight = block_sum(b, own.weight);
    if (b.thread() == 0) store_sums(b.block(), {loss, right, counted, weight});
  }

  void reference(int64_t block) const {
    const int64_t first = block % blocks(pixels) * kThreads;
    const int64_t image = block / blocks(pixels);
    float loss[kThreads] = {}, right[kThreads] = {}, counted[kThreads] = {}, weight[kThreads] = {};
    for (int64_t t = 0; t < smaller(kThreads, pixels - first); ++t) {
      const int64_t i = image * pixels + first + t;
      if (label[i] >= classes) continue;
      const float* z = &logits[i * classes];
      const int32_t predicted = argmax(z, classes);
      float exponentials[kMostPixelClasses], sum = 0.f;
      const float largest = z[predicted];
      for (int64_t k = 0; k < classes; ++k) {
        exponentials[k] = exponential_of_negative(z[k] - largest);
      }
      for (int64_t k = 0; k < classes; ++k) sum += exponentials[k];
      const Terms own = terms(z, label[i], predicted, sum);
      loss[t] = own.loss, right[t] = own.right;
      counted[t] = own.counted, weight[t] = own.weight;
    }
    store_sums(block,
               {sum_in_block_order(loss, kThreads), sum_in_block_order(right, kThreads),
                sum_in_block_order(counted, kThreads), sum_in_block_order(weight, kThreads)});
  }

 private:
  // The differences first: they are exact for large z.
  SADDLE_DEVICE Terms terms(const float* z, int32_t y, int32_t predicted, float sum) const {
    const float weight = class_weight ? class_weight[y] : 1.f;
    return {weight * (logarithm(sum) + (z[predicted] - z[y])), predicted == y ? 1.f : 0.f, 1.f,
            weight};
  }
  SADDLE_DEVICE void store_sums(int64_t block, const Terms& total) const {
    sums.loss[block] = total.loss;
    sums.right[block] = total.right;
    sums.counted[block] = total.counted;
    sums.weight[block] = total.weight;
  }
};

// dlogits <- factor * class weight * (softmax(z) - onehot(y)), 0 at pixels without a class. Blocks
// are as above.
struct PixelCrossEntropyBackward {
  static constexpr int kThreads = kPixelThreads;
  Array<const float> logits;         // [images, pixels, classes]
  Array<const uint8_t> label;        // [images, pixels]
  Array<const float> class_weight;   // [classes]; empty: 1 each
  Array<const float> dloss, factor;  // [1], multiplied; factor is empty for 1
  Array<float> dlogits;              // [images, pixels, classes]
  int64_t pixels, classes;

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    const int64_t each = PixelCrossEntropy::blocks(pixels);
    const int64_t pixel = b.block() % each * kThreads + b.thread();
    if (pixel >= pixels) return;
    const int64_t i = b.block() / each * pixels + pixel;
    float sum = 0.f;
    if (label[i] < classes) {
      const float* z = &logits[i * classes];
      const float largest = z[argmax(z, classes)];
      for (int64_t k = 0; k < classes; ++k) {
        const float value = exponential_of_negative(z[k] - largest);
        dlogits[i * classes + k] = value;  // kept here until the sum is known
        sum += value;
      }
    }
    finish(i, sum);
  }

  void reference(int64_t block) const {
    const int64_t each = PixelCrossEntropy::blocks(pixels);
    const int64_t first = block % each * kThreads, image = block / each;
    for (int64_t t = 0; t < smaller(kThreads, pixels - first); ++t) {
      const int64_t i = image * pixels + first + t;
      float sum = 0.f;
      if (label[i] < classes) {
        const float* z = &logits[i * classes];
        const float largest = z[argmax(z, classes)];
        float* exponentials = &dlogits[i * classes];
        for (int64_t k = 0; k < classes; ++k) {
          exponentials[k] = exponential_of_negative(z[k] - largest);
        }
        for (int64_t k = 0; k < classes; ++k) sum += exponentials[k];
      }
      finish(i, sum);
    }
  }

 private:
  SADDLE_DEVICE void finish(int64_t i, float sum) const {
    float* to = &dlogits[i * classes];
    const int32_t y = label[i];
    if (y >= classes) {
      for (int64_t k = 0; k < classes; ++k) to[k] = 0.f;
      return;
    }
    const float scale =
        dloss[0] * (factor ? factor[0] : 1.f) * (class_weight ? class_weight[y] : 1.f);
    const float share = scale / sum;
    for (int64_t k = 0; k < classes; ++k) to[k] = to[k] * share - (k == y ? scale : 0.f);
  }
};

// of_images <- the sums of an image's blocks. A block is an image.
struct SumPixelBlocks {
  static constexpr int kThreads = 256;
  PixelSums of_blocks;  // [images, blocks]
  PixelSums of_images;  // [images]
  int64_t blocks;

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    const auto sum_of = [&](const Array<float>& from) {
      float sum = 0.f;
      for (int64_t i = b.thread(); i < blocks; i += kThreads) sum += from[b.block() * blocks + i];
      return block_sum(b, sum);
    };
    const float loss = sum_of(of_blocks.loss), right = sum_of(of_blocks.right);
    const float counted = sum_of(of_blocks.counted), weight = sum_of(of_blocks.weight);
    if (b.thread() > 0) return;
    of_images.loss[b.block()] = loss;
    of_images.right[b.block()] = right;
    of_images.counted[b.block()] = counted;
    of_images.weight[b.block()] = weight;
  }

  void reference(int64_t image) const {
    const auto sum_of = [&](const Array<float>& from) {
      float lanes[kThreads] = {};
      for (int64_t i = 0; i < blocks; ++i) lanes[i % kThreads] += from[image * blocks + i];
      return sum_in_block_order(lanes, kThreads);
    };
    of_images.loss[image] = sum_of(of_blocks.loss);
    of_images.right[image] = sum_of(of_blocks.right);
    of_images.counted[image] = sum_of(of_blocks.counted);
    of_images.weight[image] = sum_of(of_blocks.weight);
  }
};

// loss[0] <- sum[0] / weight[0] and factor[0] <- 1 / weight[0], or 0 where nothing has a weight.
struct WeightedMean {
  Array<const float> sum, weight;  // [1]
  Array<float> loss, factor;       // [1]
  SADDLE_DEVICE void operator()(int64_t) const {
    factor[0] = weight[0] > 0.f ? 1.f / weight[0] : 0.f;
    loss[0] = weight[0] > 0.f ? sum[0] / weight[0] : 0.f;
  }
};

// prediction[pixel] <- the largest logit's class, ties to the lowest.
struct PredictPixels {
  Array<const float> logits;  // [pixels, classes]
  Array<uint8_t> prediction;  // [pixels]
  int64_t classes;
  SADDLE_DEVICE void operator()(int64_t pixel) const {
    prediction[pixel] = static_cast<uint8_t>(argmax(&logits[pixel * classes], classes));
  }
};

}  // namespace saddle
