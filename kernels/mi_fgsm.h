// The step of MI-FGSM: momentum on the gradient's direction. Source: Dong et al. 2018.
#pragma once

#include "kernels/array.h"
#include "kernels/collectives.h"
#include "kernels/math.h"

namespace saddle {

// m <- decay m + g / mean |g| (nothing is added where g = 0);
// adversarial <- clip(adversarial + alpha sign(m)) to the l-inf ball around x and to [0, 1].
// One block an example.
struct MiFgsmStep {
  static constexpr int kThreads = 256;
  Array<const float> x, g;      // [examples, columns]
  Array<float> m, adversarial;  // [examples, columns]
  float alpha, eps, decay;
  int64_t columns;

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    const int64_t first = b.block() * columns;
    float sum = 0.f;
    for (int64_t c = b.thread(); c < columns; c += kThreads) sum += fabsf(g[first + c]);
    const float mean = block_sum(b, sum) / static_cast<float>(columns);
    for (int64_t c = b.thread(); c < columns; c += kThreads) move(first + c, mean);
  }

  void reference(int64_t example) const {
    const int64_t first = example * columns;
    float lanes[kThreads] = {};
    for (int64_t c = 0; c < columns; ++c) lanes[c % kThreads] += fabsf(g[first + c]);
    const float mean = sum_in_block_order(lanes, kThreads) / static_cast<float>(columns);
    for (int64_t c = 0; c < columns; ++c) move(first + c, mean);
  }

  SADDLE_DEVICE void move(int64_t i, float mean) const {
    m[i] = decay * m[i] + (mean > 0.f ? g[i] / mean : 0.f);
    const float moved = adversarial[i] + alpha * sign(m[i]);
    adversarial[i] = clip(clip(moved, x[i] - eps, x[i] + eps), 0.f, 1.f);
  }
};

}  // namespace saddle
