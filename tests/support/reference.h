// The ops as plain loops in double: slow, obvious, and sharing no line with the engine.
//
// Images are NHWC, convolution weights [out, kernel, kernel, in], as in core/ops.h.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace saddle::testing_support {

using Values = std::vector<double>;

struct ConvolutionSize {
  std::int64_t batch, height, width, in, out, kernel, stride, padding, dilation = 1;

  std::int64_t reach() const { return dilation * (kernel - 1) + 1; }
  std::int64_t out_height() const { return (height + 2 * padding - reach()) / stride + 1; }
  std::int64_t out_width() const { return (width + 2 * padding - reach()) / stride + 1; }
};

// y [batch, out_height, out_width, out]
inline Values convolution_reference(const ConvolutionSize& s, const Values& x, const Values& w) {
  Values y;
  for (std::int64_t n = 0; n < s.batch; ++n)
    for (std::int64_t oy = 0; oy < s.out_height(); ++oy)
      for (std::int64_t ox = 0; ox < s.out_width(); ++ox)
        for (std::int64_t o = 0; o < s.out; ++o) {
          double sum = 0;
          for (std::int64_t ky = 0; ky < s.kernel; ++ky)
            for (std::int64_t kx = 0; kx < s.kernel; ++kx) {
              const std::int64_t iy = oy * s.stride + ky * s.dilation - s.padding,
                                 ix = ox * s.stride + kx * s.dilation - s.padding;
              if (iy < 0 || iy >= s.height || ix < 0 || ix >= s.width) continue;
              for (std::int64_t i = 0; i < s.in; ++i) {
                sum +=
                    x[static_cast<std::size_t>(((n * s.height + iy) * s.width + ix) * s.in + i)] *
                    w[static_cast<std::size_t>(((o * s.kernel + ky) * s.kernel + kx) * s.in + i)];
              }
            }
          y.push_back(sum);
        }
  return y;
}

struct BatchNormSize {
  std::size_t rows, channels;
  double eps;
};

// Mean and variance (of n, biased) of each channel of x [rows, channels].
struct Statistics {
  Values mean, variance;
};

inline Statistics statistics_reference(const BatchNormSize& s, const Values& x) {
  Statistics found{Values(s.channels, 0.), Values(s.channels, 0.)};
  const double n = static_cast<double>(s.rows);
  for (std::size_t i = 0; i < x.size(); ++i) found.mean[i % s.channels] += x[i] / n;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double apart = x[i] - found.mean[i % s.channels];
    found.variance[i % s.channels] += apart * apart / n;
  }
  return found;
}

// gamma (x - mean) / sqrt(variance + eps) + beta, then clipped to [low, high].
inline Values batch_norm_reference(const BatchNormSize& s, const Values& x, const Values& gamma,
                                   const Values& beta, const Statistics& statistics, double low,
                                   double high) {
  Values y;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t c = i % s.channels;
    const double z =
        gamma[c] * (x[i] - statistics.mean[c]) / std::sqrt(statistics.variance[c] + s.eps) +
        beta[c];
    y.push_back(std::clamp(z, low, high));
  }
  return y;
}

// x [batch, in] times w [out, in] transposed, plus bias [out]
inline Values linear_reference(std::size_t in, const Values& x, const Values& w,
                               const Values& bias) {
  Values y;
  for (std::size_t n = 0; n < x.size() / in; ++n)
    for (std::size_t o = 0; o < bias.size(); ++o) {
      double sum = bias[o];
      for (std::size_t i = 0; i < in; ++i) sum += x[n * in + i] * w[o * in + i];
      y.push_back(sum);
    }
  return y;
}

// x [batch, pixels, channels] -> [batch, channels]
inline Values average_pool_reference(std::size_t pixels, std::size_t channels, const Values& x) {
  Values y(x.size() / pixels, 0.);
  for (std::size_t i = 0; i < x.size(); ++i) {
    y[i / (pixels * channels) * channels + i % channels] += x[i] / static_cast<double>(pixels);
  }
  return y;
}

// -log softmax(z)[label] of each row of z [rows, classes]
inline Values cross_entropy_reference(const Values& z, const std::vector<std::int32_t>& labels) {
  Values losses;
  const std::size_t classes = z.size() / labels.size();
  for (std::size_t row = 0; row < labels.size(); ++row) {
    double sum = 0;
    for (std::size_t k = 0; k < classes; ++k) sum += std::exp(z[row * classes + k]);
    losses.push_back(std::log(sum) - z[row * classes + static_cast<std::size_t>(labels[row])]);
  }
  return losses;
}

inline double sum_of(const Values& values) {
  double sum = 0;
  for (double value : values) sum += value;
  return sum;
}

inline Values absolute(Values values) {
  for (double& value : values) value = std::abs(value);
  return values;
}

}  // namespace saddle::testing_support
