// The scalar functions kernels use, by one name on CPU and GPU.
//
// exp and log go through here so that a place exists to swap in one implementation for all targets.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/portable.h"

namespace saddle {

SADDLE_DEVICE float clip(float value, float low, float high) {
  const float raised = value < low ? low : value;  // two choices in a row, so that loops vectorise
  return raised > high ? high : raised;
}

// -1, 0 or 1; sign(0) = 0, as every published attack assumes. NaN gives 0.
SADDLE_DEVICE float sign(float value) {
  return static_cast<float>(value > 0.f) - static_cast<float>(value < 0.f);
}

// The larger of the two; a NaN in `a` stays, so that a broken value shows instead of becoming `b`.
SADDLE_DEVICE float larger(float a, float b) { return a < b ? b : a; }

SADDLE_DEVICE float exponential(float value) { return expf(value); }
SADDLE_DEVICE float logarithm(float value) { return logf(value); }
SADDLE_DEVICE float square_root(float value) { return sqrtf(value); }

SADDLE_DEVICE int64_t ceil_divide(int64_t a, int64_t b) { return (a + b - 1) / b; }
SADDLE_DEVICE int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

}  // namespace saddle
