// Sums with a fixed shape: the same additions in the same order on every target, for any number of
// CPU threads, so a norm or a loss has the same bits from run to run and from device to device.
//
// A long sum takes two launches: kSumBlocks blocks write a partial each, one block adds the
// partials.
#pragma once

#include "kernels/array.h"
#include "kernels/collectives.h"
#include "kernels/math.h"

namespace saddle {

inline constexpr int64_t kSumBlocks = 64;  // partial results of a long sum; part of its definition

// partial[block] <- sum of x^2 over elements block, block + kSumBlocks, ... of rows of kThreads.
struct SumSquares {
  static constexpr int kThreads = 256;
  Array<const float> x;  // [n]
  Array<float> partial;  // [kSumBlocks]

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    float sum = 0.f;
    for (int64_t i = b.block() * kThreads + b.thread(); i < x.size; i += kSumBlocks * kThreads) {
      sum += x[i] * x[i];
    }
    sum = block_sum(b, sum);
    if (b.thread() == 0) partial[b.block()] = sum;
  }

  void reference(int64_t block) const {
    float lanes[kThreads] = {};
    for (int64_t first = block * kThreads; first < x.size; first += kSumBlocks * kThreads) {
      const float* row = x.data + first;
      const int64_t count = smaller(kThreads, x.size - first);
      for (int64_t t = 0; t < count; ++t) lanes[t] += row[t] * row[t];
    }
    partial[block] = sum_in_block_order(lanes, kThreads);
  }
};

// y[0] <- scale * sum of x; one block. `accumulate` adds to what y[0] holds.
struct SumAll {
  static constexpr int kThreads = 256;
  Array<const float> x;  // [n], short: partial sums, the losses of a batch
  Array<float> y;        // [1]
  float scale;
  float keep;  // 0: y is overwritten, 1: y is added to

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    float sum = 0.f;
    for (int64_t i = b.thread(); i < x.size; i += kThreads) sum += x[i];
    sum = block_sum(b, sum);
    if (b.thread() == 0) y[0] = (keep != 0.f ? y[0] : 0.f) + scale * sum;
  }

  void reference(int64_t) const {
    float lanes[kThreads] = {};
    for (int64_t i = 0; i < x.size; ++i) lanes[i % kThreads] += x[i];
    y[0] = (keep != 0.f ? y[0] : 0.f) + scale * sum_in_block_order(lanes, kThreads);
  }
};

// norm[row] <- ||x[row, :]||_2; one block a row (an example's perturbation or gradient).
struct RowNorm {
  static constexpr int kThreads = 256;
  Array<const float> x;  // [rows, columns]
  Array<float> norm;     // [rows]
  int64_t columns;

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    float sum = 0.f;
    for (int64_t i = b.thread(); i < columns; i += kThreads) {
      const float value = x[b.block() * columns + i];
      sum += value * value;
    }
    sum = block_sum(b, sum);
    if (b.thread() == 0) norm[b.block()] = square_root(sum);
  }

  void reference(int64_t row) const {
    float lanes[kThreads] = {};
    for (int64_t i = 0; i < columns; ++i) {
      const float value = x[row * columns + i];
      lanes[i % kThreads] += value * value;
    }
    norm[row] = square_root(sum_in_block_order(lanes, kThreads));
  }
};

// y[column] <- sum over rows of x[row, column]; one block a column. For the bias of a linear layer.
struct ColumnSum {
  static constexpr int kThreads = 256;
  Array<const float> x;  // [rows, columns]
  Array<float> y;        // [columns]
  int64_t rows, columns;

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    float sum = 0.f;
    for (int64_t row = b.thread(); row < rows; row += kThreads) sum += x[row * columns + b.block()];
    sum = block_sum(b, sum);
    if (b.thread() == 0) y[b.block()] = sum;
  }

  void reference(int64_t column) const {
    float lanes[kThreads] = {};
    for (int64_t row = 0; row < rows; ++row) lanes[row % kThreads] += x[row * columns + column];
    y[column] = sum_in_block_order(lanes, kThreads);
  }
};

}  // namespace saddle
