// Global average pooling over the pixels of an NHWC image. T is the images' type, float or
// Bfloat16; the means are f32.
#pragma once

#include "kernels/array.h"
#include "kernels/span.h"

namespace saddle {

// y[n, c] <- mean over pixels of x[n, pixel, c]
template <class T>
struct GlobalAveragePool {
  Array<const T> x;  // [images, pixels, channels]
  Array<float> y;    // [images, channels]
  int64_t pixels, channels;
  SADDLE_DEVICE void operator()(int64_t image, int64_t channel) const {
    float sum = 0.f;
    for (int64_t pixel = 0; pixel < pixels; ++pixel) {
      sum += x[(image * pixels + pixel) * channels + channel];
    }
    y[image * channels + channel] = sum / static_cast<float>(pixels);
  }
};

// dx[n, pixel, c] <- dy[n, c] / pixels; rows are image * pixels + pixel
template <class T>
struct GlobalAveragePoolBackward {
  static constexpr int kSpan = kAccessElements<T>;
  Array<const float> dy;  // [images, channels]
  Array<T> dx;            // [images, pixels, channels]
  int64_t pixels, channels;

  template <int N>
  SADDLE_DEVICE void span(int64_t row, int64_t channel) const {
    Floats<N> values = load<N>(dy, row / pixels * channels + channel);
    for (int k = 0; k < N; ++k) values[k] *= 1.f / static_cast<float>(pixels);
    store<N>(dx, row * channels + channel, values);
  }
  SADDLE_DEVICE void operator()(int64_t row, int64_t channel) const { span<1>(row, channel); }
  bool aligned(int64_t columns) const { return columns % kSpan == 0 && all_aligned(dy, dx); }
};

}  // namespace saddle
