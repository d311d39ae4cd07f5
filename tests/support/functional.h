// A random linear functional of an op's output: the scalar through which its gradient is tested.
#pragma once

#include <vector>

#include "core/tape.h"

namespace saddle::testing_support {

// sum of weights[i] y[i] as a loss: what reaches y backwards is `weights`. (Its value is not
// computed.)
inline Var functional(Tape& tape, const Var& y, const std::vector<float>& weights) {
  const Tensor dy = Tensor::from_host(y.device(), y.shape(), weights);
  return tape.record(Tensor::filled(y.device(), {1}, 0.f), {y},
                     [=](const Tensor&) { y.add_gradient(dy); });
}

}  // namespace saddle::testing_support
