// The step of MI-FGSM: momentum on the gradient's direction. Source: Dong et al. 2018.
#pragma once

#include "kernels/array.h"
#include "kernels/gradient_scale.h"
#include "kernels/holding_team.h"
#include "kernels/math.h"
#include "kernels/teams.h"

namespace saddle {

// m <- decay m + g / mean |g| for a gradient of any size (see gradient_scale.h; nothing is added
// where g = 0);  adversarial <- clip(adversarial + alpha sign(m)) to the l-inf ball around x and to
// [0, 1]. One block an example.
struct MiFgsmStep {
  static constexpr int kThreads = 256, kResidentBlocks = 2;
  Array<const float> x, g;      // [examples, columns]
  Array<float> m, adversarial;  // [examples, columns]
  float alpha, eps, decay;
  int64_t columns;

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    with_held_rows(b, columns, [&](const auto& team) { step(team, b.block()); });
  }
  void reference(int64_t example) const { step(HostTeam<kThreads>{columns}, example); }

  template <class Team>
  SADDLE_DEVICE void step(const Team& team, int64_t example) const {
    const Array<float> momentum = row_of(m, example, columns),
                       iterate = row_of(adversarial, example, columns);
    const auto gradient = team.hold(row_of(g, example, columns)),
               image = team.hold(row_of(x, example, columns)), before = team.hold(momentum),
               here = team.hold(iterate);
    const float to_one = power_to_one(team.max([&](auto i) { return fabsf(gradient[i]); }));
    const float sum = team.sum([&](auto i) { return fabsf(to_one * gradient[i]); });
    const float mean = sum / static_cast<float>(columns);
    team.each([&](auto i) {
      const float pull = mean > 0.f ? to_one * gradient[i] / mean : 0.f;
      const float next = decay * before[i] + pull;
      momentum[i] = next;
      const float moved = here[i] + alpha * sign(next);
      iterate[i] = clip(clip(moved, image[i] - eps, image[i] + eps), 0.f, 1.f);
    });
  }
};

}  // namespace saddle
