// The step of DeepFool and its point, one block a row. Source: Moosavi-Dezfooli, Fawzi and Frossard
// 2016; see attacks/deepfool.h.
#pragma once

#include "kernels/fab.h"
#include "kernels/holding_team.h"

namespace saddle {

// What every step goes beyond the linearised boundary, in units of the norm, as in the authors'
// code.
inline constexpr float kDeepFoolMargin = 1e-4f;

// r <- r + (d + margin) w / ||w||_2 (l2) or r + (d + margin) sign(w) (linf), where d = |f| /
// ||w||_q is the distance to the boundary (at most kFarthest), then x1 <- clamp(x0 + (1 +
// overshoot) r, 0, 1). The gradient may be of any size (see gradient_scale.h); one of zero moves
// nothing. Rows with best <= stop are done and keep both.
template <DistanceNorm P>
struct DeepFoolStep {
  static constexpr int kThreads = 256, kResidentBlocks = 2;
  Array<const float> x0, w;  // [rows, columns]
  Array<const float> f;      // [rows]
  Array<const float> best;   // [rows]
  Array<float> r, x1;        // [rows, columns]
  int64_t columns;
  float overshoot, stop;

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    with_held_rows(b, columns, [&](const auto& team) { step(team, b.block()); });
  }
  void reference(int64_t row) const { step(HostTeam<kThreads>{columns}, row); }

  template <class Team>
  SADDLE_DEVICE void step(const Team& team, int64_t row) const {
    const Array<float> total = row_of(r, row, columns), point = row_of(x1, row, columns);
    const auto normal = team.hold(row_of(w, row, columns)),
               image = team.hold(row_of(x0, row, columns)), before = team.hold(total);
    const float to_one = power_to_one(team.max([&](auto i) { return fabsf(normal[i]); }));
    const float norm = norm_of<dual_of(P)>(team, [&](auto i) { return to_one * normal[i]; });
    const float away = fabsf(to_one * f[row]) / norm;
    const float distance = (away < kFarthest ? away : kFarthest) + kDeepFoolMargin;
    const float unit = P == DistanceNorm::l2 ? norm : 1.f;
    const float scale = best[row] <= stop || norm == 0.f ? 0.f : distance / unit;
    team.each([&](auto i) {
      const float direction = P == DistanceNorm::l2 ? to_one * normal[i] : sign(normal[i]);
      const float moved = before[i] + scale * direction;
      total[i] = moved;
      point[i] = clip(image[i] + (1.f + overshoot) * moved, 0.f, 1.f);
    });
  }
};

}  // namespace saddle
