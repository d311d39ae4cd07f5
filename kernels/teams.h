// Team: one text for what a block of threads does to a row and for its reference.
//
// A block kernel whose work is a chain of sums and maxima over the columns of a row, each needing
// the one before, is written once, over a team. BlockTeam is the block of threads, thread t taking
// columns t, t + kThreads, ...; HostTeam does the same work in one thread, in loops that vectorise,
// and adds in the same order, so that both give the same bits.
//
//   template <class Team>
//   SADDLE_DEVICE void scale(const Team& team, int64_t row) const {
//     const float sum = team.sum([&](int64_t i) { return x[row * columns + i]; });
//     team.each([&](int64_t i) { y[row * columns + i] = x[row * columns + i] / sum; });
//   }
//   template <class Block>
//   SADDLE_DEVICE void operator()(Block& b) const { scale(BlockTeam<Block>{b, columns}, b.block());
//   } void reference(int64_t row) const { scale(HostTeam<kThreads>{columns}, row); }
// A count before the work asks for as many elements instead of the row's. Element i always belongs
// to the same thread: what `each` wrote at i, a later call may read at i. Where elements change
// threads, the team has to meet() in between, or in a sum. Every thread calls alike.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/array.h"
#include "kernels/collectives.h"
#include "kernels/math.h"

namespace saddle {

struct TwoSums {
  float first, second;
};

// The larger of the two; NaN if one is NaN.
SADDLE_DEVICE float larger_or_nan(float a, float b) { return a > b || a != a ? a : b; }

template <class Block>
struct BlockTeam {
  Block& b;
  int64_t columns;

  // value(0) + ... + value(n - 1)
  template <class Value>
  SADDLE_DEVICE float sum(int64_t n, const Value& value) const {
    float own = 0.f;
    for (int64_t i = b.thread(); i < n; i += b.threads()) own += value(i);
    return block_sum(b, own);
  }
  // Two sums in one pass over the columns; value(i) is a TwoSums.
  template <class Value>
  SADDLE_DEVICE TwoSums two_sums(const Value& value) const {
    TwoSums own{0.f, 0.f};
    for (int64_t i = b.thread(); i < columns; i += b.threads()) {
      const TwoSums term = value(i);
      own.first += term.first;
      own.second += term.second;
    }
    const float first = block_sum(b, own.first);
    return {first, block_sum(b, own.second)};
  }
  // The largest value(i) over the columns, which are not negative; NaN if one is NaN.
  template <class Value>
  SADDLE_DEVICE float max(const Value& value) const {
    float own = 0.f;
    for (int64_t i = b.thread(); i < columns; i += b.threads()) own = larger_or_nan(own, value(i));
    return block_max(b, own);
  }
  // The largest of n values; NaN if one is NaN. n = 0: -infinity.
  template <class Value>
  SADDLE_DEVICE float largest(int64_t n, const Value& value) const {
    float own = -INFINITY;
    for (int64_t i = b.thread(); i < n; i += b.threads()) own = larger_or_nan(own, value(i));
    return block_max(b, own);
  }
  // The largest of n values and the lowest place of it; NaN counts as the largest. n = 0:
  // -infinity.
  template <class Value>
  SADDLE_DEVICE ValueAt argmax(int64_t n, const Value& value) const {
    ValueAt own{-INFINITY, INT64_MAX};
    for (int64_t i = b.thread(); i < n; i += b.threads()) {
      const ValueAt next{value(i), i};
      if (collective::ArgMax::outranks(next, own)) own = next;
    }
    return block_argmax(b, own.value, own.index);
  }
  template <class Work>
  SADDLE_DEVICE void each(int64_t n, const Work& work) const {
    for (int64_t i = b.thread(); i < n; i += b.threads()) work(i);
  }
  // For what one thread does for the row.
  template <class Work>
  SADDLE_DEVICE void once(const Work& work) const {
    if (b.thread() == 0) work();
  }
  // The row to read from: its elements stay in memory (holding_team.h has another).
  SADDLE_DEVICE Array<const float> hold(const Array<const float>& row) const { return row; }
  // What was written before is seen by all after, as after every sum and maximum (collectives.h).
  SADDLE_DEVICE void meet() const { block_meet(b); }

  template <class Value>
  SADDLE_DEVICE float sum(const Value& value) const {
    return sum(columns, value);
  }
  template <class Work>
  SADDLE_DEVICE void each(const Work& work) const {
    each(columns, work);
  }
};

template <int kThreads>
struct HostTeam {
  int64_t columns;

  template <class Value>
  SADDLE_DEVICE float sum(int64_t n, Value value) const {
    float lanes[kThreads] = {};
    for_each_lane(n, [&](int64_t t, int64_t i) { lanes[t] += value(i); });
    return sum_in_block_order(lanes, kThreads);
  }
  template <class Value>
  SADDLE_DEVICE TwoSums two_sums(Value value) const {
    float lanes[kThreads] = {}, others[kThreads] = {};
    for_each_lane(columns, [&](int64_t t, int64_t i) {
      const TwoSums term = value(i);
      lanes[t] += term.first;
      others[t] += term.second;
    });
    return {sum_in_block_order(lanes, kThreads), sum_in_block_order(others, kThreads)};
  }
  template <class Value>
  SADDLE_DEVICE float max(Value value) const {
    float lanes[kThreads] = {};
    return largest_of(lanes, columns, value);
  }
  template <class Value>
  SADDLE_DEVICE float largest(int64_t n, Value value) const {
    float lanes[kThreads];
    for (float& lane : lanes) lane = -INFINITY;
    return largest_of(lanes, n, value);
  }
  template <class Value>
  SADDLE_DEVICE ValueAt argmax(int64_t n, const Value& value) const {
    ValueAt best{-INFINITY, INT64_MAX};
    for (int64_t i = 0; i < n; ++i) {
      const ValueAt next{value(i), i};
      if (collective::ArgMax::outranks(next, best)) best = next;
    }
    return best;
  }
  template <class Work>
  SADDLE_DEVICE void each(int64_t n, Work work) const {
    for (int64_t i = 0; i < n; ++i) work(i);
  }
  template <class Work>
  SADDLE_DEVICE void once(const Work& work) const {
    work();
  }
  SADDLE_DEVICE Array<const float> hold(const Array<const float>& row) const { return row; }
  SADDLE_DEVICE void meet() const {}

  template <class Value>
  SADDLE_DEVICE float sum(Value value) const {
    return sum(columns, value);
  }
  template <class Work>
  SADDLE_DEVICE void each(Work work) const {
    each(columns, work);
  }

 private:
  template <class Value>
  SADDLE_DEVICE float largest_of(float* lanes, int64_t n, Value value) const {
    for_each_lane(n, [&](int64_t t, int64_t i) {
      const float next = value(i), before = lanes[t], larger = before > next ? before : next;
      lanes[t] = before != before ? before : larger;
    });
    return max_in_block_order(lanes, kThreads);
  }
  // In rows of kThreads: the inner loop's constant count is what the compiler unrolls.
  template <class Work>
  SADDLE_DEVICE void for_each_lane(int64_t n, Work work) const {
    int64_t first = 0;
    for (; first + kThreads <= n; first += kThreads) {
      for (int64_t t = 0; t < kThreads; ++t) work(t, first + t);
    }
    for (int64_t i = first; i < n; ++i) work(i - first, i);
  }
};

// Row `row` of a matrix of so many columns.
template <class T>
SADDLE_DEVICE Array<T> row_of(const Array<T>& matrix, int64_t row, int64_t columns) {
  return {matrix.data + row * columns, columns};
}

}  // namespace saddle
