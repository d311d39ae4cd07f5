// The loss of TRADES, with its gradients by both branches, a row of logits at a time.
//
//   L = CE(z, t) + beta KL(p || q),   p = softmax(z) (natural), q = softmax(z') (adversarial),
//   dL/dz  = p - t + beta p (log p - log q - KL),   dL/dz' = beta (q - p)
// with the target t = onehot(y), or smoothed as in loss.h. Source: Zhang et al. 2019 and the
// authors' code, in which the gradient flows through p as well.
#pragma once

#include "kernels/array.h"
#include "kernels/loss.h"
#include "kernels/math.h"
#include "kernels/teams.h"

namespace saddle {

// One block a row.
struct TradesLoss {
  static constexpr int kThreads = kWarp;
  Array<const float> natural, adversarial;  // [rows, classes]
  Array<const int32_t> label;               // [rows]
  Array<float> loss;                        // [rows]
  Array<float> correct;                     // [rows]: 1 where the natural prediction is the label
  Array<float> dnatural, dadversarial;      // [rows, classes], scaled by `scale`
  int64_t classes;
  float beta, scale;
  float smoothing = 0.f;  // in [0, 1)

  template <class Team>
  SADDLE_DEVICE void work(const Team& team, int64_t row) const {
    const int64_t first = row * classes;
    const float *z = &natural[first], *adversarial_z = &adversarial[first];
    const auto log_sum = [&](const float* logits, float largest) {
      return logarithm(
          team.sum(classes, [&](int64_t k) { return exponential(logits[k] - largest); }));
    };
    const float largest = team.argmax(classes, [&](int64_t k) { return z[k]; }).value;
    const float other_largest =
        team.argmax(classes, [&](int64_t k) { return adversarial_z[k]; }).value;
    const float log_z = log_sum(z, largest),
                log_adversarial_z = log_sum(adversarial_z, other_largest);
    const auto log_p = [&](int64_t k) { return (z[k] - largest) - log_z; };
    const auto log_q = [&](int64_t k) {
      return (adversarial_z[k] - other_largest) - log_adversarial_z;
    };
    const float kl =
        team.sum(classes, [&](int64_t k) { return exponential(log_p(k)) * (log_p(k) - log_q(k)); });
    const float spread = smoothing / static_cast<float>(classes);
    const float to_all = smoothing == 0.f ? 0.f : team.sum(classes, log_p);
    team.each(classes, [&](int64_t k) {
      const float p = exponential(log_p(k)), q = exponential(log_q(k));
      const float target = (k == label[row] ? 1.f - smoothing : 0.f) + spread;
      dnatural[first + k] = scale * ((p - target) + beta * p * ((log_p(k) - log_q(k)) - kl));
      dadversarial[first + k] = scale * beta * (q - p);
    });
    team.once([&] {
      loss[row] = beta * kl - (1.f - smoothing) * log_p(label[row]) - spread * to_all;
      correct[row] = argmax(z, classes) == label[row] ? 1.f : 0.f;
    });
  }
  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    work(BlockTeam<Block>{b, classes}, b.block());
  }
  void reference(int64_t row) const { work(HostTeam<kThreads>{classes}, row); }
};

}  // namespace saddle
