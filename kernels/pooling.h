// Pooling of NHWC images: the mean over all pixels, and the maximum in a window. T is the images'
// type, float or Bfloat16; the means are f32.
#pragma once

#include <cmath>

#include "kernels/array.h"
#include "kernels/math.h"
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

// Windows of kernel x kernel pixels, `stride` apart, over an image with a border of `padding`
// pixels that no maximum is ever taken from.
struct PoolWindows {
  int64_t height, width, channels, out_height, out_width, kernel, stride, padding;
};

// y <- the maximum of the window, tap <- its place in it (ky * kernel + kx): the first in this
// order among equals, but a NaN is larger than all numbers. Rows are pixels of y. As PyTorch's
// max_pool2d.
template <class T>
struct MaxPool {
  Array<const T> x;    // [batch, height, width, channels]
  Array<T> y;          // [batch, out_height, out_width, channels]
  Array<uint8_t> tap;  // as y
  PoolWindows windows;
  SADDLE_DEVICE void operator()(int64_t row, int64_t channel) const {
    const PoolWindows& s = windows;
    const int64_t ox = row % s.out_width, oy = row / s.out_width % s.out_height;
    const int64_t image = row / s.out_width / s.out_height;
    float best = -INFINITY;
    int64_t found = -1;
    for (int64_t ky = 0; ky < s.kernel; ++ky) {
      const int64_t iy = oy * s.stride + ky - s.padding;
      if (iy < 0 || iy >= s.height) continue;
      for (int64_t kx = 0; kx < s.kernel; ++kx) {
        const int64_t ix = ox * s.stride + kx - s.padding;
        if (ix < 0 || ix >= s.width) continue;
        const float value = x[((image * s.height + iy) * s.width + ix) * s.channels + channel];
        const bool wins = found < 0 || value > best || (value != value && best == best);
        best = wins ? value : best;
        found = wins ? ky * s.kernel + kx : found;
      }
    }
    y[row * s.channels + channel] = best;
    tap[row * s.channels + channel] = static_cast<uint8_t>(found);
  }
};

// dx <- the sum of dy over the windows whose maximum this pixel was. Rows are pixels of x.
template <class T>
struct MaxPoolBackward {
  Array<const T> dy;         // [batch, out_height, out_width, channels]
  Array<const uint8_t> tap;  // as dy
  Array<T> dx;               // [batch, height, width, channels]
  PoolWindows windows;
  SADDLE_DEVICE void operator()(int64_t row, int64_t channel) const {
    const PoolWindows& s = windows;
    const int64_t ix = row % s.width, iy = row / s.width % s.height;
    const int64_t image = row / s.width / s.height;
    float sum = 0.f;
    for (int64_t oy = first_window(iy); oy < s.out_height && oy * s.stride <= iy + s.padding;
         ++oy) {
      for (int64_t ox = first_window(ix); ox < s.out_width && ox * s.stride <= ix + s.padding;
           ++ox) {
        const int64_t ky = iy + s.padding - oy * s.stride, kx = ix + s.padding - ox * s.stride;
        const int64_t i = ((image * s.out_height + oy) * s.out_width + ox) * s.channels + channel;
        sum += tap[i] == ky * s.kernel + kx ? static_cast<float>(dy[i]) : 0.f;
      }
    }
    dx[row * s.channels + channel] = sum;
  }

 private:
  // The first window that covers the pixel.
  SADDLE_DEVICE int64_t first_window(int64_t pixel) const {
    const int64_t beyond = pixel + windows.padding - windows.kernel + 1;
    return beyond <= 0 ? 0 : ceil_divide(beyond, windows.stride);
  }
};

}  // namespace saddle
