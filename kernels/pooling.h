// Global average pooling over the pixels of an NHWC image.
#pragma once

#include "kernels/array.h"

namespace saddle {

// y[n, c] <- mean over pixels of x[n, pixel, c]
struct GlobalAveragePool {
  Array<const float> x;  // [images, pixels, channels]
  Array<float> y;        // [images, channels]
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
struct GlobalAveragePoolBackward {
  Array<const float> dy;  // [images, channels]
  Array<float> dx;        // [images, pixels, channels]
  int64_t pixels, channels;
  SADDLE_DEVICE void operator()(int64_t row, int64_t channel) const {
    dx[row * channels + channel] =
        dy[row / pixels * channels + channel] * (1.f / static_cast<float>(pixels));
  }
};

}  // namespace saddle
