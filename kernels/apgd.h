// Auto-PGD: the steps, and the bookkeeping of every row on the device.
//
// A row's numbers lie side by side in one f32 matrix, state [rows, kApgdFields], so that rows are
// gathered in one launch. Formulas and names follow Croce and Hein 2020, Algorithm 1; the l1 form
// Croce and Hein 2021.
#pragma once

#include "kernels/array.h"
#include "kernels/collectives.h"
#include "kernels/gradient_scale.h"
#include "kernels/holding_team.h"
#include "kernels/math.h"
#include "kernels/philox.h"
#include "kernels/teams.h"

namespace saddle {

enum ApgdField : int {
  kApgdEvaluations,     // losses seen so far; the first is that of the start
  kApgdBestLoss,        // f_best
  kApgdLastLoss,        // of the iterate before
  kApgdIncreases,       // iterations since the last checkpoint that raised the loss
  kApgdStep,            // step size
  kApgdBestAtCheck,     // f_best at the last checkpoint
  kApgdReducedAtCheck,  // 1: the last checkpoint halved the step
  kApgdMomentum,        // a: 1 at the first step, then 0.75
  kApgdImproved,        // 1: the newest iterate is the best
  kApgdFound,           // 1: the newest iterate is the first that is misclassified
  kApgdBroken,          // 1: some iterate was misclassified
  kApgdRestart,         // 1: the last checkpoint goes back to the best iterate
  kApgdRank,            // l1: rank of the smallest gradient that moves, from 0
  kApgdChanged,         // l1: coordinates of the best iterate that differ from x, at the last check
  kApgdCounted,         // losses seen until the row was broken (of a row that is frozen then)
  kApgdFields
};

// x_old <- x_now;  x_now <- P(x_now + a (z - x_now) + (1 - a) (x_now - x_old)) with
// z = P(x_now + step sign(g)) and P the projection on the l-inf ball around x and on [0, 1].
struct ApgdStepLinf {
  Array<const float> x, g;  // [rows, columns]
  Array<float> now, old;    // [rows, columns]
  Array<const float> state;
  float eps;
  int64_t columns;
  SADDLE_DEVICE void operator()(int64_t row, int64_t column) const {
    const int64_t i = row * columns + column;
    const float step = state[row * kApgdFields + kApgdStep],
                a = state[row * kApgdFields + kApgdMomentum];
    const float here = now[i], before = old[i], image = x[i];
    const float z = project(image, here + step * sign(g[i]));
    now[i] = project(image, here + a * (z - here) + (1.f - a) * (here - before));
    old[i] = here;
  }
  SADDLE_DEVICE float project(float image, float moved) const {
    return clip(clip(moved, image - eps, image + eps), 0.f, 1.f);
  }
};

// The same in the l2 norm: z = P(x_now + step g / ||g||), which moves by the step for a gradient of
// any size but zero (see gradient_scale.h; AutoAttack divides by ||g|| + 1e-12), and P(x + delta) =
// clamp(x + delta min(eps, ||delta||) / (||delta|| + 1e-12), 0, 1). One block a row.
struct ApgdStepL2 {
  static constexpr int kThreads = 256, kResidentBlocks = 2;
  Array<const float> x, g;
  Array<float> now, old;
  Array<const float> state;
  float eps;
  int64_t columns;

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    with_held_rows(b, columns, [&](const auto& team) { step(team, b.block()); });
  }
  void reference(int64_t row) const { step(HostTeam<kThreads>{columns}, row); }

  template <class Team>
  SADDLE_DEVICE void step(const Team& team, int64_t row) const {
    const Array<float> next = row_of(now, row, columns), last = row_of(old, row, columns);
    const auto gradient = team.hold(row_of(g, row, columns)), iterate = team.hold(next),
               image = team.hold(row_of(x, row, columns)), before = team.hold(last);
    const float a = state[row * kApgdFields + kApgdMomentum];
    const auto norm_of_row = [&](const auto& value) {
      return square_root(team.sum([&](auto i) { return value(i) * value(i); }));
    };
    const auto shrink = [&](float norm) { return (norm < eps ? norm : eps) / (norm + 1e-12f); };

    const float to_one = power_to_one(team.max([&](auto i) { return fabsf(gradient[i]); }));
    const auto scaled = [&](auto i) { return to_one * gradient[i]; };
    const float norm = norm_of_row(scaled);
    const float size = norm > 0.f ? state[row * kApgdFields + kApgdStep] / norm : 0.f;
    const auto ahead = [&](auto i) { return iterate[i] + size * scaled(i) - image[i]; };
    const float first = shrink(norm_of_row(ahead));
    const auto mixed = [&](auto i) {
      const float here = iterate[i];
      const float z = clip(image[i] + ahead(i) * first, 0.f, 1.f);
      return here + a * (z - here) + (1.f - a) * (here - before[i]) - image[i];
    };
    const float second = shrink(norm_of_row(mixed));
    team.each([&](auto i) {
      const float moved = clip(image[i] + mixed(i) * second, 0.f, 1.f);
      last[i] = iterate[i];
      next[i] = moved;
    });
  }
};

// now <- clamp(x + eps t / (max |t| + 1e-12)) with t uniform in the cube: at least one coordinate
// lies on the ball's surface. One block a row.
struct ApgdStartLinf {
  static constexpr int kThreads = 256;
  Array<const int32_t> example, attempt;  // [rows]
  Array<const float> x;                   // [rows, columns]
  Array<float> now;
  Stream stream;
  float eps;
  int64_t columns;

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    float largest = 0.f;
    for (int64_t c = b.thread(); c < columns; c += kThreads) {
      const float size = fabsf(draw(b.block(), c));
      largest = larger(size, largest);
    }
    const float scale = eps / (block_max(b, largest) + 1e-12f);
    for (int64_t c = b.thread(); c < columns; c += kThreads) place(b.block(), c, scale);
  }

  void reference(int64_t row) const {
    float largest = 0.f;
    for (int64_t c = 0; c < columns; ++c) largest = larger(fabsf(draw(row, c)), largest);
    const float scale = eps / (largest + 1e-12f);
    for (int64_t c = 0; c < columns; ++c) place(row, c, scale);
  }

  SADDLE_DEVICE float draw(int64_t row, int64_t column) const {
    const Random4 bits =
        stream.at(attempt[row])
            .bits(static_cast<uint32_t>(example[row]), static_cast<uint32_t>(column));
    return 2.f * uniform(bits.v[0]) - 1.f;
  }
  SADDLE_DEVICE void place(int64_t row, int64_t column, float scale) const {
    const int64_t i = row * columns + column;
    const float moved = x[i] + clip(scale * draw(row, column), -eps, eps);
    now[i] = clip(moved, 0.f, 1.f);
  }
};

// now <- clamp(x + eps t / (||t|| + 1e-12)) for t as it is in `now`: any direction, to the sphere's
// surface. One block a row.
struct ApgdStartL2 {
  static constexpr int kThreads = 256;
  Array<const float> x;
  Array<float> now;  // in: t
  float eps;
  int64_t columns;

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    const int64_t first = b.block() * columns;
    float sum = 0.f;
    for (int64_t c = b.thread(); c < columns; c += kThreads) sum += now[first + c] * now[first + c];
    const float scale = eps / (square_root(block_sum(b, sum)) + 1e-12f);
    for (int64_t c = b.thread(); c < columns; c += kThreads) place(first + c, scale);
  }

  void reference(int64_t row) const {
    const int64_t first = row * columns;
    float lanes[kThreads] = {};
    for (int64_t c = 0; c < columns; ++c) lanes[c % kThreads] += now[first + c] * now[first + c];
    const float scale = eps / (square_root(sum_in_block_order(lanes, kThreads)) + 1e-12f);
    for (int64_t c = 0; c < columns; ++c) place(first + c, scale);
  }

  SADDLE_DEVICE void place(int64_t i, float scale) const {
    now[i] = clip(x[i] + scale * now[i], 0.f, 1.f);
  }
};

// What the loss and the prediction at the newest iterate mean for a row.
struct ApgdScore {
  Array<const float> losses, right;  // [rows]; right: 0 where the label is not predicted
  Array<float> state;
  int32_t freeze;          // not 0: a row that is broken is left as it is
  int32_t reference_wrap;  // not 0: the loss before the first is taken to be 0

  SADDLE_DEVICE void operator()(int64_t row) const {
    const auto field = [&](ApgdField name) -> float& { return state[row * kApgdFields + name]; };
    const float loss = losses[row];
    const bool first = field(kApgdEvaluations) == 0.f;
    const bool frozen = freeze != 0 && field(kApgdBroken) != 0.f;
    const bool improved = first || (!frozen && loss > field(kApgdBestLoss));
    const bool increased = !first && loss > field(kApgdLastLoss);
    // A loss that is NaN comes of logits that are not finite: a failure of the model, no success.
    const bool misclassified = right[row] == 0.f && loss == loss;
    const bool found = misclassified && field(kApgdBroken) == 0.f;
    field(kApgdEvaluations) += 1.f;
    if (!frozen) field(kApgdCounted) += 1.f;
    if (improved) field(kApgdBestLoss) = loss;
    if (first) field(kApgdBestAtCheck) = loss;
    field(kApgdLastLoss) = first && reference_wrap != 0 ? 0.f : loss;
    if (increased) field(kApgdIncreases) += 1.f;
    field(kApgdMomentum) = first ? 1.f : 0.75f;
    field(kApgdImproved) = improved ? 1.f : 0.f;
    field(kApgdFound) = found ? 1.f : 0.f;
    if (found) field(kApgdBroken) = 1.f;
  }
};

// g <- scale dx;  where the row improved, best <- now and g_best <- g;  where it is newly
// misclassified, adversarial <- now.
struct ApgdKeep {
  Array<const float> state, now;
  Array<const float> dx;  // [rows, columns]; empty after the last step, which needs no gradient
  Array<float> g, best, g_best, adversarial;
  float scale;
  int64_t columns;
  SADDLE_DEVICE void operator()(int64_t row, int64_t column) const {
    const int64_t i = row * columns + column;
    if (dx) g[i] = scale * dx[i];
    if (state[row * kApgdFields + kApgdImproved] != 0.f) {
      best[i] = now[i];
      g_best[i] = g[i];
    }
    if (state[row * kApgdFields + kApgdFound] != 0.f) adversarial[i] = now[i];
  }
};

// The checkpoint after `window` iterations (l-inf, l2): the step is halved, and the row goes back
// to its best iterate, where at most rho * window of them raised the loss, or where neither the
// step nor the best loss changed since the last checkpoint.
struct ApgdCheckpoint {
  Array<float> state;
  float window, rho;
  SADDLE_DEVICE void operator()(int64_t row) const {
    const auto field = [&](ApgdField name) -> float& { return state[row * kApgdFields + name]; };
    const bool oscillates = field(kApgdIncreases) <= rho * window;
    const bool stands_still =
        field(kApgdReducedAtCheck) == 0.f && field(kApgdBestAtCheck) >= field(kApgdBestLoss);
    const bool reduce = oscillates || stands_still;
    field(kApgdReducedAtCheck) = field(kApgdRestart) = reduce ? 1.f : 0.f;
    field(kApgdBestAtCheck) = field(kApgdBestLoss);
    field(kApgdIncreases) = 0.f;
    if (reduce) field(kApgdStep) *= .5f;
  }
};

// The checkpoint in l1: the next steps move two thirds as many coordinates as the best iterate has
// changed. Where those are fewer than 95 % of the last checkpoint's, the row goes back to its best
// iterate with the step eps; else the step shrinks by 1.5, down to eps / 10.
struct ApgdCheckpointL1 {
  Array<float> state;
  Array<const float> changed;  // [rows]: coordinates in which the best iterate differs from x
  float eps;
  int64_t columns;
  SADDLE_DEVICE void operator()(int64_t row) const {
    const auto field = [&](ApgdField name) -> float& { return state[row * kApgdFields + name]; };
    const bool sparser = changed[row] < .95f * field(kApgdChanged);
    field(kApgdStep) = sparser ? eps : clip(field(kApgdStep) / 1.5f, eps / 10.f, eps);
    field(kApgdRestart) = sparser ? 1.f : 0.f;
    field(kApgdChanged) = changed[row];
    field(kApgdRank) = rank(changed[row] / static_cast<float>(columns) / 1.5f, columns);
  }
  // Of the element that `share` of the columns reach or exceed.
  static SADDLE_DEVICE float rank(float share, int64_t columns) {
    const int64_t place = static_cast<int64_t>((1.f - share) * static_cast<float>(columns));
    return static_cast<float>(place < 0 ? 0 : smaller(place, columns - 1));
  }
};

// now <- best and g <- g_best in the rows that their checkpoint sends back.
struct ApgdRestart {
  Array<const float> state, best, g_best;
  Array<float> now, g;
  int64_t columns;
  SADDLE_DEVICE void operator()(int64_t row, int64_t column) const {
    if (state[row * kApgdFields + kApgdRestart] == 0.f) return;
    const int64_t i = row * columns + column;
    now[i] = best[i];
    g[i] = g_best[i];
  }
};

// count[row] <- number of elements in which a and b differ. One block a row.
struct CountChanged {
  static constexpr int kThreads = 256;
  Array<const float> a, b;  // [rows, columns]
  Array<float> count;       // [rows]
  int64_t columns;

  template <class Block>
  SADDLE_DEVICE void operator()(Block& block) const {
    const int64_t first = block.block() * columns;
    float sum = 0.f;
    for (int64_t c = block.thread(); c < columns; c += kThreads) sum += differs(first + c);
    sum = block_sum(block, sum);
    if (block.thread() == 0) count[block.block()] = sum;
  }
  void reference(int64_t row) const {
    float sum = 0.f;  // of ones: exact in any order
    for (int64_t c = 0; c < columns; ++c) sum += differs(row * columns + c);
    count[row] = sum;
  }
  SADDLE_DEVICE float differs(int64_t i) const { return a[i] != b[i] ? 1.f : 0.f; }
};

// largest[row] <- max |x[row, :]|: 0 where a gradient is exactly zero, which a norm of squares may
// also be by underflow. One block a row.
struct RowMaxAbs {
  static constexpr int kThreads = 256;
  Array<const float> x;  // [rows, columns]
  Array<float> largest;  // [rows]
  int64_t columns;

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    float most = 0.f;
    for (int64_t c = b.thread(); c < columns; c += kThreads) {
      const float size = fabsf(x[b.block() * columns + c]);
      most = larger(size, most);
    }
    most = block_max(b, most);
    if (b.thread() == 0) largest[b.block()] = most;
  }
  void reference(int64_t row) const {
    float lanes[kThreads] = {};
    for (int64_t c = 0; c < columns; ++c) {
      lanes[c % kThreads] = larger(fabsf(x[row * columns + c]), lanes[c % kThreads]);
    }
    largest[row] = max_in_block_order(lanes, kThreads);
  }
};

}  // namespace saddle
