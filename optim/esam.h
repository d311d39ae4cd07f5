// EsamRule: efficient SAM (Du et al. 2022), which perturbs some tensors and descends on some
// examples.
//
// 1. Each tensor is perturbed with probability beta (all in the first step):
//      w_hat = w + (rho / beta) g / ||g||, g over those alone.
// 2. A forward pass at w_hat says whose loss rose most; max(1, floor(gamma N) - 1) examples stay.
// 3. The base optimiser steps with their gradient at w_hat.
#pragma once

#include <vector>

#include "optim/ascent.h"
#include "optim/sharpness.h"
#include "optim/slot_map.h"

namespace saddle {

class EsamRule {
 public:
  EsamRule(Device& device, const WeightLayout& layout, const SharpnessOptions& options);
  float prepare(std::int64_t step, double lr);
  void gradient(const RuleStep& step) const;

 private:
  bool selects() const { return options_.esam_gamma < kEsamKeepsAll; }
  // i32 [M]: the examples whose loss rose most from `before` to what it is at w_hat.
  Tensor rows_that_rose(const RuleStep& step, const Tensor& before) const;

  SharpnessOptions options_;
  SlotMap perturbed_;  // 1 or 0, of the step prepared
};

// How many of `examples` a step descends on.
std::int64_t examples_kept(std::int64_t examples, double gamma);

}  // namespace saddle
