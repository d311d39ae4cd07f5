// The attack of Carlini and Wagner between the model's passes: pixels as x' = (tanh(w) + 1) / 2, so
// that no clamp is needed, Adam on w, and the search for the weight c. Source: Carlini and Wagner
// 2017, "Towards evaluating the robustness of neural networks"; see attacks/carlini_wagner.h.
#pragma once

#include "kernels/fab.h"

namespace saddle {

// (tanh(w) + 1) / 2 is the logistic function of 2 w.
SADDLE_DEVICE float pixel_of(float w) { return 1.f / (1.f + exponential(-2.f * w)); }

// w <- atanh(0.999999 (2 x - 1)), which keeps black and white pixels movable; x' <- pixel_of(w);
// Adam's moments <- 0.
struct CarliniWagnerStart {
  Array<const float> x0;             // [n]
  Array<float> w, x1, mean, square;  // [n]
  SADDLE_DEVICE void operator()(int64_t i) const {
    const float u = 0.999999f * (2.f * x0[i] - 1.f);
    w[i] = 0.5f * logarithm((1.f + u) / (1.f - u));
    x1[i] = pixel_of(w[i]);
    mean[i] = 0.f;
    square[i] = 0.f;
  }
};

// The rows' numbers of one search step; each [rows].
struct CarliniWagnerRows {
  Array<float> c;          // weight of the margin
  Array<float> low, high;  // between which c lies, as far as known
  Array<float> succeeded;  // 1: an iterate of this search step is adversarial
  Array<float> stopped;    // 1: its objective has ceased to fall
  Array<float> previous;   // its objective at the last check
};

inline constexpr float kUnboundedWeight = 1e9f;  // `high` while no c has succeeded
inline constexpr float kNoObjective = 1e10f;

// Judges x1: objective ||x1 - x0||^2 + c max(margin, -kappa). Notes x1 where it is misclassified by
// kappa at least and the nearest so far; sets the weight with which the margin's gradient counts;
// at every `check_every`-th iteration stops the row if its objective is not below 0.999999 of the
// one before. One block a row.
struct CarliniWagnerJudge {
  static constexpr int kThreads = 256;
  Array<const float> margin;          // [rows]
  Array<const int32_t> label, other;  // [rows]
  Array<const float> x0, x1;          // [rows, columns]
  Array<const int32_t> iteration;     // [1], from 0
  CarliniWagnerRows rows;
  Array<float> adversarial;  // [rows, columns]
  Array<float> best;         // [rows]: ||adversarial - x0||_2
  Array<float> weight;       // [rows]: c where margin > -kappa, else 0
  int64_t columns;
  int32_t check_every;
  float kappa;

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    judge(BlockTeam<Block>{b, columns}, b.block());
  }
  void reference(int64_t row) const { judge(HostTeam<kThreads>{columns}, row); }

  template <class Team>
  SADDLE_DEVICE void judge(const Team& team, int64_t row) const {
    const Array<const float> image = row_of(x0, row, columns), here = row_of(x1, row, columns);
    const Array<float> found = row_of(adversarial, row, columns);
    const float before = best[row], apart = margin[row], c = rows.c[row];
    const bool running = rows.stopped[row] == 0.f;
    const float square = team.sum([&](int64_t i) {
      const float moved = here[i] - image[i];
      return moved * moved;
    });
    const float length = square_root(square);
    const bool success =
        running && is_misclassified(apart, label[row], other[row]) && apart <= -kappa;
    const bool nearer = success && length < before;
    if (nearer) team.each([&](int64_t i) { found[i] = here[i]; });
    team.once([&] {
      if (nearer) best[row] = length;
      if (success) rows.succeeded[row] = 1.f;
      weight[row] = apart > -kappa ? c : 0.f;
      if (iteration[0] % check_every != 0) return;
      const float objective = square + c * larger(apart, -kappa);
      if (!(objective < 0.999999f * rows.previous[row])) rows.stopped[row] = 1.f;
      rows.previous[row] = objective;
    });
  }
};

// One step of Adam on w for the objective, g being weight times the margin's gradient at x1:
//   dw = (2 (x1 - x0) + g) 2 x1 (1 - x1);   x1 <- pixel_of(w)
// Decay rates 0.9 and 0.999, 1e-8 in the denominator, as Kingma and Ba 2015.
struct CarliniWagnerStep {
  Array<const float> x0, g;          // [rows, columns]
  Array<const float> stopped;        // [rows]
  Array<const int32_t> iteration;    // [1], from 0
  Array<float> w, x1, mean, square;  // [rows, columns]
  int64_t columns;
  float lr;
  SADDLE_DEVICE void operator()(int64_t row, int64_t column) const {
    if (stopped[row] != 0.f) return;
    const int64_t i = row * columns + column;
    const auto t = static_cast<float>(iteration[0] + 1);
    const float first = 1.f - exponential(t * -0.10536052f);     // 1 - 0.9^t
    const float second = 1.f - exponential(t * -0.0010005003f);  // 1 - 0.999^t
    const float dw = (2.f * (x1[i] - x0[i]) + g[i]) * 2.f * x1[i] * (1.f - x1[i]);
    mean[i] = 0.9f * mean[i] + 0.1f * dw;
    square[i] = 0.999f * square[i] + 0.001f * dw * dw;
    w[i] -= lr * (mean[i] / first) / (square_root(square[i] / second) + 1e-8f);
    x1[i] = pixel_of(w[i]);
  }
};

// The end of a search step: success bounds c from above, failure from below; the next c lies
// between, or is ten times as large while nothing has succeeded.
struct CarliniWagnerSearch {
  CarliniWagnerRows rows;
  SADDLE_DEVICE void operator()(int64_t row) const {
    const float c = rows.c[row];
    const bool success = rows.succeeded[row] != 0.f;
    if (success) rows.high[row] = c < rows.high[row] ? c : rows.high[row];
    if (!success) rows.low[row] = larger(rows.low[row], c);
    rows.c[row] =
        rows.high[row] < kUnboundedWeight ? 0.5f * (rows.low[row] + rows.high[row]) : 10.f * c;
    rows.succeeded[row] = 0.f;
    rows.stopped[row] = 0.f;
    rows.previous[row] = kNoObjective;
  }
};

// count[0] <- count[0] + 1: the iteration's number, which a captured step reads on the device.
struct CountUp {
  Array<int32_t> count;  // [1]
  SADDLE_DEVICE void operator()(int64_t) const { count[0] += 1; }
};

}  // namespace saddle
