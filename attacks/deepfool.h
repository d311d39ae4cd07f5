// DeepFool: walks to the nearest linearised boundary until the prediction changes.
//
//   r <- 0;  while the prediction at x' = clamp(x + (1 + overshoot) r, 0, 1) is the label, at most
//   `steps` times:  of the other classes s the nearest in |f_s| / ||w_s||_q, f_s = z_s - z_label;
//                   d = |f_s| / ||w_s||_q + 1e-4;  r <- r + d w_s / ||w_s||_2 (l2), r + d sign(w_s)
//                   (linf)
// Source: Moosavi-Dezfooli, Fawzi and Frossard 2016, "DeepFool: a simple and accurate method to
// fool deep neural networks". As in the authors' code the model is seen at the overshot point,
// which is the point returned: at x + r itself the two logits are equal but for rounding; and 1e-4
// is added to the distance, without which a walk along the border of the pixel range creeps up to
// the boundary and ends on it. Unlike there, all classes compete, not the ten strongest, the label
// is the true one, and x' is clamped to the pixel range.
#pragma once

#include <limits>

#include "attacks/boundary.h"

namespace saddle {

struct DeepFoolOptions {
  Norm norm = Norm::l2;  // l2 or linf
  int steps = 50;
  float overshoot = 0.02f;
  float eps = std::numeric_limits<float>::infinity();  // what is farther is discarded
};

// Throws Error where the norm is l1, steps are negative, overshoot is negative or not finite, or
// eps is negative or NaN.
void check(const DeepFoolOptions& options);

class DeepFool {
 public:
  // Throws Error as check() does.
  DeepFool(LogitsFunction logits, const DeepFoolOptions& options);

  // The adversarial images, [N, H, W, C]; where none was found, and where the prediction is wrong
  // already, the clean image. The attack draws nothing: seed and attempts do not matter.
  Tensor operator()(const Batch& batch, std::uint64_t seed, PassCounts* counts = nullptr);
  // The same with their distances in the attack's norm.
  MinimalNorm nearest(const Batch& batch, PassCounts* counts = nullptr);

 private:
  LogitsFunction logits_;
  DeepFoolOptions options_;
};

}  // namespace saddle
