// Losses of every pixel of images from its logits and label, summed over each image, and their
// gradients: softmax cross-entropy, which segmentation networks descend on, and what attacks on
// them climb instead.
//
//   CE = logsumexp(z) - z_y;   dCE/dz = softmax(z) - onehot(y)
// A pixel whose label is no class (255: void) is left out: no loss, no gradient, not counted. The
// largest logit is subtracted first, so no finite input overflows.
//
// A class count like 11 or 21 does not fill a warp, so a thread takes a pixel; kPixelThreads pixels
// of one image are a block. Sums go over classes in rising order on every target. A CPU takes 16
// pixels side by side (PixelLanes).
#pragma once

#include <cstdint>

#include "kernels/array.h"
#include "kernels/collectives.h"
#include "kernels/loss.h"
#include "kernels/math.h"
#include "kernels/pixel_lanes.h"

namespace saddle {

inline constexpr int kPixelThreads = 256;
inline constexpr int64_t kMostPixelClasses = 255;  // labels are bytes, and 255 is void

// With p = softmax(z), and "right" where the largest logit is the label's. What multiplies CE is a
// constant: no gradient flows through it.
enum class PixelLossKind : int32_t {
  cross_entropy,
  masked,            // CE where right, else 0. Croce et al. 2024
  segpgd,            // (1 - share) CE where right, share CE where wrong. Gu et al. 2022
  cospgd,            // p_y / ||p|| CE: the cosine of p and onehot(y). Agnihotri et al. 2024
  jensen_shannon,    // of p and onehot(y), at most log 2. Croce et al. 2024
  masked_spherical,  // -z_y / ||z|| where right, else 0. Croce et al. 2024, first version
  cosine,            // 1 - z_y / ||z||. Halmosi et al. 2024
};

// One pixel: its loss, and its gradient slope * direction(k).
class PixelLoss {
 public:
  PixelLossKind kind = PixelLossKind::cross_entropy;
  float share = 0.f;  // of segpgd, in [0, 1]

  // What is known of a pixel: logits, label, prediction, and the sum of exp(z - z[predicted]) and
  // of its square.
  struct Point {
    const float* z;
    int64_t classes;
    int32_t y, predicted;
    float sum = 0.f, squares = 0.f;

    SADDLE_DEVICE void add(float exponential) {
      sum += exponential;
      squares += exponential * exponential;
    }
  };

  SADDLE_DEVICE bool is_spherical() const {
    return kind == PixelLossKind::masked_spherical || kind == PixelLossKind::cosine;
  }

  SADDLE_DEVICE float value(const Point& p) const {
    if (is_spherical()) {
      const float length = length_of(p);
      const float along = length > 0.f || length != length ? p.z[p.y] / length : 0.f;
      return kind == PixelLossKind::cosine ? 1.f - along : slope(p) * -along;
    }
    if (kind == PixelLossKind::jensen_shannon) {
      // 1/2 [(1 - p) log 2 + p log(2 p / (1 + p)) + log(2 / (1 + p))], p = p_y
      constexpr float kLog2 = 0.693147181f;
      const float own = own_share(p), both = kLog2 - logarithm(1.f + own);
      const float inner = own > 0.f ? own * (both + log_of_share(p)) : own;  // a NaN stays
      return 0.5f * ((1.f - own) * kLog2 + inner + both);
    }
    const float factor = slope(p);
    // Not 0 times what may be infinite; a NaN of the factor shows.
    return factor == 0.f ? 0.f : factor * -log_of_share(p);
  }

  SADDLE_DEVICE float slope(const Point& p) const {
    const bool right = p.predicted == p.y;
    switch (kind) {
      case PixelLossKind::cross_entropy:
      case PixelLossKind::cosine: return 1.f;
      case PixelLossKind::masked:
      case PixelLossKind::masked_spherical: return right ? 1.f : 0.f;
      case PixelLossKind::segpgd: return right ? 1.f - share : share;
      case PixelLossKind::cospgd: return own_share(p) * p.sum / square_root(p.squares);
      case PixelLossKind::jensen_shannon: break;
    }
    // dJS/dp_y = 1/2 log(p_y / (1 + p_y)), and dp_y/dz = p_y (onehot(y) - p)
    const float own = own_share(p);
    return own > 0.f ? -0.5f * own * (log_of_share(p) - logarithm(1.f + own)) : own;
  }

  static SADDLE_DEVICE float softmax_direction(float exponential, float sum, float here) {
    return exponential / sum - here;
  }
  // softmax(z) - onehot(y), or z_y z / ||z||^3 - onehot(y) / ||z||. `exponential`: exp(z_k -
  // largest).
  SADDLE_DEVICE float direction(const Point& p, int64_t k, float exponential, float length) const {
    const float here = k == p.y ? 1.f : 0.f;
    if (!is_spherical()) return softmax_direction(exponential, p.sum, here);
    if (length == 0.f) return 0.f;
    return (p.z[p.y] / length * (p.z[k] / length) - here) / length;
  }
  // ||z||, which `direction` asks for where the loss is spherical.
  SADDLE_DEVICE float length_of(const Point& p) const {
    if (!is_spherical()) return 0.f;
    float sum = 0.f;
    for (int64_t k = 0; k < p.classes; ++k) sum += p.z[k] * p.z[k];
    return square_root(sum);
  }

 private:
  // p_y and log p_y. The differences first: they are exact for large z.
  SADDLE_DEVICE float own_share(const Point& p) const {
    return exponential_of_negative(p.z[p.y] - p.z[p.predicted]) / p.sum;
  }
  SADDLE_DEVICE float log_of_share(const Point& p) const {
    return (p.z[p.y] - p.z[p.predicted]) - logarithm(p.sum);
  }
};

// A pixel's exponentials and their sums.
struct PixelExponentials {
  const float* z;
  int64_t classes;
  int32_t predicted;

  SADDLE_DEVICE PixelExponentials(const float* logits, int64_t count)
      : z(logits), classes(count), predicted(argmax(logits, count)) {}
  SADDLE_DEVICE float at(int64_t k) const { return exponential_of_negative(z[k] - z[predicted]); }

  // Of the pixel, before the exponentials are added.
  SADDLE_DEVICE PixelLoss::Point point(int32_t y) const { return {z, classes, y, predicted}; }
};

// The same of pixels side by side.
using PixelExponentialLanes = PixelLanes<kMostPixelClasses>;

inline PixelLoss::Point point_of(const PixelExponentialLanes& lanes, int64_t lane, const float* z,
                                 int64_t classes, int32_t y) {
  return {z, classes, y, lanes.predicted[lane], lanes.sum[lane], lanes.squares[lane]};
}

// What is summed over pixels: of each block [images, blocks], then of each image [images].
struct PixelSums {
  Array<float> loss;     // weighted
  Array<float> right;    // pixels that are predicted right
  Array<float> counted;  // pixels that have a class
  Array<float> weight;   // of their classes
};

struct PixelLosses {
  static constexpr int kThreads = kPixelThreads;
  Array<const float> logits;        // [images, pixels, classes]
  Array<const uint8_t> label;       // [images, pixels]
  Array<const float> class_weight;  // [classes], multiplies losses; empty: 1 each
  PixelSums sums;                   // of each block
  int64_t pixels, classes;
  PixelLoss loss = {};

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
        const PixelExponentials exponentials(&logits[i * classes], classes);
        PixelLoss::Point p = exponentials.point(label[i]);
        for (int64_t k = 0; k < classes; ++k) p.add(exponentials.at(k));
        own = terms(p);
      }
    }
    const float total = block_sum(b, own.loss), right = block_sum(b, own.right);
    const float counted = block_sum(b, own.counted), weight = block_sum(b, own.weight);
    if (b.thread() == 0) store_sums(b.block(), {total, right, counted, weight});
  }

  void reference(int64_t block) const {
    const int64_t first = block % blocks(pixels) * kThreads;
    const int64_t image = block / blocks(pixels);
    float total[kThreads] = {}, right[kThreads] = {}, counted[kThreads] = {}, weight[kThreads] = {};
    PixelExponentialLanes lanes;
    const int64_t end = smaller(kThreads, pixels - first);
    for (int64_t t = 0; t < end; ++t) {
      const int64_t i = image * pixels + first + t, lane = t % PixelExponentialLanes::kPixels;
      if (lane == 0)
        lanes.load(&logits[i * classes], smaller(PixelExponentialLanes::kPixels, end - t), classes);
      if (label[i] >= classes) continue;
      const Terms own = terms(point_of(lanes, lane, &logits[i * classes], classes, label[i]));
      total[t] = own.loss, right[t] = own.right;
      counted[t] = own.counted, weight[t] = own.weight;
    }
    store_sums(block,
               {sum_in_block_order(total, kThreads), sum_in_block_order(right, kThreads),
                sum_in_block_order(counted, kThreads), sum_in_block_order(weight, kThreads)});
  }

 private:
  SADDLE_DEVICE Terms terms(const PixelLoss::Point& p) const {
    const float weight = class_weight ? class_weight[p.y] : 1.f;
    return {weight * loss.value(p), p.predicted == p.y ? 1.f : 0.f, 1.f, weight};
  }
  SADDLE_DEVICE void store_sums(int64_t block, const Terms& total) const {
    sums.loss[block] = total.loss;
    sums.right[block] = total.right;
    sums.counted[block] = total.counted;
    sums.weight[block] = total.weight;
  }
};

// dlogits <- dloss factor * class weight * dloss of the pixel / dz, 0 at pixels without a class.
// Blocks are as above.
struct PixelLossesBackward {
  static constexpr int kThreads = kPixelThreads;
  Array<const float> logits;         // [images, pixels, classes]
  Array<const uint8_t> label;        // [images, pixels]
  Array<const float> class_weight;   // [classes]; empty: 1 each
  Array<const float> dloss, factor;  // [1], multiplied; factor is empty for 1
  Array<float> dlogits;              // [images, pixels, classes]
  int64_t pixels, classes;
  PixelLoss loss = {};

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    const int64_t each = PixelLosses::blocks(pixels);
    const int64_t pixel = b.block() % each * kThreads + b.thread();
    if (pixel < pixels) write(b.block() / each * pixels + pixel);
  }

  void reference(int64_t block) const {
    const int64_t each = PixelLosses::blocks(pixels);
    const int64_t first = block % each * kThreads, image = block / each;
    const int64_t begin = image * pixels + first, end = begin + smaller(kThreads, pixels - first);
    if (loss.is_spherical()) {
      for (int64_t i = begin; i < end; ++i) write(i);
      return;
    }
    for (int64_t i = begin; i < end; i += PixelExponentialLanes::kPixels) {
      write_lanes(i, smaller(PixelExponentialLanes::kPixels, end - i));
    }
  }

 private:
  SADDLE_DEVICE float scale_of(const PixelLoss::Point& p) const {
    return dloss[0] * (factor ? factor[0] : 1.f) * (class_weight ? class_weight[p.y] : 1.f) *
           loss.slope(p);
  }

  SADDLE_DEVICE void write(int64_t i) const {
    float* to = &dlogits[i * classes];
    const int32_t y = label[i];
    if (y >= classes) {
      for (int64_t k = 0; k < classes; ++k) to[k] = 0.f;
      return;
    }
    const PixelExponentials exponentials(&logits[i * classes], classes);
    for (int64_t k = 0; k < classes; ++k) to[k] = exponentials.at(k);  // kept here until used
    PixelLoss::Point p = exponentials.point(y);
    for (int64_t k = 0; k < classes; ++k) p.add(to[k]);
    const float scale = scale_of(p), length = loss.length_of(p);
    for (int64_t k = 0; k < classes; ++k) {
      // Not 0 times a direction that is no number.
      to[k] = scale == 0.f ? 0.f : scale * loss.direction(p, k, to[k], length);
    }
  }

  // The same of `count` pixels from `first` on, where the gradient is the softmax's.
  void write_lanes(int64_t first, int64_t count) const {
    constexpr int64_t kLanes = PixelExponentialLanes::kPixels;
    PixelExponentialLanes lanes;
    lanes.load(&logits[first * classes], count, classes);
    int32_t y[kLanes] = {};
    float scale[kLanes] = {};
    for (int64_t p = 0; p < count; ++p) {
      y[p] = label[first + p];
      if (y[p] >= classes) continue;
      scale[p] = scale_of(point_of(lanes, p, &logits[(first + p) * classes], classes, y[p]));
    }
    for (int64_t k = 0; k < classes; ++k) {
      for (int64_t p = 0; p < kLanes; ++p) {
        float& value = lanes.exponential[k][p];
        const float here = k == y[p] ? 1.f : 0.f;
        value = scale[p] == 0.f
                    ? 0.f
                    : scale[p] * PixelLoss::softmax_direction(value, lanes.sum[p], here);
      }
    }
    float* to = &dlogits[first * classes];
    for (int64_t p = 0; p < count; ++p) {
      for (int64_t k = 0; k < classes; ++k) to[p * classes + k] = lanes.exponential[k][p];
    }
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
    if (b.thread() == 0) store(b.block(), loss, right, counted, weight);
  }

  void reference(int64_t image) const {
    const auto sum_of = [&](const Array<float>& from) {
      float lanes[kThreads] = {};
      for (int64_t i = 0; i < blocks; ++i) lanes[i % kThreads] += from[image * blocks + i];
      return sum_in_block_order(lanes, kThreads);
    };
    store(image, sum_of(of_blocks.loss), sum_of(of_blocks.right), sum_of(of_blocks.counted),
          sum_of(of_blocks.weight));
  }

 private:
  SADDLE_DEVICE void store(int64_t image, float loss, float right, float counted,
                           float weight) const {
    of_images.loss[image] = loss;
    of_images.right[image] = right;
    of_images.counted[image] = counted;
    of_images.weight[image] = weight;
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
