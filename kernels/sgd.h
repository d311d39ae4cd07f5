// One step of stochastic gradient descent on a whole weight buffer, in one pass over memory.
//
//   d = g + lambda w;  b = mu b + d (first step: b = d);  d' = d + mu b (Nesterov) or b;  w = w -
//   lr d'
// as torch.optim.SGD does it: the learning rate multiplies after the momentum.
#pragma once

#include "kernels/array.h"
#include "kernels/bfloat16.h"
#include "kernels/span.h"

namespace saddle {

struct SgdStep {
  static constexpr int kSpan = 4;
  Array<float> w;
  Array<const float> g;
  Array<float> momentum_buffer;  // b, zero before the first step (which makes b = d)
  Array<Bfloat16> copy;          // w rounded, for convolutions in bf16; empty: none is kept
  Array<const float> lr;         // [1], read on the device: it changes under captured work
  float momentum, weight_decay;
  float nesterov;  // 1 or 0

  template <int N>
  SADDLE_DEVICE void span(int64_t i) const {
    Floats<N> moved = load<N>(w, i), b = load<N>(momentum_buffer, i);
    const Floats<N> gradient = load<N>(g, i);
    for (int k = 0; k < N; ++k) {
      const float d = gradient[k] + weight_decay * moved[k];
      b[k] = momentum * b[k] + d;
      moved[k] -= lr[0] * (nesterov != 0.f ? d + momentum * b[k] : b[k]);
    }
    store<N>(momentum_buffer, i, b);
    store<N>(w, i, moved);
    if (copy) store<N>(copy, i, moved);
  }
  SADDLE_DEVICE void operator()(int64_t i) const { span<1>(i); }
  bool aligned() const { return all_aligned(w, g, momentum_buffer, copy); }
};

}  // namespace saddle
