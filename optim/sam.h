// Minimiser: what turns a gradient function into a training step, with or without
// sharpness-awareness.
//
// SAM (Foret et al. 2021) minimises max over ||v|| <= rho of L(w + v):
//   g = dL/dw at w;  w_hat = w + rho g / (||g|| + 1e-12);  g' = dL/dw at w_hat;  base step on w
//   with g'.
// w itself is never perturbed: w_hat is a second buffer, so nothing has to be restored.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "optim/optimizer.h"

namespace saddle {

// Which of a step's gradients is asked for; batch-norm may treat them differently.
enum class GradientAt { weights, perturbed_weights };

// Writes dL/dw at `w` into `g`. L is the loss of the current batch; plain or adversarial is its own
// business.
using GradientFunction =
    std::function<void(const Parameters& w, const Tensor& g, GradientAt at)>;

class Minimiser {
 public:
  // `rho` nothing: the base optimiser alone. With rho = 0 every step equals the base's bit for bit.
  // Throws Error where rho is negative or not finite.
  Minimiser(BaseOptimizer base, Device& device, std::int64_t size, std::optional<double> rho);

  // One step on the flat weights `w`: prepare, then apply.
  void step(const Parameters& w, double lr, const GradientFunction& gradient_at);
  // Counts a step and puts its rates on the device.
  void prepare(double lr);
  // The device's work of the step last prepared; may be captured and replayed.
  void apply(const Parameters& w, const GradientFunction& gradient_at);

  // The state a checkpoint must hold for steps to go on with the same bits, and the steps done.
  std::vector<NamedState> state() const;
  std::int64_t& steps();

  int gradients_per_step() const { return rho_ ? 2 : 1; }

 private:
  BaseOptimizer base_;
  std::optional<float> rho_;
  Tensor g_, rates_;
  Parameters w_hat_;
};

}  // namespace saddle
