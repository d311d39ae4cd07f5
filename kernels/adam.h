// One step of Adam or AdamW on a whole weight buffer, in one pass over memory.
//
//   Adam:  g <- g + lambda w.   AdamW:  w <- w (1 - lr lambda).   Then for both
//   m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
//   w = w - (lr / (1 - beta1^t)) m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
// as torch.optim does it; t counts from 1. What changes from step to step arrives computed, in
// `rates`.
#pragma once

#include "kernels/array.h"
#include "kernels/bfloat16.h"
#include "kernels/math.h"
#include "kernels/span.h"

namespace saddle {

// What of a step depends on lr and t, in the order of AdamStep::rates.
struct AdamRates {
  float decoupled_factor;  // 1 for Adam, 1 - lr lambda for AdamW
  float corrected_lr;      // lr / (1 - beta1^t)
  float root_correction;   // sqrt(1 - beta2^t)
};

struct AdamStep {
  static constexpr int kSpan = 4;
  Array<float> w;
  Array<const float> g;
  Array<float> m, v;
  Array<Bfloat16> copy;      // w rounded, for convolutions in bf16; empty: none is kept
  Array<const float> rates;  // [3], an AdamRates, read on the device
  float beta1, beta2;
  float one_minus_beta1, one_minus_beta2;  // rounded once: 1.f - 0.999f is 1e-5 away from 0.001
  float eps;
  float coupled_decay;  // lambda for Adam, 0 for AdamW

  template <int N>
  SADDLE_DEVICE void span(int64_t i) const {
    Floats<N> moved = load<N>(w, i), mean = load<N>(m, i), square = load<N>(v, i);
    const Floats<N> gradient = load<N>(g, i);
    for (int k = 0; k < N; ++k) {
      const float decayed = moved[k] * rates[0];
      const float d = gradient[k] + coupled_decay * decayed;
      mean[k] = beta1 * mean[k] + one_minus_beta1 * d;
      square[k] = beta2 * square[k] + one_minus_beta2 * d * d;
      moved[k] = decayed - rates[1] * mean[k] / (square_root(square[k]) / rates[2] + eps);
    }
    store<N>(m, i, mean);
    store<N>(v, i, square);
    store<N>(w, i, moved);
    if (copy) store<N>(copy, i, moved);
  }
  SADDLE_DEVICE void operator()(int64_t i) const { span<1>(i); }
  bool aligned() const { return all_aligned(w, g, m, v, copy); }
};

}  // namespace saddle
