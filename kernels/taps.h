// The middle tap of a convolution's weights. Where the dilation is as large as the image, every
// other tap lies in the padding, so the convolution is a 1x1 one of this tap and the other taps'
// gradient is 0.
#pragma once

#include "kernels/array.h"
#include "kernels/bfloat16.h"

namespace saddle {

// y[o, i] <- w[o, middle, i]; the taps of a kernel are an odd number.
template <class T>
struct MiddleTap {
  Array<const T> w;  // [out, taps, in]
  Array<T> y;        // [out, in]
  int64_t taps, in;
  SADDLE_DEVICE void operator()(int64_t out, int64_t i) const {
    y[out * in + i] = w[(out * taps + taps / 2) * in + i];
  }
};

// dw[o, t, i] <- dy[o, i] at the middle tap, 0 at the others; a row is o * taps + t.
struct MiddleTapBackward {
  Array<const float> dy;  // [out, in]
  Array<float> dw;        // [out, taps, in]
  int64_t taps, in;
  SADDLE_DEVICE void operator()(int64_t row, int64_t i) const {
    dw[row * in + i] = row % taps == taps / 2 ? dy[row / taps * in + i] : 0.f;
  }
};

}  // namespace saddle
