// The gradient of a 3x3 convolution with respect to an image of few channels, which every attack
// ends in, for one width of vectors.
//
// Library kernels fill their vectors with input channels and leave most lanes empty for 1 or 3 of
// them. Here every pixel of dy is multiplied with all taps of all input channels at once,
//   products[pixel][tap, i] = sum over o of dy[pixel][o] w[o][tap, i],
// and each pixel of dx then adds up the nine that reach it.
#pragma once

#include <omp.h>

#include "core/host_memory.h"
#include "core/register_tile.h"
#include "core/vector_code.h"

namespace saddle::thin {

template <int kLanes>
class ThinImages {
 public:
  static void backward_data(const Convolution3x3& s, const float* dy, const float* w, float* dx) {
    switch (s.in) {
      case 1: return of_channels<1>(s, dy, w, dx);
      case 2: return of_channels<2>(s, dy, w, dx);
      case 3: return of_channels<3>(s, dy, w, dx);
      default: return of_channels<4>(s, dy, w, dx);
    }
  }

 private:
  using Vec = typename Lanes<kLanes>::Vec;

  // products[t][kVectors * kLanes] = dy[t][out] w[out][kVectors * kLanes] for kPixels pixels.
  template <int kPixels, int kVectors>
  static void multiply(const float* dy, std::int64_t out, const float* w, float* products) {
    constexpr int kRow = kVectors * kLanes;
    RegisterTile<kLanes, kPixels, kVectors> sums;
    sums.clear();
    sums.add(
        out, [=](std::int64_t t, std::int64_t o) { return dy[t * out + o]; }, w, kRow);
    sums.store(products, kRow);
  }

  // dx[y, x] = sum over taps of products[y + 1 - ky, x + 1 - kx][ky, kx]
  template <int kIn>
  static void collect(const Convolution3x3& s, const float* products, std::int64_t row, float* dx) {
    for (std::int64_t y = 0; y < s.height; ++y) {
      for (std::int64_t x = 0; x < s.width; ++x) {
        float sum[kIn] = {};
        for (int ky = 0; ky < 3; ++ky) {
          const std::int64_t from_y = y + 1 - ky;
          if (from_y < 0 || from_y >= s.height) continue;
          for (int kx = 0; kx < 3; ++kx) {
            const std::int64_t from_x = x + 1 - kx;
            if (from_x < 0 || from_x >= s.width) continue;
            const float* from = products + (from_y * s.width + from_x) * row + (ky * 3 + kx) * kIn;
            for (int i = 0; i < kIn; ++i) sum[i] += from[i];
          }
        }
        for (int i = 0; i < kIn; ++i) dx[(y * s.width + x) * kIn + i] = sum[i];
      }
    }
  }

  template <int kIn>
  static void of_channels(const Convolution3x3& s, const float* dy, const float* w, float* dx) {
    constexpr int kTaps = 9 * kIn, kVectors = (kTaps + kLanes - 1) / kLanes;
    constexpr int kRow = kVectors * kLanes;
    constexpr int kPixels = 12 / kVectors;  // sums that fit into 16 registers
    const std::int64_t pixels = s.height * s.width;
    const std::int64_t per_image = pixels * kRow;
    float* padded = working_memory(s.out * kRow + omp_get_max_threads() * per_image);
    for (std::int64_t o = 0; o < s.out; ++o) {
      for (int k = 0; k < kRow; ++k) padded[o * kRow + k] = k < kTaps ? w[o * kTaps + k] : 0.f;
    }
    float* all_products = padded + s.out * kRow;
#pragma omp parallel for schedule(static)
    for (std::int64_t image = 0; image < s.images; ++image) {
      float* products = all_products + omp_get_thread_num() * per_image;
      const float* from = dy + image * pixels * s.out;
      std::int64_t t = 0;
      for (; t + kPixels <= pixels; t += kPixels)
        multiply<kPixels, kVectors>(from + t * s.out, s.out, padded, products + t * kRow);
      for (; t < pixels; ++t)
        multiply<1, kVectors>(from + t * s.out, s.out, padded, products + t * kRow);
      collect<kIn>(s, products, kRow, dx + image * pixels * kIn);
    }
  }
};

}  // namespace saddle::thin
