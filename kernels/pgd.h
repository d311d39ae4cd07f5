// The inner step of projected gradient ascent on the input: step, projection on the ball,
// projection on the pixel range, one launch each for a norm.
//
// delta is what moves; x + delta always lies in [0, 1] and ||delta|| <= eps afterwards. g is the
// gradient of the loss with respect to the input. Rows are examples. Source: Madry et al. 2018.
#pragma once

#include "kernels/array.h"
#include "kernels/collectives.h"
#include "kernels/gradient_scale.h"
#include "kernels/holding_team.h"
#include "kernels/math.h"
#include "kernels/philox.h"
#include "kernels/span.h"
#include "kernels/teams.h"

namespace saddle {

// delta <- clip(clip(delta + alpha sign(g), -eps, eps), -x, 1 - x);  adversarial <- x + delta
struct PgdStepLinf {
  static constexpr int kSpan = 4;
  Array<float> delta;
  Array<const float> g, x;
  Array<float> adversarial;
  float alpha, eps;

  template <int N>
  SADDLE_DEVICE void span(int64_t i) const {
    Floats<N> moved = load<N>(delta, i), image = load<N>(x, i);
    const Floats<N> gradient = load<N>(g, i);
    for (int k = 0; k < N; ++k) {
      const float in_ball = clip(moved[k] + alpha * sign(gradient[k]), -eps, eps);
      moved[k] = clip(in_ball, -image[k], 1.f - image[k]);
      image[k] = clip(image[k] + moved[k], 0.f, 1.f);  // the clip mends the rounding of the sum
    }
    store<N>(delta, i, moved);
    store<N>(adversarial, i, image);
  }
  SADDLE_DEVICE void operator()(int64_t i) const { span<1>(i); }
  bool aligned() const { return all_aligned(delta, g, x, adversarial); }
};

// delta + alpha g / ||g||, scaled back to norm eps where it is longer, handed to take(i, element).
// A gradient of zero moves nothing; one of any other size moves by alpha (see gradient_scale.h; the
// reference codes divide by ||g|| + 1e-10).
template <class Team, class Row, class Take>
SADDLE_DEVICE void step_in_l2_ball(const Team& team, const Row& delta, const Row& g, float alpha,
                                   float eps, Take take) {
  const float to_one = power_to_one(team.max([&](auto i) { return fabsf(g[i]); }));
  const float norm = square_root(team.sum([&](auto i) {
    const float scaled = to_one * g[i];
    return scaled * scaled;
  }));
  const float step = norm > 0.f ? alpha / norm : 0.f;
  const auto moved = [&](auto i) { return delta[i] + step * (to_one * g[i]); };
  const float length = square_root(team.sum([&](auto i) { return moved(i) * moved(i); }));
  const float shrink = length > eps ? eps / length : 1.f;
  team.each([&](auto i) { take(i, moved(i) * shrink); });
}

// That step, clamped so that x + delta stays in [0, 1], which never lengthens it. One block an
// example.
struct PgdStepL2 {
  static constexpr int kThreads = 256, kResidentBlocks = 2;
  Array<float> delta;        // [examples, columns]
  Array<const float> g, x;   // [examples, columns]
  Array<float> adversarial;  // [examples, columns]
  int64_t columns;
  float alpha, eps;

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    with_held_rows(b, columns, [&](const auto& team) { step(team, b.block()); });
  }
  void reference(int64_t example) const { step(HostTeam<kThreads>{columns}, example); }

  template <class Team>
  SADDLE_DEVICE void step(const Team& team, int64_t example) const {
    const Array<float> next = row_of(delta, example, columns),
                       out = row_of(adversarial, example, columns);
    const auto here = team.hold(next), gradient = team.hold(row_of(g, example, columns)),
               image = team.hold(row_of(x, example, columns));
    step_in_l2_ball(team, here, gradient, alpha, eps, [&](auto i, float moved) {
      const float in_box = clip(moved, -image[i], 1.f - image[i]);
      next[i] = in_box;
      out[i] = clip(image[i] + in_box, 0.f, 1.f);
    });
  }
};

// The same step in a space without bounds, a row each: of embeddings. One warp a row.
struct ShiftStepL2 {
  static constexpr int kThreads = kWarp;
  Array<float> delta;    // [rows, columns]
  Array<const float> g;  // [rows, columns]
  int64_t columns;
  float alpha, eps;

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    step(BlockTeam<Block>{b, columns}, b.block());
  }
  void reference(int64_t row) const { step(HostTeam<kThreads>{columns}, row); }

 private:
  template <class Team>
  SADDLE_DEVICE void step(const Team& team, int64_t row) const {
    const Array<float> next = row_of(delta, row, columns);
    const auto here = team.hold(next), gradient = team.hold(row_of(g, row, columns));
    step_in_l2_ball(team, here, gradient, alpha, eps,
                    [&](auto i, float moved) { next[i] = moved; });
  }
};

// The row's own number, or the one number of all rows.
SADDLE_DEVICE int32_t number_of(const Array<const int32_t>& number, int64_t row) {
  return number[number.size > 1 ? row : 0];
}

// delta <- U(-eps, eps) per element, then clamped to the pixel range.
struct PgdStartLinf {
  Array<const int32_t> example;  // [examples]: the index in the data set, which keys the draw
  Array<const float> x;          // [examples, columns]
  Array<float> delta, adversarial;
  Stream stream;                // of the step that `number` says
  Array<const int32_t> number;  // [1] or [examples]: which start this is (restart, training step)
  float eps;
  int64_t columns;

  SADDLE_DEVICE void operator()(int64_t row, int64_t column) const {
    const int64_t i = row * columns + column;
    const Random4 bits =
        stream.at(number_of(number, row))
            .bits(static_cast<uint32_t>(example[row]), static_cast<uint32_t>(column));
    const float start = eps * (2.f * uniform(bits.v[0]) - 1.f);
    delta[i] = clip(start, -x[i], 1.f - x[i]);
    adversarial[i] = clip(x[i] + delta[i], 0.f, 1.f);
  }
};

// delta <- eps r z / ||z|| with z ~ N(0, I) and r ~ U(0, 1) per example (uniform in radius, as the
// reference implementations draw it, not in volume), then clamped to the pixel range.
struct PgdStartL2 {
  static constexpr int kThreads = 256;
  Array<const int32_t> example;
  Array<const float> x;
  Array<float> delta, adversarial;
  Stream stream, radius_stream;  // of the step that `number` says
  Array<const int32_t> number;   // [1] or [examples]: which start (restart, training step)
  float eps;
  int64_t columns;

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    float sum = 0.f;
    for (int64_t i = b.thread(); i < columns; i += kThreads) {
      const float z = gaussian(b.block(), i);
      sum += z * z;
    }
    const float scale = radius(b.block(), block_sum(b, sum));
    for (int64_t i = b.thread(); i < columns; i += kThreads) place(b.block(), i, scale);
  }

  void reference(int64_t row) const {
    float lanes[kThreads] = {};
    for (int64_t i = 0; i < columns; ++i) {
      const float z = gaussian(row, i);
      lanes[i % kThreads] += z * z;
    }
    const float scale = radius(row, sum_in_block_order(lanes, kThreads));
    for (int64_t i = 0; i < columns; ++i) place(row, i, scale);
  }

  SADDLE_DEVICE float gaussian(int64_t row, int64_t column) const {
    const Random4 bits =
        stream.at(number_of(number, row))
            .bits(static_cast<uint32_t>(example[row]), static_cast<uint32_t>(column));
    return normal(bits.v[0], bits.v[1]);
  }
  SADDLE_DEVICE float radius(int64_t row, float square_norm) const {
    const Random4 bits =
        radius_stream.at(number_of(number, row)).bits(static_cast<uint32_t>(example[row]), 0);
    return eps * uniform(bits.v[0]) / (square_root(square_norm) + 1e-10f);
  }
  SADDLE_DEVICE void place(int64_t row, int64_t column, float scale) const {
    const int64_t i = row * columns + column;
    delta[i] = clip(scale * gaussian(row, column), -x[i], 1.f - x[i]);
    adversarial[i] = clip(x[i] + delta[i], 0.f, 1.f);
  }
};

}  // namespace saddle
