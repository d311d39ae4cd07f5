// SsamRule: sparse SAM (Mi et al. 2022), which perturbs the weights that a mask names.
//
//   w_hat = w + m rho g / ||g||, the norm that of the whole gradient
// Masks change between epochs, on the host:
//   fisher   1 for the floor((1 - s) P) weights whose squared gradients, summed over single
//            examples, are largest
//   dynamic  random at first; then the live weights of smallest |g| are dropped and as many others
//            are drawn, fewer from time to time (a cosine)
#pragma once

#include <functional>
#include <vector>

#include "optim/ascent.h"
#include "optim/optimizer.h"
#include "optim/sharpness.h"

namespace saddle {

// Writes the gradient of one training example's loss into `g`, batch-norm frozen; examples are
// counted from 0, in an order of the provider's choice.
using ExampleGradient = std::function<void(std::int64_t example, const Tensor& g)>;

class SsamRule {
 public:
  SsamRule(Device& device, const WeightLayout& layout, const SharpnessOptions& options);
  float prepare(std::int64_t, double) { return static_cast<float>(options_.rho); }
  void gradient(const RuleStep& step) const;
  std::vector<NamedState> state() const { return {{"ssam.mask", mask_}}; }

  // Whether `epoch`, from 0, begins with another mask.
  bool renews(std::int64_t epoch) const;
  // Renews it. `g`, the gradient of the last step, is overwritten; `of_example` is asked for the
  // first `examples` examples at most.
  void renew(std::int64_t epoch, const Tensor& g, std::int64_t examples,
             const ExampleGradient& of_example);

 private:
  std::vector<std::int64_t> weights() const;  // places of all weights, gaps left out
  std::vector<float> drawn(std::uint32_t epoch) const;
  void renew_by_fisher(const Tensor& g, std::int64_t examples, const ExampleGradient& of_example);
  void renew_dynamically(std::int64_t epoch, const Tensor& g);

  WeightLayout layout_;
  SharpnessOptions options_;
  Tensor mask_;  // 1 or 0
};

}  // namespace saddle
