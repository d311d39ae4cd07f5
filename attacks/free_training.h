// FreeAT's perturbation: a delta that stays from step to step and moves by a gradient that the
// weights' step needs anyway.
//
//   delta <- clip(delta + eps sign(dL/dx), -eps, eps), and x + delta back into [0, 1]
// Shafahi et al. 2019, "Adversarial training for free!". It belongs to the places of a batch, not
// to examples: the next batch begins with the delta of the one before.
#pragma once

#include "core/tensor.h"

namespace saddle {

class FreePerturbation {
 public:
  // Zero, for batches of up to `most` images of shape [H, W, C]; eps > 0 in the pixel range [0, 1].
  FreePerturbation(Device& device, std::int64_t most, const Shape& image, float eps);

  // x + delta of images x [N, H, W, C] that are rows first, first + 1, ... of the batch; delta is
  // first fitted to them, so that x + delta lies in [0, 1].
  Tensor apply(const Tensor& x, std::int64_t first) const;
  // Moves their delta by the gradient dx at x + delta.
  void step(const Tensor& x, const Tensor& dx, std::int64_t first) const;

  const Tensor& delta() const { return delta_; }  // [most, H, W, C], for a checkpoint

 private:
  Tensor rows(const Tensor& x, std::int64_t first) const;
  Tensor moved(const Tensor& x, const Tensor& delta, const Tensor& g, float alpha) const;

  Tensor delta_;
  float eps_;
};

}  // namespace saddle
