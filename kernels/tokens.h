// From a map of patches to a sequence of tokens and back, and the branches of its residual blocks.
// T is float or Bfloat16.
#pragma once

#include "kernels/array.h"
#include "kernels/bfloat16.h"
#include "kernels/philox.h"
#include "kernels/span.h"

namespace saddle {

// y[n, 0, :] <- cls + position[0, :], y[n, t, :] <- patches[n, t - 1, :] + bias + position[t, :].
// A row is n * tokens + t. Dosovitskiy et al. 2021.
template <class T>
struct EmbedTokens {
  Array<const T> patches;        // [N, tokens - 1, columns]
  Array<const float> bias, cls;  // [columns]
  Array<const float> position;   // [tokens, columns]
  Array<T> y;                    // [N, tokens, columns]
  int64_t tokens, columns;
  SADDLE_DEVICE void operator()(int64_t row, int64_t column) const {
    const int64_t image = row / tokens, token = row % tokens;
    const float value =
        token == 0 ? cls[column]
                   : patches[(image * (tokens - 1) + token - 1) * columns + column] + bias[column];
    y[row * columns + column] = value + position[token * columns + column];
  }
};

// y[n, t, :] <- x[n, t + 1, :]; a row is n * (tokens - 1) + t, tokens those of x.
template <class T>
struct WithoutFirstToken {
  Array<const T> x;
  Array<T> y;
  int64_t tokens, columns;
  SADDLE_DEVICE void operator()(int64_t row, int64_t column) const {
    const int64_t image = row / (tokens - 1), token = row % (tokens - 1);
    y[row * columns + column] = x[(image * tokens + token + 1) * columns + column];
  }
};

// y <- x + scale[row / rows_each] branch, each example having rows_each rows.
template <class T>
struct AddScaledBranch {
  static constexpr int kSpan = kAccessElements<T>;
  Array<const T> x, branch;  // [rows, columns]
  Array<const float> scale;  // [examples]
  Array<T> y;                // [rows, columns]
  int64_t rows_each, columns;

  template <int N>
  SADDLE_DEVICE void span(int64_t row, int64_t column) const {
    const int64_t i = row * columns + column;
    Floats<N> sum = load<N>(x, i);
    const Floats<N> other = load<N>(branch, i);
    const float s = scale[row / rows_each];
    for (int k = 0; k < N; ++k) sum[k] += s * other[k];
    store<N>(y, i, sum);
  }
  SADDLE_DEVICE void operator()(int64_t row, int64_t column) const { span<1>(row, column); }
  bool aligned(int64_t row_columns) const {
    return row_columns % kSpan == 0 && all_aligned(x, branch, y);
  }
};

// y <- scale[row / rows_each] x
template <class T>
struct ScaleBranch {
  static constexpr int kSpan = kAccessElements<T>;
  Array<const T> x;          // [rows, columns]
  Array<const float> scale;  // [examples]
  Array<T> y;                // [rows, columns]
  int64_t rows_each, columns;

  template <int N>
  SADDLE_DEVICE void span(int64_t row, int64_t column) const {
    const int64_t i = row * columns + column;
    Floats<N> values = load<N>(x, i);
    const float s = scale[row / rows_each];
    for (int k = 0; k < N; ++k) values[k] *= s;
    store<N>(y, i, values);
  }
  SADDLE_DEVICE void operator()(int64_t row, int64_t column) const { span<1>(row, column); }
  bool aligned(int64_t row_columns) const { return row_columns % kSpan == 0 && all_aligned(x, y); }
};

// scale[i] <- 0 with probability `rate`, else 1 / (1 - rate): stochastic depth, Huang et al. 2016,
// scaled as by Wan et al. 2013. The draw depends on the stream, the step, the example and `branch`.
struct DropBranch {
  Array<const int32_t> example;  // [examples]
  Array<const int32_t> step;     // [1]
  Array<float> scale;            // [examples]
  Stream stream;                 // of the step that step[0] says
  uint32_t branch;
  float rate;  // in [0, 1)
  SADDLE_DEVICE void operator()(int64_t i) const {
    const Random4 bits = stream.at(step[0]).bits(static_cast<uint32_t>(example[i]), branch);
    scale[i] = uniform(bits.v[0]) < rate ? 0.f : 1.f / (1.f - rate);
  }
};

}  // namespace saddle
