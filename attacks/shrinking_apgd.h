// ShrinkingApgd: APGD on segmentation in three balls, each smaller than the one before ("red-eps").
//
// A phase of radius 2 eps, one of 1.5 eps and one of eps, for 30, 30 and 40 % of the iterations:
// each is APGD (kernels/apgd.h) with checkpoints of its own and 2 radius as its first step. From
// outside the ball fewer pixels are left to turn. The attack's loss gives the gradients; x_best,
// step size and oscillation look at the cross-entropy of the image. The answer of a phase is the
// latest iterate that leaves the fewest pixels right, the start among them; projected on the next
// ball, it is where the next phase starts. Source: Croce, Singh and Hein 2024, "Towards reliable
// evaluation and fast training of robust semantic segmentation models", whose ensemble SEA runs it
// with several losses. Where we differ from their code:
// - Pixels without a class (void) are neither right nor wrong. There the start counts them as
//   wrong and later iterates as right, so that many pixels must be broken before one is taken.
// - Images do not depend on each other: one without a right pixel is done with the phase, as theirs
//   is in a batch of one.
// - l2 is ours: APGD's step and projection, a start on the sphere of radius 2 eps.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "attacks/pgd_climb.h"

namespace saddle {

struct ShrinkingApgdOptions {
  Norm norm = Norm::linf;
  float eps = 8.f / 255;  // radius, pixel range [0, 1]
  int steps = 300;        // of all phases together
  float rho = 0.75f;      // share of steps that must raise the loss for the step size to stay
};

// Throws Error where eps, steps or rho are out of range, and for l1.
void check(const ShrinkingApgdOptions& options);

struct ShrinkingPhase {
  float eps;
  int steps;
};
std::vector<ShrinkingPhase> shrinking_phases(const ShrinkingApgdOptions& options);

// What a phase came to, by rows.
struct PhaseReport {
  ShrinkingPhase phase;
  Tensor start, answer;  // [N, H, W, C]
  Tensor right;          // [N]: right pixels of the answer
  Tensor best_loss;      // [N]: the highest of what is tracked
};

struct ShrinkingClimb {
  StepLoss loss;  // one of tracked_pixel_loss(); its schedule begins anew in each phase
  // Called after each phase.
  std::function<void(const PhaseReport& report)> observe = {};
  const Tensor* start = nullptr;  // images in [0, 1] where the first phase starts; none: drawn
};

// The adversarial images, [N, H, W, C], in [0, 1] and within eps of batch.inputs, whose targets are
// u8 [N, H, W]. `attack` numbers the starts apart, unless batch.attempts does. An image costs up to
// steps + 3 forward and steps backward passes.
Tensor shrinking_apgd(const LogitsFunction& logits, const ShrinkingClimb& climb, const Batch& batch,
                      const ShrinkingApgdOptions& options, std::uint64_t seed, std::uint32_t attack,
                      PassCounts* counts = nullptr);

// The members of an ensemble, each run on every image: `sea` as published in 2024, `sea-cheap`,
// ours, the same with a third of its iterations, `sea-v1` as first published in 2023. Throws Error
// for another name.
struct PixelSuiteMember {
  std::string loss;  // see pixel_losses.h
  int steps;
};
std::vector<PixelSuiteMember> pixel_suite(const std::string& name);

}  // namespace saddle
