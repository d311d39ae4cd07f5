// Batch and Loss: L(w, x), the one function that both climbers receive.
//
// Sharpness-aware minimisation climbs L in its first argument, adversarial training in its second.
// The network at fixed weights is a function f_w from inputs to logits; a Loss asks it as often as
// it needs to (TRADES asks twice) and says how bad the answers are. So one Loss serves SAM, which
// hands it the network at w and at w_hat, PGD, which hands it other inputs, and the landscape.
// Nothing here knows what the inputs are.
#pragma once

#include <functional>

#include "core/tape.h"

namespace saddle {

// A second target of each example, i32 [N], and the share of the first, f32 [N]; both empty where
// there is none (Mixup and CutMix make them).
struct MixedTargets {
  Tensor other, share;
};

// Examples on the device, a row each.
struct Batch {
  Tensor inputs;   // pixels f32 [N, H, W, C] in [0, 1], or tokens i32 [N, T] (sequences.h)
  Tensor targets;  // the class of each row, i32 [N], or of each of its pixels, u8 [N, H, W]
  Tensor indices;  // i32 [N]: each example's place in its data set, which keys its random numbers
  // i32 [N]: which try of its example each row is, from 0 (a restart; for targeted attacks also the
  // rank of the target class). Rows may be different tries of one example. Empty: all are try 0.
  Tensor attempts = {};
  // i32 [N]: the class that each row is to be taken for. Empty: any but its target.
  Tensor aims = {};
  MixedTargets mixed = {};
};

// Of descent: the mean over the rows. Of attacks: the sum, so that no example's gradient depends on
// who else is in the batch.
enum class LossReduction { mean, sum };

// What L says of a batch.
struct LossValue {
  Var loss;             // [1]: reduced
  Tensor losses;        // [N]: each example's, of all its targets together
  Tensor right;         // [N]: how many of its targets are predicted right; empty: not counted
  Tensor counted = {};  // [N]: of how many; empty: one each
};

// f_w: inputs -> logits [N, ..., K], with gradients to what wants them: the inputs, and the weights
// where whoever made it wants those.
using LogitsFunction = std::function<Var(Tape& tape, const Var& inputs)>;

// L(w, x) = loss(tape, f_w, x, batch, reduction). x stands in for batch.inputs, which a loss may
// need besides; targets and all else are the batch's.
using Loss = std::function<LossValue(Tape& tape, const LogitsFunction& f, const Var& x,
                                     const Batch& batch, LossReduction reduction)>;

// Softmax cross-entropy of f(x), with batch.mixed where there is any; see cross_entropy in ops.h.
Loss cross_entropy_loss(float smoothing = 0.f);

// TRADES (Zhang et al. 2019): cross-entropy of f(batch.inputs) + beta KL(p(batch.inputs) || p(x)).
Loss trades_loss(float beta, float smoothing = 0.f);

// What x climbs in TRADES: KL(p || p(x)), p the softmax of `natural`, logits [N, K] held fixed.
Loss divergence_from(const Tensor& natural);

// dL/dx at `inputs`, of the sum over the rows. Throws Error where L does not depend on x.
Tensor input_gradient(const Loss& loss, const LogitsFunction& f, const Tensor& inputs,
                      const Batch& batch);

}  // namespace saddle
