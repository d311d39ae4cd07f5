// What an iteration of FAB does to its rows between the model's passes: the choice of a boundary,
// the move, and the verdict. The projections are in fab_projection.h.
//
// A row is one try of one example: x0 the image, x1 the iterate, best the distance of the nearest
// adversarial point so far (kFarthest where there is none). Rows with best <= stop are done and are
// left as they are. Source: Croce and Hein 2020; see attacks/fab.h.
#pragma once

#include "kernels/fab_projection.h"
#include "kernels/philox.h"

namespace saddle {

inline constexpr float kFarthest = 1e10f;  // the distance of a row that has found nothing

// Whether the row's prediction is not its label: the margin is z_label - z_other, `other` the
// strongest other class (RunnerUp); equal logits go to the lower class, a NaN is no success.
SADDLE_DEVICE bool is_misclassified(float margin, int32_t label, int32_t other) {
  return margin < 0.f || (margin == 0.f && other < label);
}

// Keeps, over calls with one class after the other, the linearised boundary that is nearest in norm
// P: dist = |f| / ||g||_q with f = z_other - z_label and g its gradient, infinite where g = 0;
// equal distances go to the lower class. One block a row.
template <DistanceNorm P>
struct KeepNearest {
  static constexpr int kThreads = 256;
  Array<const float> f_other;  // [rows]
  Array<const float> g;        // [rows, columns]
  Array<const int32_t> other;  // [rows]
  Array<float> distance, f;    // [rows]: of the class kept
  Array<int32_t> kept;         // [rows]
  Array<float> w;              // [rows, columns]: its gradient
  int64_t columns;
  float first;  // 1: nothing is kept yet, 0: compare

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    compare(BlockTeam<Block>{b, columns}, b.block());
  }
  void reference(int64_t row) const { compare(HostTeam<kThreads>{columns}, row); }

  template <class Team>
  SADDLE_DEVICE void compare(const Team& team, int64_t row) const {
    const float before = first != 0.f ? 0.f : distance[row];
    const int32_t rival = first != 0.f ? 0 : kept[row], class_here = other[row];
    const Array<const float> here = row_of(g, row, columns);
    const float to_one = power_to_one(team.max([&](int64_t i) { return fabsf(here[i]); }));
    const float norm = norm_of<dual_of(P)>(team, [&](int64_t i) { return to_one * here[i]; });
    const float value = f_other[row];
    const float dist = norm == 0.f ? INFINITY : fabsf(to_one * value) / norm;
    const bool nearer = dist < before || (dist == before && class_here < rival);
    if (first == 0.f && !nearer) return;  // the whole block; no barrier follows
    const Array<float> out = row_of(w, row, columns);
    team.each([&](int64_t i) { out[i] = here[i]; });
    team.once([&] {
      distance[row] = dist;
      f[row] = value;
      kept[row] = class_here;
    });
  }
};

// x1 <- clamp((1 - alpha)(x1 + eta d1) + alpha (x0 + eta d2), 0, 1), d1 and d2 the projections of
// x1 and x0, alpha = min(a1 / (a1 + a2), alpha_max), a = max(||d||, 1e-8). Written as x1's part
// plus alpha times the difference, so that equal points stay what they are.
struct FabMove {
  Array<const float> x0;           // [rows, columns]
  Array<const float> delta, norm;  // [2, rows, columns], [2, rows]: of x1, then of x0
  Array<const float> best;         // [rows]
  Array<float> x1;                 // [rows, columns]
  int64_t rows, columns;
  float alpha_max, eta, stop;

  SADDLE_DEVICE void operator()(int64_t row, int64_t column) const {
    const float a1 = larger(norm[row], 1e-8f), a2 = larger(norm[rows + row], 1e-8f);
    const float ratio = a1 / (a1 + a2), alpha = ratio > alpha_max ? alpha_max : ratio;
    const int64_t i = row * columns + column;
    const float from_x1 = x1[i] + eta * delta[i];
    const float from_x0 = x0[i] + eta * delta[rows * columns + i];
    const float moved = clip(from_x1 + alpha * (from_x0 - from_x1), 0.f, 1.f);
    x1[i] = best[row] <= stop ? x1[i] : moved;
  }
};

// Where x1 is misclassified: notes it if it is the nearest so far, and steps back towards the
// image, x1 <- x0 + beta (x1 - x0), improvement or not. One block a row.
template <DistanceNorm P>
struct FabJudge {
  static constexpr int kThreads = 256;
  Array<const float> margin;          // [rows]: of x1
  Array<const int32_t> label, other;  // [rows]
  Array<const float> x0;              // [rows, columns]
  Array<float> x1, adversarial;       // [rows, columns]
  Array<float> best;                  // [rows]: ||adversarial - x0||
  int64_t columns;
  float beta, stop;

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    judge(BlockTeam<Block>{b, columns}, b.block());
  }
  void reference(int64_t row) const {
    if (is_misclassified(margin[row], label[row], other[row])) {
      judge(HostTeam<kThreads>{columns}, row);
    }
  }

  template <class Team>
  SADDLE_DEVICE void judge(const Team& team, int64_t row) const {
    const float before = best[row];
    const Array<const float> image = row_of(x0, row, columns);
    const Array<float> iterate = row_of(x1, row, columns),
                       found = row_of(adversarial, row, columns);
    const float length = norm_of<P>(team, [&](int64_t i) { return iterate[i] - image[i]; });
    const bool done = before <= stop;
    if (done || !is_misclassified(margin[row], label[row], other[row]))
      return;  // no barrier follows
    const bool nearer = length < before;
    team.each([&](int64_t i) {
      const float here = iterate[i];
      if (nearer) found[i] = here;
      iterate[i] = image[i] + beta * (here - image[i]);
    });
    team.once([&] { best[row] = nearer ? length : before; });
  }
};

// count[row] += 1 for the rows that are not done.
struct CountOpen {
  Array<const float> best;  // [rows]
  Array<int32_t> count;     // [rows]
  float stop;
  SADDLE_DEVICE void operator()(int64_t row) const { count[row] += best[row] <= stop ? 0 : 1; }
};

// x1 <- the image for a first try, else a random point at distance `radius` of it, clamped to the
// pixel range: linf U(-1, 1) scaled to a largest element of 1, l2 and l1 Gaussian scaled to norm 1.
// One block a row.
template <DistanceNorm P>
struct FabStart {
  static constexpr int kThreads = 256;
  Array<const float> x0;                  // [rows, columns]
  Array<const int32_t> example, attempt;  // [rows]
  Array<float> x1;                        // [rows, columns]
  Stream stream;                          // of the step that the attempt says
  int64_t columns;
  int32_t targets;  // attempt / targets is the number of the try at one target
  float radius;

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    begin(BlockTeam<Block>{b, columns}, b.block());
  }
  void reference(int64_t row) const { begin(HostTeam<kThreads>{columns}, row); }

  template <class Team>
  SADDLE_DEVICE void begin(const Team& team, int64_t row) const {
    const Array<const float> image = row_of(x0, row, columns);
    const Array<float> iterate = row_of(x1, row, columns);
    if (attempt[row] < targets) {  // for the whole block alike
      team.each([&](int64_t i) { iterate[i] = image[i]; });
      return;
    }
    const Stream draws = stream.at(attempt[row]);
    const auto item = static_cast<uint32_t>(example[row]);
    const auto draw = [&](int64_t i) {
      const Random4 bits = draws.bits(item, static_cast<uint32_t>(i));
      return P == DistanceNorm::linf ? 2.f * uniform(bits.v[0]) - 1.f
                                     : normal(bits.v[0], bits.v[1]);
    };
    const float scale = radius / (norm_of<P>(team, draw) + 1e-12f);
    team.each([&](int64_t i) { iterate[i] = clip(image[i] + scale * draw(i), 0.f, 1.f); });
  }
};

// image[row] <- the adversarial point where it is within `radius`, else the clean image.
struct AcceptWithin {
  Array<const float> clean, adversarial;  // [rows, columns]
  Array<const float> best;                // [rows]
  Array<float> image;                     // [rows, columns]
  int64_t columns;
  float radius;
  SADDLE_DEVICE void operator()(int64_t row, int64_t column) const {
    const int64_t i = row * columns + column;
    const float found = adversarial[i], left = clean[i];
    image[i] = best[row] <= radius ? found : left;
  }
};

}  // namespace saddle
