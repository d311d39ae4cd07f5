// The projection of FAB: the shortest step from a point onto a hyperplane that stays in the box.
//
// Given a point t in [0, 1]^d, a normal w and c = w t - b, find delta of least norm (linf, l2 or
// l1) with w (t + delta) = b and 0 <= t + delta <= 1; where there is none, the corner of the box
// that is furthest towards the hyperplane. Source: Croce and Hein 2020, "Minimally distorted
// adversarial examples with a fast adaptive boundary attack". With the signs turned so that c >= 0,
// and
//   a_i = |w_i|,  s_i = -sign(w_i),  m_i = room of coordinate i in direction s_i:
//   linf  delta_i = s_i min(lambda, m_i)       with sum a_i min(lambda, m_i) = c
//   l2    delta_i = s_i min(lambda a_i, m_i)   with sum a_i min(lambda a_i, m_i) = c
//   l1    full rooms in order of falling a_i until the next would overshoot, which gives the rest
// Without a sort. linf and l2: the left side is concave, increasing and piecewise linear in lambda,
// so Newton's iteration from 0 rises to the root and is exact once it is on the root's piece: each
// step fixes the coordinates that met the box. l1: the last a_i is found by bisection on the bits
// of a float, which are ordered as floats are; equal a_i go by index.
#pragma once

#include <cstring>

#include "kernels/gradient_scale.h"
#include "kernels/teams.h"

namespace saddle {

// By which norm a distance is measured.
enum class DistanceNorm { linf, l2, l1 };

// ||v|| for v(i), i in [0, team.columns).
template <DistanceNorm P, class Team, class Value>
SADDLE_DEVICE float norm_of(const Team& team, const Value& v) {
  if constexpr (P == DistanceNorm::linf) {
    return team.max([&](auto i) { return fabsf(v(i)); });
  } else if constexpr (P == DistanceNorm::l2) {
    return square_root(team.sum([&](auto i) { return v(i) * v(i); }));
  } else {
    return team.sum([&](auto i) { return fabsf(v(i)); });
  }
}

// The norm q that measures gradients where P measures distances, 1/p + 1/q = 1.
SADDLE_DEVICE constexpr DistanceNorm dual_of(DistanceNorm p) {
  return p == DistanceNorm::linf ? DistanceNorm::l1
         : p == DistanceNorm::l1 ? DistanceNorm::linf
                                 : DistanceNorm::l2;
}

namespace fab {

// Coordinates of a smaller slope never move under l2 and l1: 1e-8 as in the reference code, or this
// share of the largest slope where that is below 1, so that gradients of any size lead somewhere.
inline constexpr float kLeastSlope = 1e-8f;
// Each step of Newton's iteration meets the box in one more coordinate at least; images need 2 to
// 10. Where the steps ran out, the hyperplane would be reached only nearly.
inline constexpr int kNewtonSteps = 64;

SADDLE_DEVICE uint32_t bits_of_float(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}
SADDLE_DEVICE float float_of_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// A point and a hyperplane, the signs turned so that c >= 0.
struct Problem {
  Array<const float> t, w;  // [d]
  float to_one;             // w and c are meant times this (see gradient_scale.h)
  float c, turn;            // turn: -1 where the signs were turned, else 1

  SADDLE_DEVICE float slope(int64_t i) const { return fabsf(to_one * w[i]); }
  SADDLE_DEVICE float least_slope() const { return kLeastSlope * (to_one < 1.f ? to_one : 1.f); }
  SADDLE_DEVICE float direction(int64_t i) const { return -turn * sign(w[i]); }
  // (Of no meaning where w_i = 0, which adds nothing and goes nowhere.)
  SADDLE_DEVICE float room(int64_t i) const {
    const float slope = turn * w[i], below = t[i], above = 1.f - below;
    return slope > 0.f ? below : above;
  }
};

// What of a solution is not in the problem: how far each coordinate goes.
struct Step {
  float lambda;   // linf and l2: above; l1: the slope of the last coordinate that moves
  float least;    // l2: what has a smaller slope does not move
  int64_t last;   // l1: of the coordinates of slope lambda, the last that moves
  float partial;  // l1: and how far it moves
};

template <DistanceNorm P>
SADDLE_DEVICE float distance_moved(const Problem& p, const Step& step, int64_t i) {
  const float room = p.room(i), a = p.slope(i);
  if constexpr (P == DistanceNorm::linf) {
    return step.lambda < room ? step.lambda : room;
  } else if constexpr (P == DistanceNorm::l2) {
    const float share = step.lambda * a, wanted = a < step.least ? 0.f : share;
    return wanted < room ? wanted : room;
  } else {
    const float partial = step.partial < room ? step.partial : room;
    const float of_equals = i < step.last ? room : (i == step.last ? partial : 0.f);
    return a > step.lambda ? room : (a == step.lambda ? of_equals : 0.f);
  }
}

// linf and l2: Newton's iteration for lambda.
template <DistanceNorm P, class Team>
SADDLE_DEVICE Step solve_by_newton(const Team& team, const Problem& p) {
  float lambda = 0.f;
  const float least = p.least_slope();
  for (int step = 0; step < kNewtonSteps; ++step) {
    const TwoSums sums = team.two_sums([&](int64_t i) {
      const float room = p.room(i), slope = p.slope(i);
      const float a = P == DistanceNorm::l2 ? (slope < least ? 0.f : slope) : slope;
      const float wanted = P == DistanceNorm::l2 ? lambda * a : lambda;
      const float gain = a * room, rate = P == DistanceNorm::l2 ? a * a : a;
      const bool free = room > wanted;
      return TwoSums{free ? 0.f : gain, free ? rate : 0.f};
    });
    const float next = (p.c - sums.first) / sums.second;
    if (!(sums.second > 0.f) || !(next > lambda)) break;
    lambda = next;
  }
  return {lambda, least, 0, 0.f};
}

// l1: the least slope that moves, then the last index of that slope.
template <class Team>
SADDLE_DEVICE Step solve_by_bisection(const Team& team, const Problem& p) {
  if (p.c == 0.f) return {INFINITY, 0.f, 0, 0.f};
  const auto gain_from = [&](float least) {  // falls as `least` rises, rounding included
    return team.sum([&](int64_t i) {
      const float a = p.slope(i);
      const float gain = a * p.room(i);
      return a >= least ? gain : 0.f;
    });
  };
  uint32_t low = bits_of_float(p.least_slope()) + 1, high = bits_of_float(INFINITY);
  if (gain_from(float_of_bits(low)) < p.c) return {p.least_slope(), 0.f, -1, 0.f};
  while (high - low > 1) {  // gain_from(low) >= c > gain_from(high)
    const uint32_t middle = low + (high - low) / 2;
    (gain_from(float_of_bits(middle)) < p.c ? high : low) = middle;
  }
  const float slope = float_of_bits(low);
  const float left = p.c - gain_from(float_of_bits(high));
  const auto gain_of_equals = [&](int64_t end) {
    return team.sum([&](int64_t i) {
      const float gain = slope * p.room(i);
      const float of_equal = p.slope(i) == slope ? gain : 0.f;
      return i < end ? of_equal : 0.f;
    });
  };
  int64_t before = 0, after = team.columns;  // the last to move is in [before, after)
  while (after - before > 1) {
    const int64_t middle = before + (after - before) / 2;
    (gain_of_equals(middle) < left ? before : after) = middle;
  }
  return {slope, 0.f, before, clip((left - gain_of_equals(before)) / slope, 0.f, 1.f)};
}

template <DistanceNorm P, class Team>
SADDLE_DEVICE Step solve(const Team& team, const Problem& p) {
  const float reach = team.sum([&](int64_t i) { return p.slope(i) * p.room(i); });
  // The corner: every coordinate goes its full room (under l1 those of a slope above 0).
  if (reach <= p.c) return {P == DistanceNorm::l1 ? 0.f : INFINITY, 0.f, -1, 0.f};
  if constexpr (P == DistanceNorm::l1) {
    return solve_by_bisection(team, p);
  } else {
    return solve_by_newton<P>(team, p);
  }
}

}  // namespace fab

// Projects every row's x1 and x0 onto the row's hyperplane { z : f + w (z - x1) = 0 }, which is the
// boundary as seen from x1. One block a problem: problems [0, rows) are the x1, [rows, 2 rows) the
// x0. (c comes from f and the difference of the points: with b = w x1 - f, as the paper has it, the
// large parts of two products would cancel in float.)
template <DistanceNorm P>
struct ProjectOnHyperplane {
  static constexpr int kThreads = 256;
  Array<const float> x1, x0;  // [rows, columns], in [0, 1]
  Array<const float> w;       // [rows, columns]: gradient of f at x1
  Array<const float> f;       // [rows]: its value there
  Array<float> delta;         // [2, rows, columns]
  Array<float> norm;          // [2, rows]: ||delta||
  int64_t rows, columns;

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    project(BlockTeam<Block>{b, columns}, b.block());
  }
  void reference(int64_t problem) const { project(HostTeam<kThreads>{columns}, problem); }

  template <class Team>
  SADDLE_DEVICE void project(const Team& team, int64_t problem) const {
    const int64_t row = problem % rows;
    const Array<const float> normal = row_of(w, row, columns), here = row_of(x1, row, columns);
    const Array<const float> point = problem < rows ? here : row_of(x0, row, columns);
    const float to_one = power_to_one(team.max([&](int64_t i) { return fabsf(normal[i]); }));
    const float ahead =
        team.sum([&](int64_t i) { return to_one * normal[i] * (point[i] - here[i]); });
    const float c = to_one * f[row] + ahead, turn = c < 0.f ? -1.f : 1.f;
    const fab::Problem p{point, normal, to_one, turn * c, turn};
    const fab::Step step = fab::solve<P>(team, p);

    const auto moved = [&](int64_t i) {
      return p.direction(i) * fab::distance_moved<P>(p, step, i);
    };
    const Array<float> out = row_of(delta, problem, columns);
    team.each([&](int64_t i) { out[i] = moved(i); });
    const float length = norm_of<P>(team, moved);
    team.once([&] { norm[problem] = length; });
  }
};

}  // namespace saddle
