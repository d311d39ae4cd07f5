// Flat and grid kernels without structure: fill, add, scale, convert. T is float or Bfloat16, the
// type of activations and of their gradients.
#pragma once

#include "kernels/array.h"
#include "kernels/bfloat16.h"
#include "kernels/limits.h"
#include "kernels/math.h"
#include "kernels/span.h"

namespace saddle {

// y <- value
struct Fill {
  static constexpr int kSpan = 4;
  Array<float> y;
  float value;

  template <int N>
  SADDLE_DEVICE void span(int64_t i) const {
    Floats<N> values;
    for (int k = 0; k < N; ++k) values[k] = value;
    store<N>(y, i, values);
  }
  SADDLE_DEVICE void operator()(int64_t i) const { span<1>(i); }
  bool aligned() const { return all_aligned(y); }
};

// y <- x, rounded to y's type
template <class From, class To>
struct Convert {
  static constexpr int kSpan = 8;
  Array<const From> x;
  Array<To> y;

  template <int N>
  SADDLE_DEVICE void span(int64_t i) const {
    store<N>(y, i, load<N>(x, i));
  }
  SADDLE_DEVICE void operator()(int64_t i) const { span<1>(i); }
  bool aligned() const { return all_aligned(x, y); }
};

// y <- clip(a + b, low, high)
template <class T>
struct Add {
  static constexpr int kSpan = kAccessElements<T>;
  Array<const T> a, b;
  Array<T> y;
  Limits limits = kNoLimits;

  template <int N>
  SADDLE_DEVICE void span(int64_t i) const {
    Floats<N> sum = load<N>(a, i);
    const Floats<N> other = load<N>(b, i);
    for (int k = 0; k < N; ++k) sum[k] = limits(sum[k] + other[k]);
    store<N>(y, i, sum);
  }
  SADDLE_DEVICE void operator()(int64_t i) const { span<1>(i); }
  bool aligned() const { return all_aligned(a, b, y); }
};

// y <- y + x, for gradients of parameters, which are f32
struct AddTo {
  Array<const float> x;
  Array<float> y;
  SADDLE_DEVICE void operator()(int64_t i) const { y[i] += x[i]; }
};

// y <- factor[0] * x, the factor read on the device: the chain rule through a scalar loss
struct ScaleByScalar {
  static constexpr int kSpan = 4;
  Array<const float> x;
  Array<const float> factor;  // [1]
  Array<float> y;

  template <int N>
  SADDLE_DEVICE void span(int64_t i) const {
    Floats<N> values = load<N>(x, i);
    for (int k = 0; k < N; ++k) values[k] = factor[0] * values[k];
    store<N>(y, i, values);
  }
  SADDLE_DEVICE void operator()(int64_t i) const { span<1>(i); }
  bool aligned() const { return all_aligned(x, y); }
};

// y[row, column] <- y[row, column] + bias[column]
template <class T>
struct AddBias {
  Array<const float> bias;  // [columns]
  Array<T> y;               // [rows, columns]
  int64_t columns;
  SADDLE_DEVICE void operator()(int64_t row, int64_t column) const {
    const int64_t i = row * columns + column;
    y[i] = y[i] + bias[column];
  }
};

// y[row, column] <- scale[column] y[row, column]
struct ScaleColumns {
  Array<const float> scale;  // [columns]
  Array<float> y;            // [rows, columns]
  int64_t columns;
  SADDLE_DEVICE void operator()(int64_t row, int64_t column) const {
    y[row * columns + column] *= scale[column];
  }
};

// y[row, column] <- scale[row] y[row, column]
struct ScaleRows {
  Array<const float> scale;  // [rows]
  Array<float> y;            // [rows, columns]
  int64_t columns;
  SADDLE_DEVICE void operator()(int64_t row, int64_t column) const {
    y[row * columns + column] *= scale[row];
  }
};

// y <- clip(x, low, high)
template <class T>
struct Activate {
  static constexpr int kSpan = kAccessElements<T>;
  Array<const T> x;
  Array<T> y;
  Limits limits;

  template <int N>
  SADDLE_DEVICE void span(int64_t i) const {
    Floats<N> values = load<N>(x, i);
    for (int k = 0; k < N; ++k) values[k] = limits(values[k]);
    store<N>(y, i, values);
  }
  SADDLE_DEVICE void operator()(int64_t i) const { span<1>(i); }
  bool aligned() const { return all_aligned(x, y); }
};

// dx <- dy where low < x < high, else 0. x may be what went into the activation or what came out.
template <class T>
struct ActivateBackward {
  static constexpr int kSpan = kAccessElements<T>;
  Array<const T> x, dy;
  Array<T> dx;
  Limits limits;

  template <int N>
  SADDLE_DEVICE void span(int64_t i) const {
    const Floats<N> in = load<N>(x, i);
    Floats<N> gradient = load<N>(dy, i);
    for (int k = 0; k < N; ++k) gradient[k] = limits.pass(in[k]) ? gradient[k] : 0.f;
    store<N>(dx, i, gradient);
  }
  SADDLE_DEVICE void operator()(int64_t i) const { span<1>(i); }
  bool aligned() const { return all_aligned(x, dy, dx); }
};

// Forms of GELU, x share(x): Phi, the standard normal distribution (Hendrycks and Gimpel 2016), and
// its approximation (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2, which is a sigmoid of twice
// the tanh's argument.
struct ExactGelu {
  static SADDLE_DEVICE float share(float x) {
    return 0.5f * (1.f + error_function(x * 0.707106781f));
  }
  static SADDLE_DEVICE float slope(float x) {
    return 0.398942280f * exponential_of_negative(-0.5f * x * x);
  }
};
struct TanhGelu {
  static constexpr float kTwice = 1.59576912f, kCube = 0.044715f;

  static SADDLE_DEVICE float share(float x) {
    const float z = kTwice * (x + kCube * x * x * x);
    const float e = exponential_of_negative(z < 0.f ? z : -z);
    return (z < 0.f ? e : 1.f) / (1.f + e);
  }
  static SADDLE_DEVICE float slope(float x) {
    const float s = share(x);
    return s * (1.f - s) * (kTwice * (1.f + 3.f * kCube * x * x));
  }
};

// y <- x share(x)
template <class T, class Form>
struct Gelu {
  static constexpr int kSpan = kAccessElements<T>;
  Array<const T> x;
  Array<T> y;

  template <int N>
  SADDLE_DEVICE void span(int64_t i) const {
    Floats<N> values = load<N>(x, i);
    for (int k = 0; k < N; ++k) values[k] *= Form::share(values[k]);
    store<N>(y, i, values);
  }
  SADDLE_DEVICE void operator()(int64_t i) const { span<1>(i); }
  bool aligned() const { return all_aligned(x, y); }
};

// dx <- dy (share(x) + x slope(x))
template <class T, class Form>
struct GeluBackward {
  static constexpr int kSpan = kAccessElements<T>;
  Array<const T> x, dy;
  Array<T> dx;

  template <int N>
  SADDLE_DEVICE void span(int64_t i) const {
    const Floats<N> in = load<N>(x, i);
    Floats<N> gradient = load<N>(dy, i);
    for (int k = 0; k < N; ++k) gradient[k] *= Form::share(in[k]) + in[k] * Form::slope(in[k]);
    store<N>(dx, i, gradient);
  }
  SADDLE_DEVICE void operator()(int64_t i) const { span<1>(i); }
  bool aligned() const { return all_aligned(x, dy, dx); }
};

// y <- tanh(x)
struct Tanh {
  Array<const float> x;
  Array<float> y;
  SADDLE_DEVICE void operator()(int64_t i) const {
    const float e = exponential_of_negative(-2.f * (x[i] < 0.f ? -x[i] : x[i]));
    const float size = (1.f - e) / (1.f + e);
    // Near 0 the difference above loses its digits: there by the series.
    const float square = x[i] * x[i];
    float series = 62.f / 2835;
    series = series * square - 17.f / 315;
    series = series * square + 2.f / 15;
    series = series * square - 1.f / 3;
    const float near = x[i] + x[i] * square * series;
    y[i] = square < 0.1f ? near : x[i] < 0.f ? -size : size;
  }
};

// dx <- dy (1 - y^2)
struct TanhBackward {
  Array<const float> y, dy;
  Array<float> dx;
  SADDLE_DEVICE void operator()(int64_t i) const { dx[i] = dy[i] * (1.f - y[i] * y[i]); }
};

// y <- clip(y + residual + bias, low, high): what follows a convolution, where the library does not
// do it itself.
template <class T>
struct ConvolutionEpilogue {
  static constexpr int kSpan = kAccessElements<T>;
  Array<const T> residual;  // [rows, channels]; empty: none
  Array<const float> bias;  // [channels]; empty: none
  Array<T> y;               // [rows, channels]
  int64_t channels;
  Limits limits;

  template <int N>
  SADDLE_DEVICE void span(int64_t row, int64_t channel) const {
    const int64_t i = row * channels + channel;
    Floats<N> sum = load<N>(y, i);
    if (residual) add(load<N>(residual, i), sum);
    if (bias) add(load<N>(bias, channel), sum);
    for (int k = 0; k < N; ++k) sum[k] = limits(sum[k]);
    store<N>(y, i, sum);
  }
  SADDLE_DEVICE void operator()(int64_t row, int64_t channel) const { span<1>(row, channel); }
  bool aligned(int64_t columns) const {
    return columns % kSpan == 0 && all_aligned(residual, bias, y);
  }

 private:
  template <int N>
  static SADDLE_DEVICE void add(const Floats<N>& values, Floats<N>& sum) {
    for (int k = 0; k < N; ++k) sum[k] += values[k];
  }
};

}  // namespace saddle
