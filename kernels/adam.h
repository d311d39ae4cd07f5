// One step of Adam or AdamW on a whole weight buffer, in one pass over memory.
//
//   Adam:  g <- g + lambda w.   AdamW:  w <- w (1 - lr lambda).   Then for both
//   m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
//   w = w - (lr / (1 - beta1^t)) m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
// as torch.optim does it; t counts from 1. The two bias corrections arrive computed.
#pragma once

#include "kernels/array.h"
#include "kernels/math.h"

namespace saddle {

struct AdamStep {
  Array<float> w;
  Array<const float> g;
  Array<float> m, v;
  float beta1, beta2;
  float one_minus_beta1, one_minus_beta2;  // rounded once: 1.f - 0.999f is 1e-5 away from 0.001
  float eps;
  float coupled_decay;      // lambda for Adam, 0 for AdamW
  float decoupled_factor;   // 1 for Adam, 1 - lr lambda for AdamW
  float corrected_lr;       // lr / (1 - beta1^t)
  float root_correction;    // sqrt(1 - beta2^t)

  SADDLE_DEVICE void operator()(int64_t i) const {
    const float decayed = w[i] * decoupled_factor;
    const float d = g[i] + coupled_decay * decayed;
    const float mean = beta1 * m[i] + one_minus_beta1 * d;
    const float square = beta2 * v[i] + one_minus_beta2 * d * d;
    m[i] = mean;
    v[i] = square;
    w[i] = decayed - corrected_lr * mean / (square_root(square) / root_correction + eps);
  }
};

}  // namespace saddle
