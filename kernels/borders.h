// Images within a border of zeros, and back.
#pragma once

#include "kernels/array.h"
#include "kernels/bfloat16.h"
#include "kernels/span.h"

namespace saddle {

// y[n, oy, ox, :] <- x[n, oy + shift, ox + shift, :], 0 outside x. A shift of -b puts b zeros
// around the image, one of b takes a border of b away. Rows are pixels of y.
template <class T>
struct ShiftPixels {
  static constexpr int kSpan = kAccessElements<T>;
  Array<const T> x;  // [images, height, width, channels]
  Array<T> y;        // [images, out_height, out_width, channels]
  int64_t height, width, out_height, out_width, channels, shift;

  template <int N>
  SADDLE_DEVICE void span(int64_t row, int64_t channel) const {
    const int64_t iy = row / out_width % out_height + shift, ix = row % out_width + shift;
    const int64_t image = row / out_width / out_height;
    const bool inside = iy >= 0 && iy < height && ix >= 0 && ix < width;
    Floats<N> values = {};
    if (inside) values = load<N>(x, ((image * height + iy) * width + ix) * channels + channel);
    store<N>(y, row * channels + channel, values);
  }
  SADDLE_DEVICE void operator()(int64_t row, int64_t channel) const { span<1>(row, channel); }
  bool aligned(int64_t columns) const { return columns % kSpan == 0 && all_aligned(x, y); }
};

}  // namespace saddle
