// One whole step of a base optimiser on f32 weights: its rates go to the device, then the kernel.
#pragma once

#include "optim/optimizer.h"

namespace saddle::testing_support {

template <class Optimizer>
void step_with(Optimizer& optimizer, const Tensor& w, const Tensor& g, double lr) {
  optimizer.count_step();
  const StepRates rates = optimizer.rates(lr);
  const Tensor on_device = Tensor::from_host(w.device(), {static_cast<std::int64_t>(rates.size())},
                                             std::vector<float>(rates.begin(), rates.end()));
  optimizer.step({w, {}}, g, on_device);
}

}  // namespace saddle::testing_support
