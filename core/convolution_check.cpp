#include "core/convolution_check.h"

#include <vector>

namespace saddle {
namespace {

// A well mixed function of (index, seed): MurmurHash3's finaliser.
std::uint32_t mixed(std::uint32_t index, std::uint32_t seed) {
  std::uint32_t h = index * 0x9e3779b1u ^ seed * 0x85ebca6bu;
  h = (h ^ h >> 16) * 0x85ebca6bu;
  h = (h ^ h >> 13) * 0xc2b2ae35u;
  return h ^ h >> 16;
}

// The random combination: integers from 1 to 2^15. Sums stay far below 2^53: exact in double.
std::vector<double> combination(std::int64_t channels) {
  constexpr std::uint32_t kSeed = 99;
  std::vector<double> r(static_cast<std::size_t>(channels));
  for (std::size_t c = 0; c < r.size(); ++c)
    r[c] = 1 + (mixed(static_cast<std::uint32_t>(c), kSeed) >> 17);
  return r;
}

double dot(const float* a, const double* b, std::int64_t count) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)  // every order gives the same: the sums are exact
  for (std::int64_t i = 0; i < count; ++i) sum += double{a[i]} * b[i];
  return sum;
}

// Of each row of [rows, channels].
std::vector<double> combined_rows(const float* values, std::int64_t rows, std::int64_t channels) {
  const std::vector<double> r = combination(channels);
  std::vector<double> combined(static_cast<std::size_t>(rows));
#pragma omp parallel for schedule(static)
  for (std::int64_t row = 0; row < rows; ++row)
    combined[static_cast<std::size_t>(row)] = dot(values + row * channels, r.data(), channels);
  return combined;
}

}  // namespace

void fill_with_integers(std::span<float> values, std::uint32_t seed) {
  const auto count = static_cast<std::int64_t>(values.size());
#pragma omp parallel for schedule(static)
  for (std::int64_t i = 0; i < count; ++i) {
    const std::uint32_t bits = mixed(static_cast<std::uint32_t>(i), seed);
    values[static_cast<std::size_t>(i)] =
        static_cast<float>(static_cast<std::int32_t>(std::uint64_t{bits} * 5 >> 32) - 2);
  }
}

bool is_convolution(const Convolution& s, const float* x, const float* w, const float* residual,
                    const float* y) {
  const std::int64_t taps = s.kernel * s.kernel * s.in_channels;
  const std::vector<double> r = combination(s.out_channels);
  std::vector<double> filter(static_cast<std::size_t>(taps));  // sum_o r[o] w[o]
  for (std::int64_t o = 0; o < s.out_channels; ++o)
    for (std::int64_t t = 0; t < taps; ++t)
      filter[static_cast<std::size_t>(t)] +=
          r[static_cast<std::size_t>(o)] * double{w[o * taps + t]};

  const std::int64_t height = s.out_height(), width = s.out_width();
  bool right = true;
#pragma omp parallel for schedule(static) reduction(&& : right)
  for (std::int64_t row = 0; row < s.batch * height; ++row) {
    const std::int64_t n = row / height, oy = row % height;
    for (std::int64_t ox = 0; ox < width; ++ox) {
      const std::int64_t place = (row * width + ox) * s.out_channels;
      double want = residual ? dot(residual + place, r.data(), s.out_channels) : 0.;
      for (std::int64_t ky = 0; ky < s.kernel; ++ky) {
        const std::int64_t iy = oy * s.stride + ky * s.dilation - s.padding;
        if (iy < 0 || iy >= s.height) continue;
        for (std::int64_t kx = 0; kx < s.kernel; ++kx) {
          const std::int64_t ix = ox * s.stride + kx * s.dilation - s.padding;
          if (ix < 0 || ix >= s.width) continue;
          want += dot(x + ((n * s.height + iy) * s.width + ix) * s.in_channels,
                      filter.data() + (ky * s.kernel + kx) * s.in_channels, s.in_channels);
        }
      }
      right = right && dot(y + place, r.data(), s.out_channels) == want;
    }
  }
  return right;
}

bool is_data_gradient(const Convolution& s, const float* dy, const float* w, const float* dx) {
  // [ky, kx, o]: sum_i r[i] w[o, ky, kx, i]
  const std::int64_t area = s.kernel * s.kernel;
  const std::vector<double> by_output = combined_rows(w, s.out_channels * area, s.in_channels);
  std::vector<double> filter(by_output.size());
  for (std::int64_t o = 0; o < s.out_channels; ++o)
    for (std::int64_t t = 0; t < area; ++t)
      filter[static_cast<std::size_t>(t * s.out_channels + o)] =
          by_output[static_cast<std::size_t>(o * area + t)];

  const std::vector<double> r = combination(s.in_channels);
  const std::int64_t height = s.out_height(), width = s.out_width();
  bool right = true;
#pragma omp parallel for schedule(static) reduction(&& : right)
  for (std::int64_t row = 0; row < s.batch * s.height; ++row) {
    const std::int64_t n = row / s.height, iy = row % s.height;
    for (std::int64_t ix = 0; ix < s.width; ++ix) {
      double want = 0;
      for (std::int64_t ky = 0; ky < s.kernel; ++ky) {
        const std::int64_t y = iy + s.padding - ky * s.dilation;  // oy stride
        if (y < 0 || y % s.stride != 0 || y / s.stride >= height) continue;
        for (std::int64_t kx = 0; kx < s.kernel; ++kx) {
          const std::int64_t x = ix + s.padding - kx * s.dilation;
          if (x < 0 || x % s.stride != 0 || x / s.stride >= width) continue;
          want += dot(dy + ((n * height + y / s.stride) * width + x / s.stride) * s.out_channels,
                      filter.data() + (ky * s.kernel + kx) * s.out_channels, s.out_channels);
        }
      }
      right =
          right && dot(dx + (row * s.width + ix) * s.in_channels, r.data(), s.in_channels) == want;
    }
  }
  return right;
}

bool is_weight_gradient(const Convolution& s, const float* x, const float* dy, const float* dw) {
  const std::vector<double> pixels = combined_rows(x, s.batch * s.height * s.width, s.in_channels);
  const std::int64_t height = s.out_height(), width = s.out_width();
  const std::int64_t area = s.kernel * s.kernel;
  std::vector<double> want(static_cast<std::size_t>(area * s.out_channels));  // [ky, kx, o]
#pragma omp parallel for schedule(static)
  for (std::int64_t tap = 0; tap < area; ++tap) {
    double* sums = want.data() + tap * s.out_channels;
    for (std::int64_t row = 0; row < s.batch * height; ++row) {
      const std::int64_t n = row / height;
      const std::int64_t iy = row % height * s.stride + tap / s.kernel * s.dilation - s.padding;
      if (iy < 0 || iy >= s.height) continue;
      for (std::int64_t ox = 0; ox < width; ++ox) {
        const std::int64_t ix = ox * s.stride + tap % s.kernel * s.dilation - s.padding;
        if (ix < 0 || ix >= s.width) continue;
        const double pixel = pixels[static_cast<std::size_t>((n * s.height + iy) * s.width + ix)];
        const float* gradient = dy + (row * width + ox) * s.out_channels;
        for (std::int64_t o = 0; o < s.out_channels; ++o) sums[o] += pixel * double{gradient[o]};
      }
    }
  }
  const std::vector<double> got = combined_rows(dw, s.out_channels * area, s.in_channels);
  for (std::int64_t o = 0; o < s.out_channels; ++o)
    for (std::int64_t tap = 0; tap < area; ++tap)
      if (got[static_cast<std::size_t>(o * area + tap)] !=
          want[static_cast<std::size_t>(tap * s.out_channels + o)])
        return false;
  return true;
}

}  // namespace saddle
