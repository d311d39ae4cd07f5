// Collectives: what all threads of a block compute together, each receiving the same result.
//
// The only place where kernels meet at barriers. Within a warp the threads combine in a butterfly
// (partners 16, 8, 4, 2 and 1 lanes apart), then thread 0's warp, the next one and so on are
// combined in that order: the order never depends on how threads were scheduled. The twins at the
// end (..._in_block_order) combine the same numbers in the same order on the host, for references
// that must agree bit for bit.
//
// Every thread of the block must call a collective; guard the value, not the call:
//   const float sum = block_sum(b, i < n ? x[i] : 0.f);
// Each is a barrier as well, also in a block of one warp: what threads wrote to memory before, all
// read after.
#pragma once

#include <cstdint>

#include "kernels/block.h"
#include "kernels/portable.h"
#include "kernels/span.h"

namespace saddle {

// A value and where it was found.
struct ValueAt {
  float value;
  std::int64_t index;
};

namespace collective {

// Each operation gives the same bits with its arguments exchanged, so that the two partners of a
// butterfly agree. (Where both are NaN the result is one of them: NaN, but of either's bits.)
struct Sum {
  SADDLE_DEVICE float operator()(float a, float b) const { return a + b; }
};

struct Max {
  SADDLE_DEVICE float operator()(float a, float b) const { return a > b || a != a ? a : b; }
};

struct ArgMax {
  SADDLE_DEVICE ValueAt operator()(ValueAt a, ValueAt b) const { return outranks(b, a) ? b : a; }

  static SADDLE_DEVICE bool outranks(ValueAt a, ValueAt b) {
    const bool a_is_nan = a.value != a.value;
    const bool b_is_nan = b.value != b.value;
    if (a_is_nan != b_is_nan) return a_is_nan;
    if (a_is_nan || a.value == b.value) return a.index < b.index;
    return a.value > b.value;
  }
};

// Max would keep either zero where -0 meets +0, so block_max makes them one: -0 + 0 is +0.
SADDLE_DEVICE float with_one_zero(float value) { return value + 0.f; }

template <class Block>
SADDLE_DEVICE float shuffled(Block& b, float value, int lane_mask) {
  return b.shuffle_xor(value, lane_mask);
}

template <class Block>
SADDLE_DEVICE ValueAt shuffled(Block& b, ValueAt at, int lane_mask) {
  const float value = b.shuffle_xor(at.value, lane_mask);
  const std::int64_t index = b.shuffle_xor(at.index, lane_mask);
  return {value, index};
}

template <class Operation, class Block, class T>
SADDLE_DEVICE T combine(Block& b, T value) {
  const Operation operation;
  for (int lane_mask = kWarp / 2; lane_mask > 0; lane_mask /= 2) {
    value = operation(value, shuffled(b, value, lane_mask));
  }
  const int warps = b.threads() / kWarp;
  if (warps == 1) {
    b.sync();  // a shuffle orders no accesses to memory
    return value;
  }

  auto of_warp = b.template shared<Operation, T, kMaxBlockThreads / kWarp>();
  if (b.thread() % kWarp == 0) of_warp[b.thread() / kWarp] = value;
  b.sync();
  T total = of_warp[0];
  for (int warp = 1; warp < warps; ++warp) {
    const T next = of_warp[warp];
    total = operation(total, next);
  }
  b.sync();  // all have read: the next collective may write
  return total;
}

// `combine` for the values of all threads of a block, T lanes[threads].
template <class Operation, class T>
SADDLE_DEVICE T combine_in_block_order(const T* lanes, int threads) {
  const Operation operation;
  T total{};
  for (int first = 0; first < threads; first += kWarp) {
    T warp[kWarp];
    for (int lane = 0; lane < kWarp; ++lane) warp[lane] = lanes[first + lane];
    for (int apart = kWarp / 2; apart > 0; apart /= 2) {
      for (int lane = 0; lane < apart; ++lane) {
        warp[lane] = operation(warp[lane], warp[lane + apart]);
      }
    }
    total = first == 0 ? warp[0] : operation(total, warp[0]);
  }
  return total;
}

}  // namespace collective

// Nothing but the barrier.
template <class Block>
SADDLE_DEVICE void block_meet(Block& b) {
  b.sync();
}

// The sum of the threads' values.
template <class Block>
SADDLE_DEVICE float block_sum(Block& b, float value) {
  return collective::combine<collective::Sum>(b, value);
}

// The largest of the threads' values; NaN if one is NaN; never -0. A thread without a value
// passes -INFINITY.
template <class Block>
SADDLE_DEVICE float block_max(Block& b, float value) {
  return collective::combine<collective::Max>(b, collective::with_one_zero(value));
}

// The largest of the threads' values and its index; among equals the lowest index wins; NaN counts
// as larger than all numbers. A thread without a value passes -INFINITY and INT64_MAX.
template <class Block>
SADDLE_DEVICE ValueAt block_argmax(Block& b, float value, std::int64_t index) {
  return collective::combine<collective::ArgMax>(b, ValueAt{value, index});
}

// For threads that stand for a grid of rows x Columns (thread = row * Columns + column): the sum of
// the values of the thread's own column, row 0 first. Tag names the shared memory, which further
// uses in the same kernel may share.
template <class Tag, int Columns, int Threads, class Block>
SADDLE_DEVICE float column_sum(Block& b, float value) {
  auto values = b.template shared<Tag, float, Threads>();
  values[b.thread()] = value;
  b.sync();
  float sum = 0.f;
  for (int i = b.thread() % Columns; i < Threads; i += Columns) {
    const float next = values[i];
    sum += next;
  }
  b.sync();  // all have read: the next use may write
  return sum;
}

// The same where a thread holds N neighbouring columns: thread t stands for row t / (Columns / N)
// and columns from t % (Columns / N) * N on. Every thread receives the sum of column t % Columns.
// With parts = Threads / Columns, the rows p, p + parts, ... are added for each part p, then the
// parts.
template <class Tag, int Columns, int Threads, int N, class Block>
SADDLE_DEVICE float column_sums(Block& b, const Floats<N>& own) {
  constexpr int kWidth = Columns / N, kRows = Threads / kWidth, kParts = Threads / Columns;
  // One run for each of a thread's N columns. The runs are kWidth longer than they need be, so that
  // 32 threads meet 32 different memory banks both when they write and when they read.
  constexpr int kRun = Threads + kWidth;
  auto values = b.template shared<Tag, float, N * kRun>();
  for (int k = 0; k < N; ++k) values[k * kRun + b.thread()] = own[k];
  b.sync();
  const int column = b.thread() % Columns;
  const int first = column % N * kRun + column / N;
  float sum = 0.f;
  for (int row = b.thread() / Columns; row < kRows; row += kParts) {
    const float next = values[first + row * kWidth];
    sum += next;
  }
  b.sync();  // all have read: the next use may write
  return column_sum<Tag, Columns, Threads>(b, sum);
}

// The collectives on the host, bit for bit. lanes[t] is thread t's value; `threads` as kThreads,
// a multiple of 32.
SADDLE_DEVICE float sum_in_block_order(const float* lanes, int threads) {
  return collective::combine_in_block_order<collective::Sum>(lanes, threads);
}

// column_sums by `Threads` threads of all rows of values [Rows][Columns].
template <int Threads, int Rows, int Columns>
void column_sums_in_block_order(const float (&values)[Rows][Columns], float (&total)[Columns]) {
  constexpr int kParts = Threads / Columns;
  for (float& sum : total) sum = 0.f;
  for (int part = 0; part < kParts; ++part) {
    float of_part[Columns] = {};
    for (int row = part; row < Rows; row += kParts) {
      for (int c = 0; c < Columns; ++c) of_part[c] += values[row][c];
    }
    for (int c = 0; c < Columns; ++c) total[c] += of_part[c];
  }
}

SADDLE_DEVICE float max_in_block_order(const float* lanes, int threads) {
  return collective::with_one_zero(
      collective::combine_in_block_order<collective::Max>(lanes, threads));
}

SADDLE_DEVICE ValueAt argmax_in_block_order(const ValueAt* lanes, int threads) {
  return collective::combine_in_block_order<collective::ArgMax>(lanes, threads);
}

}  // namespace saddle
