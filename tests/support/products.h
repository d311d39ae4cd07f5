// The products of a convolution one by one, for plain loops that share no line with the engine's.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/device.h"

namespace saddle::testing_support {

// Calls body(x index, w index, y index) for every product of the convolution; images NHWC, weights
// [out, kernel, kernel, in].
template <class Body>
void for_each_product(const Convolution& s, const Body& body) {
  for (std::int64_t n = 0; n < s.batch; ++n)
    for (std::int64_t oy = 0; oy < s.out_height(); ++oy)
      for (std::int64_t ox = 0; ox < s.out_width(); ++ox)
        for (std::int64_t ky = 0; ky < s.kernel; ++ky)
          for (std::int64_t kx = 0; kx < s.kernel; ++kx) {
            const std::int64_t iy = oy * s.stride + ky * s.dilation - s.padding;
            const std::int64_t ix = ox * s.stride + kx * s.dilation - s.padding;
            if (iy < 0 || iy >= s.height || ix < 0 || ix >= s.width) continue;
            const std::int64_t x = ((n * s.height + iy) * s.width + ix) * s.in_channels;
            const std::int64_t y =
                ((n * s.out_height() + oy) * s.out_width() + ox) * s.out_channels;
            for (std::int64_t o = 0; o < s.out_channels; ++o) {
              const std::int64_t w = ((o * s.kernel + ky) * s.kernel + kx) * s.in_channels;
              for (std::int64_t i = 0; i < s.in_channels; ++i) {
                body(static_cast<std::size_t>(x + i), static_cast<std::size_t>(w + i),
                     static_cast<std::size_t>(y + o));
              }
            }
          }
}

}  // namespace saddle::testing_support
