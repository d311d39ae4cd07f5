// The activations that are limits: y = clip(z, low, high), through which the gradient passes where
// low < z < high, both ends excluded, as in PyTorch. ReLU, ReLU6 (MobileNets) and none are of this
// kind, so whatever a convolution or a normalisation is followed by costs two comparisons.
#pragma once

#include <cmath>

#include "kernels/math.h"

namespace saddle {

struct Limits {
  float low, high;
  SADDLE_DEVICE float operator()(float z) const { return clip(z, low, high); }
  // Both comparisons are made, so that loops vectorise.
  SADDLE_DEVICE bool pass(float z) const { return (z > low) & (z < high); }
};

inline constexpr Limits kNoLimits = {-INFINITY, INFINITY};
inline constexpr Limits kRelu = {0.f, INFINITY};
inline constexpr Limits kRelu6 = {0.f, 6.f};

}  // namespace saddle
