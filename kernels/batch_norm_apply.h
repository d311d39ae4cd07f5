// What batch normalisation does to every element, once the numbers of its channel are known
// (batch_norm.h): y in the forward pass, dx in the backward pass, and dx where they are constants.
//
// All rows need the same numbers, so these are kernels on spans of columns (span.h).
#pragma once

#include "kernels/array.h"
#include "kernels/limits.h"
#include "kernels/math.h"
#include "kernels/span.h"

namespace saddle {

// y <- clip(x scale + shift, low, high)
template <class T>
struct BatchNormApply {
  static constexpr int kSpan = kAccessElements<T>;
  Array<const T> x;                 // [rows, channels]
  Array<const float> scale, shift;  // [channels]
  Array<T> y;
  int64_t channels;
  Limits limits;

  template <int N>
  struct Columns {
    Floats<N> scale, shift;
  };
  template <int N>
  SADDLE_DEVICE Columns<N> columns(int64_t channel) const {
    return {load<N>(scale, channel), load<N>(shift, channel)};
  }
  template <int N>
  SADDLE_DEVICE Floats<N> fetch(int64_t row, int64_t channel) const {
    return load<N>(x, row * channels + channel);
  }
  template <int N>
  SADDLE_DEVICE void finish(int64_t row, int64_t channel, Floats<N> values,
                            const Columns<N>& of) const {
    for (int k = 0; k < N; ++k) values[k] = limits(fmaf(values[k], of.scale[k], of.shift[k]));
    store<N>(y, row * channels + channel, values);
  }
  SADDLE_DEVICE void operator()(int64_t row, int64_t channel) const {
    finish<1>(row, channel, fetch<1>(row, channel), columns<1>(channel));
  }
  bool aligned(int64_t columns) const {
    return columns % kSpan == 0 && all_aligned(x, scale, shift, y);
  }
};

// dx <- scale dz + slope (x - mean) + offset
template <class T>
struct BatchNormBackwardApply {
  static constexpr int kSpan = kAccessElements<T>;
  Array<const T> x, dy;                                  // [rows, channels]
  Array<const float> mean, scale, shift, slope, offset;  // [channels]
  Array<T> dx;
  int64_t channels;
  Limits limits;

  template <int N>
  struct Columns {
    Floats<N> mean, scale, shift, slope, offset;
  };
  template <int N>
  SADDLE_DEVICE Columns<N> columns(int64_t channel) const {
    return {load<N>(mean, channel), load<N>(scale, channel), load<N>(shift, channel),
            load<N>(slope, channel), load<N>(offset, channel)};
  }
  template <int N>
  struct Row {
    Floats<N> x, dy;
  };
  template <int N>
  SADDLE_DEVICE Row<N> fetch(int64_t row, int64_t channel) const {
    const int64_t i = row * channels + channel;
    return {load<N>(x, i), load<N>(dy, i)};
  }
  template <int N>
  SADDLE_DEVICE void finish(int64_t row, int64_t channel, const Row<N>& in,
                            const Columns<N>& of) const {
    store<N>(dx, row * channels + channel, gradient(in, of));
  }
  SADDLE_DEVICE void operator()(int64_t row, int64_t channel) const {
    finish<1>(row, channel, fetch<1>(row, channel), columns<1>(channel));
  }
  bool aligned(int64_t columns) const {
    return columns % kSpan == 0 && all_aligned(x, dy, mean, scale, shift, slope, offset, dx);
  }

  template <int N>
  SADDLE_DEVICE Floats<N> gradient(const Row<N>& in, const Columns<N>& of) const {
    Floats<N> dx;
    for (int k = 0; k < N; ++k) {
      const float dz = limits.pass(fmaf(in.x[k], of.scale[k], of.shift[k])) ? in.dy[k] : 0.f;
      dx[k] = of.scale[k] * dz + (of.slope[k] * (in.x[k] - of.mean[k]) + of.offset[k]);
    }
    return dx;
  }
};

// The same, added to a gradient that reached x by another way (the identity of a residual block).
template <class T>
struct BatchNormBackwardApplyAdd {
  static constexpr int kSpan = kAccessElements<T>;
  BatchNormBackwardApply<T> apply;
  Array<const T> addend;  // [rows, channels]

  template <int N>
  using Columns = typename BatchNormBackwardApply<T>::template Columns<N>;
  template <int N>
  SADDLE_DEVICE Columns<N> columns(int64_t channel) const {
    return apply.template columns<N>(channel);
  }
  template <int N>
  struct Row {
    typename BatchNormBackwardApply<T>::template Row<N> in;
    Floats<N> addend;
  };
  template <int N>
  SADDLE_DEVICE Row<N> fetch(int64_t row, int64_t channel) const {
    return {apply.template fetch<N>(row, channel), load<N>(addend, row * apply.channels + channel)};
  }
  template <int N>
  SADDLE_DEVICE void finish(int64_t row, int64_t channel, const Row<N>& row_in,
                            const Columns<N>& of) const {
    Floats<N> sum = apply.gradient(row_in.in, of);
    for (int k = 0; k < N; ++k) sum[k] += row_in.addend[k];
    store<N>(apply.dx, row * apply.channels + channel, sum);
  }
  SADDLE_DEVICE void operator()(int64_t row, int64_t channel) const {
    finish<1>(row, channel, fetch<1>(row, channel), columns<1>(channel));
  }
  bool aligned(int64_t columns) const { return apply.aligned(columns) && all_aligned(addend); }
};

// The gradient of y = clip(x scale + shift, low, high) where scale and shift are constants:
//   dx <- scale dz + addend
template <class T>
struct AffineBackward {
  static constexpr int kSpan = kAccessElements<T>;
  Array<const T> x, dy;             // [rows, channels]
  Array<const float> scale, shift;  // [channels]
  Array<const T> addend;            // [rows, channels]; empty: nothing else has reached x
  Array<T> dx;
  int64_t channels;
  Limits limits;

  template <int N>
  struct Columns {
    Floats<N> scale, shift;
  };
  template <int N>
  SADDLE_DEVICE Columns<N> columns(int64_t channel) const {
    return {load<N>(scale, channel), load<N>(shift, channel)};
  }
  template <int N>
  struct Row {
    Floats<N> x, dy, addend;
  };
  template <int N>
  SADDLE_DEVICE Row<N> fetch(int64_t row, int64_t channel) const {
    const int64_t i = row * channels + channel;
    return {load<N>(x, i), load<N>(dy, i), addend ? load<N>(addend, i) : Floats<N>{}};
  }
  template <int N>
  SADDLE_DEVICE void finish(int64_t row, int64_t channel, const Row<N>& in,
                            const Columns<N>& of) const {
    Floats<N> gradient;
    for (int k = 0; k < N; ++k) {
      const bool passes = limits.pass(fmaf(in.x[k], of.scale[k], of.shift[k]));
      gradient[k] = of.scale[k] * (passes ? in.dy[k] : 0.f);
    }
    if (addend) {
      for (int k = 0; k < N; ++k) gradient[k] += in.addend[k];
    }
    store<N>(dx, row * channels + channel, gradient);
  }
  SADDLE_DEVICE void operator()(int64_t row, int64_t channel) const {
    finish<1>(row, channel, fetch<1>(row, channel), columns<1>(channel));
  }
  bool aligned(int64_t columns) const {
    return columns % kSpan == 0 && all_aligned(x, dy, scale, shift, addend, dx);
  }
};

}  // namespace saddle
