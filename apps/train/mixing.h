// Mixup (Zhang et al. 2018) and CutMix (Yun et al. 2019) of a training batch with itself in reverse
// order; one draw a batch, as timm's Mixup in its mode `batch`.
#pragma once

#include <array>
#include <cstdint>

#include "core/loss.h"

namespace saddle {

// How a batch is mixed. `share` is the weight of an image's own label.
struct Mix {
  float blend = 1, share = 1;
  std::array<std::int32_t, 4> box = {};  // top, left, bottom, right: from the other image
};

// Mixup: blend = share ~ Beta(mixup, mixup). CutMix: a box at a random place whose sides are
// sqrt(1 - lambda) of the image's, lambda ~ Beta(cutmix, cutmix), cut off at the border; share is
// what is left of the area. 0 turns either off; where both are on, each comes half the time. The
// draw depends on seed and step alone.
Mix draw_mix(double mixup, double cutmix, std::int64_t height, std::int64_t width,
             std::uint64_t seed, std::uint32_t step);

// A Mix on the device, where captured work reads it.
class DeviceMix {
 public:
  explicit DeviceMix(Device& device);
  void set(const Mix& mix);
  // The images of `batch` become mixed ones, with two targets each.
  void mix(Batch& batch) const;

 private:
  Tensor weights_;  // f32 [2]: blend, share
  Tensor box_;      // i32 [4]
};

}  // namespace saddle
