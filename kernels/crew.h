// Crew: one text for a block kernel and its reference.
//
// A kernel that works on one row says what is summed and what is done for each element, and leaves
// to the crew who does it: the threads of a block, meeting in the collectives, or one CPU thread
// that adds in the same order and so gets the same bits.
//
//   template <class Crew> SADDLE_DEVICE void work(const Crew& crew, int64_t row) const { ... }
//   template <class Block> SADDLE_DEVICE void operator()(Block& b) const {
//     work(BlockCrew<Block, kThreads>{b}, b.block());
//   }
//   void reference(int64_t row) const { work(host_crew<kThreads>(), row); }
//
// Element i always belongs to the same thread: what `each` wrote at i, a later call may read at i.
// Where elements change threads, the crew has to meet() in between. Every thread calls alike.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/collectives.h"

namespace saddle {

template <class Block, int Threads>
struct BlockCrew {
  Block& b;

  // value(0) + ... + value(n - 1)
  template <class Value>
  SADDLE_DEVICE float sum(int64_t n, const Value& value) const {
    float lane = 0.f;
    for (int64_t i = b.thread(); i < n; i += Threads) lane += value(i);
    return block_sum(b, lane);
  }
  // The largest value(i) and the lowest such i; NaN counts as the largest. n = 0: -infinity.
  template <class Value>
  SADDLE_DEVICE ValueAt argmax(int64_t n, const Value& value) const {
    ValueAt lane{-INFINITY, INT64_MAX};
    for (int64_t i = b.thread(); i < n; i += Threads) {
      const ValueAt next{value(i), i};
      if (collective::ArgMax::outranks(next, lane)) lane = next;
    }
    return block_argmax(b, lane.value, lane.index);
  }
  template <class Work>
  SADDLE_DEVICE void each(int64_t n, const Work& work) const {
    for (int64_t i = b.thread(); i < n; i += Threads) work(i);
  }
  // For what one thread does for the row.
  template <class Work>
  SADDLE_DEVICE void once(const Work& work) const {
    if (b.thread() == 0) work();
  }
  // What was written before it is seen by all after it, as after every reduction.
  SADDLE_DEVICE void meet() const { block_sum(b, 0.f); }
};

template <int Threads>
struct HostCrew {
  // A pointer, because nvcc also reads work() for the GPU, where this host function may not be
  // named.
  float (*sum_lanes)(const float* lanes, int threads);

  template <class Value>
  SADDLE_DEVICE float sum(int64_t n, const Value& value) const {
    float lanes[Threads] = {};
    for (int64_t first = 0; first < n; first += Threads) {
      const int64_t count = n - first < Threads ? n - first : Threads;
      for (int64_t t = 0; t < count; ++t) lanes[t] += value(first + t);
    }
    return sum_lanes(lanes, Threads);
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
  SADDLE_DEVICE void each(int64_t n, const Work& work) const {
    for (int64_t i = 0; i < n; ++i) work(i);
  }
  template <class Work>
  SADDLE_DEVICE void once(const Work& work) const {
    work();
  }
  SADDLE_DEVICE void meet() const {}
};

template <int Threads>
HostCrew<Threads> host_crew() {
  return {&sum_in_block_order};
}

}  // namespace saddle
