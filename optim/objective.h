// Objective: the loss of the current batch, as an optimiser may ask about it.
//
// What the loss is, plain or adversarial, and how batch-norm behaves in each pass, is the business
// of whoever provides it.
#pragma once

#include <functional>

#include "core/weights.h"

namespace saddle {

// Which of a step's passes is asked for; batch-norm may treat them differently.
enum class GradientAt { weights, perturbed_weights };

struct GradientRequest {
  GradientAt at = GradientAt::weights;
  Tensor rows = {};    // i32 [M]: the mean over these of the batch's examples; empty: over all
  Tensor losses = {};  // f32 [N], receives each example's loss; empty: not asked
};

struct Objective {
  // Writes dL/dw at `w` into `g`, L the mean loss.
  std::function<void(const Parameters& w, const Tensor& g, const GradientRequest& request)>
      gradient;
  // Each example's loss at perturbed weights `w`, f32 [N], by a forward pass alone.
  std::function<void(const Parameters& w, const Tensor& losses)> losses = {};
  std::int64_t examples = 0;  // N; only methods that choose examples ask
};

}  // namespace saddle
