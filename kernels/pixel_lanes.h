// PixelLanes: what a softmax needs to know of 16 pixels, worked out side by side.
//
// A pixel has 11 or 21 logits, which fill no vector of a CPU. So its lanes are pixels and not
// classes: each step of each loop does one class of all of them. Bits are those of a pixel at a
// time, for sums go over the classes in rising order.
#pragma once

#include <cstdint>

#include "kernels/math.h"

namespace saddle {

template <int64_t kMostClasses>
struct PixelLanes {
  static constexpr int64_t kPixels = 16;

  float exponential[kMostClasses][kPixels];  // of z - z[predicted]
  float sum[kPixels], squares[kPixels];      // of these over the classes
  int32_t predicted[kPixels];                // argmax(z)

  // Of z [pixels, classes], at most kPixels. What is left of the lanes means nothing.
  void load(const float* z, int64_t pixels, int64_t classes) {
    float best[kPixels];
    for (int64_t k = 0; k < classes; ++k) {
      for (int64_t p = 0; p < kPixels; ++p) {
        exponential[k][p] = p < pixels ? z[p * classes + k] : 0.f;  // the logits until used
      }
    }
    for (int64_t p = 0; p < kPixels; ++p) {
      best[p] = exponential[0][p];
      predicted[p] = 0;
      sum[p] = squares[p] = 0.f;
    }
    for (int64_t k = 1; k < classes; ++k) {
      for (int64_t p = 0; p < kPixels; ++p) {
        const float here = exponential[k][p];
        const bool better = here > best[p] || (best[p] != best[p] && here == here);
        best[p] = better ? here : best[p];
        predicted[p] = better ? static_cast<int32_t>(k) : predicted[p];
      }
    }
    for (int64_t k = 0; k < classes; ++k) {
      for (int64_t p = 0; p < kPixels; ++p) {
        const float e = exponential_of_negative(exponential[k][p] - best[p]);
        exponential[k][p] = e;
        sum[p] += e;
        squares[p] += e * e;
      }
    }
  }
};

}  // namespace saddle
