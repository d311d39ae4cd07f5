#include "core/thin_convolution.h"

#include <vector>

#include "core/vector.h"

namespace saddle::thin {
namespace {

constexpr std::int64_t kMostChannels = 4;

// w [out, 3, 3, in] as [in, 3, 3, out], so that the output channels of a tap lie together.
std::vector<float> transposed(const Convolution& shape, const float* w) {
  const std::int64_t in = shape.in_channels, out = shape.out_channels;
  std::vector<float> result(static_cast<std::size_t>(in * 9 * out));
  for (std::int64_t o = 0; o < out; ++o) {
    for (std::int64_t tap = 0; tap < 9; ++tap) {
      for (std::int64_t i = 0; i < in; ++i) {
        result[static_cast<std::size_t>((i * 9 + tap) * out + o)] = w[(o * 9 + tap) * in + i];
      }
    }
  }
  return result;
}

}  // namespace

bool applies(const Convolution& shape) {
  return shape.kernel == 3 && shape.stride == 1 && shape.padding == 1 && shape.dilation == 1 &&
         shape.in_channels <= kMostChannels && shape.out_channels % kLanes == 0;
}

void convolution_backward_data(const Convolution& shape, const float* dy, const float* w,
                               float* dx) {
  const std::int64_t in = shape.in_channels, out = shape.out_channels;
  const std::int64_t height = shape.height, width = shape.width;
  const std::vector<float> taps = transposed(shape, w);
#pragma omp parallel for schedule(static)
  for (std::int64_t row = 0; row < shape.batch * height; ++row) {
    const std::int64_t y = row % height;
    for (std::int64_t x = 0; x < width; ++x) {
      Vec sum[kMostChannels] = {};
      // dx[y, x] = sum over taps of dy[y + 1 - ky, x + 1 - kx] . w[ky, kx]
      for (std::int64_t ky = 0; ky < 3; ++ky) {
        if (y + 1 - ky < 0 || y + 1 - ky >= height) continue;
        for (std::int64_t kx = 0; kx < 3; ++kx) {
          if (x + 1 - kx < 0 || x + 1 - kx >= width) continue;
          const float* from = dy + ((row + 1 - ky) * width + x + 1 - kx) * out;
          const float* tap = taps.data() + (ky * 3 + kx) * out;
          for (std::int64_t o = 0; o < out; o += kLanes) {
            const Vec gradient = load(from + o);
            for (std::int64_t i = 0; i < in; ++i) sum[i] += gradient * load(tap + i * 9 * out + o);
          }
        }
      }
      for (std::int64_t i = 0; i < in; ++i) dx[(row * width + x) * in + i] = sum_of_lanes(sum[i]);
    }
  }
}

}  // namespace saddle::thin
