// Sums with a fixed shape: the same additions in the same order on every target, for any number of
// CPU threads, so a norm or a loss has the same bits from run to run and from device to device.
//
// A long sum takes two launches: kSumBlocks blocks write a partial each, one block adds the
// partials.
#pragma once

#include "kernels/array.h"
#include "kernels/collectives.h"
#include "kernels/math.h"
#include "kernels/span.h"

namespace saddle {

// Most partial results of a long sum; part of its definition. 1024 blocks of 256 threads are what
// an H100 (132 processors of 2048 threads) can run at once.
inline constexpr int64_t kSumBlocks = 1024;

// How a term of a sum reads its arrays: N elements from `i` on, or the first `count` of four.
template <int N>
struct LoadSpan {
  static constexpr int kCount = N;
  int64_t i;
  template <class T>
  SADDLE_DEVICE Floats<N> operator()(const Array<T>& x) const {
    return load<N>(x, i);
  }
};
struct LoadFirst {
  static constexpr int kCount = 4;
  int64_t i, count;
  template <class T>
  SADDLE_DEVICE Floats<4> operator()(const Array<T>& x) const {
    return load_first<4>(x, i, count);
  }
};

// partial[block] <- sum of term(i) over rows block, block + kSumBlocks, ... of kRow elements. A
// thread owns four neighbouring elements of a row, each with a sum of its own. A term has size(),
// aligned() and a call operator that takes one of the two structs above; zeros must give zero.
template <class Term>
struct LongSum {
  static constexpr int kThreads = 256;
  static constexpr int64_t kRow = 4 * kThreads;
  Term term;
  Array<float> partial;  // [blocks(n)]

  // A short sum has no more blocks than rows.
  static int64_t blocks(int64_t n) {
    return n <= kRow ? 1 : smaller(kSumBlocks, ceil_divide(n, kRow));
  }

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    Floats<4> sums = {};
    const auto add = [&](const Floats<4>& terms) {
      for (int k = 0; k < 4; ++k) sums[k] += terms[k];
    };
    const int64_t stride = kSumBlocks * kRow, size = term.size();
    int64_t i = b.block() * kRow + b.thread() * 4;
    if (term.aligned()) {
      const int64_t end = size - 3;  // where four are left
      i = for_strided<4>(
          i, end, stride, [&](int64_t at) { return term(LoadSpan<4>{at}); }, add);
    }
    for (; i < size; i += stride) add(term(LoadFirst{i, size - i}));
    const float sum = block_sum(b, (sums[0] + sums[1]) + (sums[2] + sums[3]));
    if (b.thread() == 0) partial[b.block()] = sum;
  }

  void reference(int64_t block) const {
    float sums[kRow] = {};
    const int64_t size = term.size();
    for (int64_t first = block * kRow; first < size; first += kSumBlocks * kRow) {
      const int64_t count = smaller(kRow, size - first);
      for (int64_t t = 0; t < count; ++t) sums[t] += term(LoadSpan<1>{first + t})[0];
    }
    float lanes[kThreads];
    for (int t = 0; t < kThreads; ++t) {
      lanes[t] = (sums[4 * t] + sums[4 * t + 1]) + (sums[4 * t + 2] + sums[4 * t + 3]);
    }
    partial[block] = sum_in_block_order(lanes, kThreads);
  }
};

// x^2
struct Squared {
  Array<const float> x;  // [n]

  template <class Load>
  SADDLE_DEVICE Floats<Load::kCount> operator()(const Load& load) const {
    Floats<Load::kCount> values = load(x);
    for (int k = 0; k < Load::kCount; ++k) values[k] *= values[k];
    return values;
  }
  SADDLE_DEVICE int64_t size() const { return x.size; }
  SADDLE_DEVICE bool aligned() const { return all_aligned(x); }
};

// x y
struct Product {
  Array<const float> x, y;  // [n]

  template <class Load>
  SADDLE_DEVICE Floats<Load::kCount> operator()(const Load& load) const {
    Floats<Load::kCount> values = load(x);
    const Floats<Load::kCount> others = load(y);
    for (int k = 0; k < Load::kCount; ++k) values[k] *= others[k];
    return values;
  }
  SADDLE_DEVICE int64_t size() const { return x.size; }
  SADDLE_DEVICE bool aligned() const { return all_aligned(x, y); }
};

using SumSquares = LongSum<Squared>;
using SumProducts = LongSum<Product>;

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

// y[column] <- sum over rows of x[row, column]; one block for kColumns columns. For the bias of a
// linear layer. T is float or Bfloat16.
template <class T>
struct ColumnSum {
  static constexpr int kThreads = 256;
  static constexpr int kColumns = 32;
  static constexpr int kRowLanes = kThreads / kColumns;
  Array<const T> x;  // [rows, columns]
  Array<float> y;    // [columns]
  int64_t rows, columns;

  struct Lanes;

  static int64_t blocks(int64_t columns) { return ceil_divide(columns, kColumns); }

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    const int64_t column = b.block() * kColumns + b.thread() % kColumns;
    float sum = 0.f;
    if (column < columns) {
      for (int64_t row = b.thread() / kColumns; row < rows; row += kRowLanes) {
        sum += x[row * columns + column];
      }
    }
    sum = column_sum<Lanes, kColumns, kThreads>(b, sum);
    if (b.thread() < kColumns && column < columns) y[column] = sum;
  }

  void reference(int64_t block) const {
    const int64_t first = block * kColumns, count = smaller(kColumns, columns - first);
    float lanes[kRowLanes][kColumns] = {};
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t c = 0; c < count; ++c) lanes[row % kRowLanes][c] += x[row * columns + first + c];
    }
    for (int64_t c = 0; c < count; ++c) {
      float sum = 0.f;
      for (int lane = 0; lane < kRowLanes; ++lane) sum += lanes[lane][c];
      y[first + c] = sum;
    }
  }
};

}  // namespace saddle
