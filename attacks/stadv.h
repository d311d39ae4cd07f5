// StAdv: images warped by a smooth flow, found by gradient descent on the flow.
//
//   minimise over the flow f   max(z_y - max over j != y of z_j, -kappa) + lambda roughness(f)
// where z are the logits of the image sampled along f (core/ops.h: warp, flow_roughness). There is
// no ball in pixels; |f| <= bound holds in normalised units, 2 being the whole width or height: a
// bound of 0.05 is 0.8 pixels of a 32 x 32 image. Xiao et al., "Spatially transformed adversarial
// examples", ICLR 2018. The default is the form of Laidlaw et al. 2021 ("Perceptual adversarial
// robustness"): Adam in place of L-BFGS, a bound on the flow, roughness over the four neighbours.
// Departures from their code: positions are clamped to the image, which does not darken its border
// (`border`); the answer is the best misclassified image, not the last iterate (`keep`), and the
// last iterate is scored too; the loss is summed, so examples do not influence each other. Numbers
// of this attack mean little without bound, iterations, lr and lambda.
#pragma once

#include <limits>
#include <optional>

#include "attacks/attack.h"
#include "kernels/warp.h"

namespace saddle {

enum class StadvStart { zero, random };  // the flow, or uniform within the bound

struct StadvOptions {
  float bound = 0.05f;  // on each component of the flow, normalised units; infinity: none
  int iterations = 100;
  float lr = 0.01f;             // of Adam, normalised units
  std::optional<float> lambda;  // weight of the roughness; empty: 0.0025 / bound
  // kappa: the margin is not lowered further than this; infinity: no floor.
  float kappa = std::numeric_limits<float>::infinity();
  WarpBorder border = WarpBorder::clamp;
  Smoothness smoothness = Smoothness::axis;
  StadvKeep keep = StadvKeep::smallest_loss;
  StadvStart start = StadvStart::zero;
};

// The weight that is used.
float lambda_of(const StadvOptions& options);

// Throws Error where bound, iterations, lr, lambda or kappa are impossible.
void check(const StadvOptions& options);

// An attack on every example it is given, also on clean errors. An example that withstood is
// returned as the last iterate warps it.
class Stadv {
 public:
  // Throws Error as check() does.
  Stadv(LogitsFunction logits, const StadvOptions& options);
  // Adversarial images [N, H, W, C] in [0, 1]. Passes counted for a row: one forward and one
  // backward an iteration until it is done, and one forward for the last iterate (but for keep =
  // last).
  Tensor operator()(const Batch& batch, std::uint64_t seed, PassCounts* counts = nullptr);

 private:
  LogitsFunction logits_;
  StadvOptions options_;
};

}  // namespace saddle
