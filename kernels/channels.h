// Images with a few channels more, all zero, and back. Matrix units read channels in vectors of 16
// bytes; the first layer's one or three do not fill one. Zeros add nothing to any sum.
#pragma once

#include "kernels/array.h"
#include "kernels/bfloat16.h"

namespace saddle {

// y[row, :channels] <- x[row, :], y[row, channels:] <- 0. One call an element of y.
template <class T>
struct PadChannels {
  Array<const T> x;  // [rows, channels]
  Array<T> y;        // [rows, padded]
  int64_t channels, padded;
  SADDLE_DEVICE void operator()(int64_t row, int64_t channel) const {
    y[row * padded + channel] = channel < channels ? x[row * channels + channel] : T(0.f);
  }
};

// y[row, :] <- x[row, :channels]. One call an element of y.
template <class T>
struct CropChannels {
  Array<const T> x;  // [rows, padded]
  Array<T> y;        // [rows, channels]
  int64_t channels, padded;
  SADDLE_DEVICE void operator()(int64_t row, int64_t channel) const {
    y[row * channels + channel] = x[row * padded + channel];
  }
};

}  // namespace saddle
