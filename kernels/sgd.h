// One step of stochastic gradient descent on a whole weight buffer, in one pass over memory.
//
//   d = g + lambda w;  b = mu b + d (first step: b = d);  d' = d + mu b (Nesterov) or b;  w = w -
//   lr d'
// as torch.optim.SGD does it: the learning rate multiplies after the momentum.
#pragma once

#include "kernels/array.h"

namespace saddle {

struct SgdStep {
  Array<float> w;
  Array<const float> g;
  Array<float> momentum_buffer;  // b, zero before the first step (which makes b = d)
  float lr, momentum, weight_decay;
  float nesterov;  // 1 or 0

  SADDLE_DEVICE void operator()(int64_t i) const {
    const float d = g[i] + weight_decay * w[i];
    const float b = momentum * momentum_buffer[i] + d;
    momentum_buffer[i] = b;
    w[i] -= lr * (nesterov != 0.f ? d + momentum * b : b);
  }
};

}  // namespace saddle
