// The exact projection on the intersection of an l1 ball with the pixel range, one block an
// example, and the sparse step that goes before it.
//
// Minimise ||delta - v||_2 subject to ||delta||_1 <= eps and 0 <= x + delta <= 1. With u_i the room
// in v_i's direction (1 - x_i where v_i > 0, else x_i) the solution is
//   delta_i = sign(v_i) clip(|v_i| - theta, 0, u_i),
// theta = 0 where that lies in the ball, else the theta of sum_i clip(|v_i| - theta, 0, u_i) = eps.
// Source: Croce and Hein 2021, "Mind the box". They sort 2 d breakpoints; here a Newton search
// finds the linear piece of the root, on which one step is exact, in some ten sums and no memory.
#pragma once

#include <cstring>

#include "kernels/array.h"
#include "kernels/collectives.h"
#include "kernels/math.h"
#include "kernels/philox.h"

namespace saddle {

SADDLE_DEVICE float absolute(float value) { return value < 0.f ? -value : value; }

// The search for theta. sum(theta) falls piecewise linearly, by the number of coordinates that are
// neither at 0 nor at their room; each Newton step that leaves the bracket, and every third one, is
// replaced by halving, so the search ends.
struct ThetaSearch {
  static constexpr int kMostSteps = 200;
  float eps, low, high, theta;
  int steps;

  SADDLE_DEVICE ThetaSearch(float radius, float largest)
      : eps(radius), low(0.f), high(largest), theta(0.f), steps(0) {}

  // Told the sum at theta and its slope -active; returns whether there is another theta to try.
  SADDLE_DEVICE bool improve(float sum, float active) {
    if (theta == 0.f && sum <= eps) return false;
    if (absolute(sum - eps) <= 1e-6f * eps) return false;  // a float sum of many is no better known
    if (sum > eps) {
      low = theta;
    } else {
      high = theta;
    }
    float next = theta + (sum - eps) / active;  // of no use where active = 0
    if (!(next > low && next < high) || steps % 3 == 2) next = low + .5f * (high - low);
    if (++steps == kMostSteps || !(next > low && next < high)) {
      theta = high;  // the bracket is down to two floats; the upper one is inside the ball
      return false;
    }
    theta = next;
    return true;
  }
};

// delta <- the projection of delta;  adversarial <- x + delta
struct L1Project {
  static constexpr int kThreads = 256;
  Array<const float> x;      // [examples, columns], in [0, 1]
  Array<float> delta;        // [examples, columns]
  Array<float> adversarial;  // [examples, columns]
  int64_t columns;
  float eps;

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    const int64_t first = b.block() * columns;
    float largest = 0.f;
    for (int64_t i = b.thread(); i < columns; i += kThreads) {
      largest = larger(absolute(delta[first + i]), largest);
    }
    ThetaSearch search(eps, block_max(b, largest));
    bool more = true;
    while (more) {
      float sum = 0.f, active = 0.f;
      for (int64_t i = b.thread(); i < columns; i += kThreads) add(first + i, search, sum, active);
      sum = block_sum(b, sum);
      active = block_sum(b, active);
      more = search.improve(sum, active);
    }
    for (int64_t i = b.thread(); i < columns; i += kThreads) place(first + i, search.theta);
  }

  void reference(int64_t example) const {
    const int64_t first = example * columns;
    float largest = 0.f;
    for (int64_t i = 0; i < columns; ++i) largest = larger(absolute(delta[first + i]), largest);
    ThetaSearch search(eps, largest);
    bool more = true;
    while (more) {
      float sums[kThreads] = {}, actives[kThreads] = {};
      for (int64_t row = 0; row < columns; row += kThreads) {
        const int64_t count = smaller(kThreads, columns - row);
        for (int64_t t = 0; t < count; ++t) add(first + row + t, search, sums[t], actives[t]);
      }
      more =
          search.improve(sum_in_block_order(sums, kThreads), sum_in_block_order(actives, kThreads));
    }
    for (int64_t i = 0; i < columns; ++i) place(first + i, search.theta);
  }

  SADDLE_DEVICE float room(int64_t i) const { return delta[i] > 0.f ? 1.f - x[i] : x[i]; }
  SADDLE_DEVICE void add(int64_t i, const ThetaSearch& search, float& sum, float& active) const {
    const float left = absolute(delta[i]) - search.theta, most = room(i);
    sum += clip(left, 0.f, most);
    active += left > 0.f && left < most ? 1.f : 0.f;
  }
  SADDLE_DEVICE void place(int64_t i, float theta) const {
    delta[i] = sign(delta[i]) * clip(absolute(delta[i]) - theta, 0.f, room(i));
    adversarial[i] = clip(x[i] + delta[i], 0.f, 1.f);  // the clip mends the rounding of the sum
  }
};

// delta <- current - x + step s / (||s||_1 + 1e-10), where s is sign(g) in the coordinates whose
// |g| is at least the `rank`-th smallest (from 0) and 0 elsewhere; equal gradients may select more.
// The projection comes after it. Where `skip_blocked`, coordinates that the pixel range keeps from
// moving count as gradient 0. One block an example.
struct SparseStep {
  static constexpr int kThreads = 256;
  Array<const float> g, x, current;  // [examples, columns]
  Array<float> delta;                // [examples, columns]
  Array<const float> step, rank;     // of example e: element e * stride
  int64_t stride;                    // 0: one step and rank for all
  int64_t columns;
  int32_t skip_blocked;

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    const int64_t first = b.block() * columns;
    RankSearch search(rank[b.block() * stride]);
    while (search.low < search.high) {
      const uint32_t middle = search.middle();
      float count = 0.f;
      for (int64_t i = b.thread(); i < columns; i += kThreads) {
        count += bits(first + i) <= middle ? 1.f : 0.f;
      }
      search.narrow(block_sum(b, count));
    }
    float chosen = 0.f;
    for (int64_t i = b.thread(); i < columns; i += kThreads) {
      chosen += absolute(direction(first + i, search.low));
    }
    const float length = block_sum(b, chosen);
    for (int64_t i = b.thread(); i < columns; i += kThreads) {
      move(first + i, search.low, step[b.block() * stride], length);
    }
  }

  void reference(int64_t example) const {
    const int64_t first = example * columns;
    RankSearch search(rank[example * stride]);
    while (search.low < search.high) {
      const uint32_t middle = search.middle();
      int64_t count = 0;
      for (int64_t i = 0; i < columns; ++i) count += bits(first + i) <= middle ? 1 : 0;
      search.narrow(static_cast<float>(count));
    }
    float length = 0.f;  // a sum of ones is exact in any order
    for (int64_t i = 0; i < columns; ++i) length += absolute(direction(first + i, search.low));
    for (int64_t i = 0; i < columns; ++i)
      move(first + i, search.low, step[example * stride], length);
  }

  // Bisection on the bits of |g|, which order floats that are not negative as the floats are.
  struct RankSearch {
    uint32_t low, high;
    float rank;
    SADDLE_DEVICE explicit RankSearch(float wanted) : low(0), high(0x7f800000u), rank(wanted) {}
    SADDLE_DEVICE uint32_t middle() const { return low + (high - low) / 2; }
    // `count`: elements not above middle().
    SADDLE_DEVICE void narrow(float count) {
      const uint32_t at = middle();
      if (count > rank) {
        high = at;
      } else {
        low = at + 1;
      }
    }
  };

  SADDLE_DEVICE float gradient(int64_t i) const {
    const bool blocked = (current[i] >= 1.f && g[i] > 0.f) || (current[i] <= 0.f && g[i] < 0.f);
    return skip_blocked != 0 && blocked ? 0.f : g[i];
  }
  SADDLE_DEVICE uint32_t bits(int64_t i) const {
    const float size = absolute(gradient(i));
    uint32_t word;
    memcpy(&word, &size, sizeof word);
    return word & 0x7fffffffu;  // -0 is 0
  }
  SADDLE_DEVICE float direction(int64_t i, uint32_t threshold) const {
    return bits(i) >= threshold ? sign(gradient(i)) : 0.f;
  }
  SADDLE_DEVICE void move(int64_t i, uint32_t threshold, float size, float length) const {
    delta[i] = current[i] - x[i] + size * direction(i, threshold) / (length + 1e-10f);
  }
};

// delta <- y - x
struct Difference {
  Array<const float> x, y;
  Array<float> delta;
  SADDLE_DEVICE void operator()(int64_t i) const { delta[i] = y[i] - x[i]; }
};

// delta <- N(0, 1) per element.
struct GaussianNoise {
  Array<const int32_t> example;  // [examples]: the index in the data set, which keys the draw
  Array<const int32_t> attempt;  // [examples] or [1]: the step of the stream
  Array<float> delta;            // [examples, columns]
  Stream stream;
  int64_t columns;
  SADDLE_DEVICE void operator()(int64_t row, int64_t column) const {
    const Random4 bits =
        stream.at(attempt[attempt.size > 1 ? row : 0])
            .bits(static_cast<uint32_t>(example[row]), static_cast<uint32_t>(column));
    delta[row * columns + column] = normal(bits.v[0], bits.v[1]);
  }
};

}  // namespace saddle
