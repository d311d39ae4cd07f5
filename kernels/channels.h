// Images with other channels: with a few more, all zero (matrix units read channels in vectors of
// 16 bytes; the first layer's one or three do not fill one, and zeros add nothing to any sum), or
// several images' side by side, and back.
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

// y[row, y_first + i] <- x[row, x_first + i]. One call an element that is copied.
template <class T>
struct CopyChannels {
  Array<const T> x;  // [rows, x_channels]
  Array<T> y;        // [rows, y_channels]
  int64_t x_channels, x_first, y_channels, y_first;
  SADDLE_DEVICE void operator()(int64_t row, int64_t i) const {
    y[row * y_channels + y_first + i] = x[row * x_channels + x_first + i];
  }
};

// y[n, pixel, first + i] <- x[n, i]: the same at every pixel of an image. Rows are n * pixels +
// pixel.
template <class T>
struct SpreadOverPixels {
  Array<const float> x;  // [images, channels]
  Array<T> y;            // [images, pixels, y_channels]
  int64_t pixels, channels, y_channels, first;
  SADDLE_DEVICE void operator()(int64_t row, int64_t i) const {
    y[row * y_channels + first + i] = x[row / pixels * channels + i];
  }
};

// dx[n, i] <- the sum over pixels of dy[n, pixel, first + i], its gradient.
template <class T>
struct SumOverPixels {
  Array<const T> dy;  // [images, pixels, y_channels]
  Array<float> dx;    // [images, channels]
  int64_t pixels, channels, y_channels, first;
  SADDLE_DEVICE void operator()(int64_t image, int64_t i) const {
    float sum = 0.f;
    for (int64_t pixel = 0; pixel < pixels; ++pixel) {
      sum += dy[(image * pixels + pixel) * y_channels + first + i];
    }
    dx[image * channels + i] = sum;
  }
};

}  // namespace saddle
