// One step on one batch: the loss's two arguments side by side.
//
// AT and SAM are one problem in two variables,
//
//   min over w of E max over ||delta|| <= eps of L(w, x + delta)     adversarial training
//   min over w of E max over ||v|| <= rho     of L(w + v, x)         sharpness-aware minimisation
//
// and a step climbs in either, or in both, before it descends in w:
//
//   x_hat = x + argmax over delta of L(w, x + delta)     by PGD: task.climb.before
//   w_hat = w + rho g / ||g||,  g = dL/dw at (w, x_hat)  by the optimiser: Minimiser::apply
//   w <- w - lr dL/dw at (w_hat, x_hat)
//
// Both climb the same Loss.
#pragma once

#include <cstdint>

#include "apps/training/task.h"
#include "optim/sam.h"

namespace saddle {

// In which of SAM's two gradients the running statistics move. `both` is the paper's code; `second`
// is AWP's, which takes the first with a copy of the model.
enum class SamStatistics { both, first, second, none };

// How any task's step is made.
struct StepOptions {
  SamStatistics sam_statistics = SamStatistics::both;
  // Whether the network has layers that draw in training (stochastic depth, dropout), and the rate
  // of the former; see PassRandom.
  bool draws = false;
  float drop_path = 0.f;
  // Pieces that a batch goes through the network in, whose gradients are averaged: for less memory.
  // Batch-norm sees a piece at a time.
  std::int64_t pieces = 1;
  std::uint64_t seed = 0;  // of what random layers draw
};

// The device's work of the step that `minimiser` has prepared, on the batch; `number`, i32 [1], is
// the step's. `weights` are the model's; `sums` [3] receives the mean loss, the number of right
// predictions and of how many, at w before the step. Returns how often batch-norm saw a batch in
// training.
int step_on_batch(const Model& model, const Task& task, Minimiser& minimiser,
                  const Parameters& weights, const Batch& batch, const Tensor& number,
                  const StepOptions& options, const Tensor& sums);

}  // namespace saddle
