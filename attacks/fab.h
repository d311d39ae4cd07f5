// FAB and FAB-T: the nearest misclassified image, by steps onto the linearised boundary.
//
//   repeat `steps` times   w, f  <- the nearest class's (FAB) or the target's (FAB-T) boundary at
//   x1
//                          d1, d2 <- projections of x1 and of the image x0 on it, within the box
//                          x1 <- clamp((1 - alpha)(x1 + eta d1) + alpha (x0 + eta d2), 0, 1)
//                          where x1 is misclassified: keep it if it is the nearest so far, then
//                          x1 <- x0 + beta (x1 - x0)
// with alpha = min(|d1| / (|d1| + |d2|), alpha_max). Source: Croce and Hein 2020, "Minimally
// distorted adversarial examples with a fast adaptive boundary attack"; the form is that of the
// authors' AutoAttack (no final search on the segment to x0).
//
// Deviations from the reference implementations:
// - The first try of an example (of each target class) starts at the image, later ones at a random
//   point of distance eps / 2; each try is an attempt of its own, so the radius does not shrink
//   with what other tries found.
// - Within eps an example is done with its first accepted point: the verdict is the same, the point
//   returned need not be the nearest. Accept::any_distance runs all steps and keeps the nearest.
// - eps (1 + 1e-6) is accepted, for the rounding of the norm.
// - c = f + w (x0 - x1) instead of w x0 - b: less cancellation in float.
// - FAB's K - 1 differences of logits are walked backwards through one forward pass.
#pragma once

#include <memory>

#include "attacks/boundary.h"

namespace saddle {

// Which boundary a step goes for.
enum class Boundary {
  nearest,  // of all other classes the one that looks nearest, K - 1 backward passes a step
  ranked,   // a class chosen by its rank among the clean logits, one backward pass a step
};
// Which misclassified images count.
enum class Accept { within_eps, any_distance };

struct FabOptions {
  Norm norm = Norm::linf;
  float eps =
      default_eps(Norm::linf);  // what is farther is discarded; random starts are eps / 2 away
  int steps = 100;
  float alpha_max = 0.1f;  // at most this share comes from the image's projection
  float eta = 1.05f;       // overshoot
  float beta = 0.9f;       // backward step: the share of the perturbation that is kept
  Boundary boundary = Boundary::nearest;
  // Boundary::ranked: attempt a is try a / targets at the class of rank a mod `targets`, from 0,
  // among the classes other than the label. Under Boundary::nearest the attempt numbers the tries.
  int targets = 9;
  Accept accept = Accept::within_eps;
};

// Throws Error where eps is negative or not finite, or over 1 in linf, alpha_max or beta is outside
// [0, 1], eta is not positive and finite, steps are negative or targets below 1.
void check(const FabOptions& options);

class Fab {
 public:
  // Throws Error as check() does.
  Fab(LogitsFunction logits, const FabOptions& options);

  // The adversarial images, [N, H, W, C]; where none was found, and where the prediction is wrong
  // already, the clean image. Throws Error where the batch's tensors do not match, or the model has
  // too few classes for `targets`.
  Tensor operator()(const Batch& batch, std::uint64_t seed, PassCounts* counts = nullptr);
  // The same with their distances in the attack's norm.
  MinimalNorm nearest(const Batch& batch, std::uint64_t seed, PassCounts* counts = nullptr);

 private:
  struct State;  // the rows under attack, and the captured step that works on them

  std::shared_ptr<State> state_for(const Batch& batch, const Tensor& targets, std::uint64_t seed);
  static std::shared_ptr<State> selected(const State& state, const Tensor& rows);
  void step(const State& state) const;
  Linearised boundary(const State& state) const;
  Passes passes_of_a_step() const;

  LogitsFunction logits_;
  FabOptions options_;
  float accepted_;  // distances up to here are accepted
  float stop_;      // a row of this distance is done
  std::int64_t classes_ = 0;
  std::shared_ptr<State> full_;  // of the last batch, before rows left it: its step may serve again
};

}  // namespace saddle
