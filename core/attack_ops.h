// The operations that only attacks need: their losses, and what they do to images. As those of
// ops.h: forward beside gradient, each in ops/*.cpp, each checks its arguments.
#pragma once

#include "core/loss.h"
#include "kernels/pixel_loss.h"
#include "kernels/warp.h"

namespace saddle {

struct LogitDifferences {
  Var sum;             // [1]: sum over the rows of weight (z_plus - z_minus)
  Tensor differences;  // [N]: each row's z_plus - z_minus, unweighted
};

// The difference of two logits of each row of [N, K]: of the classes plus[i] and minus[i], i32 [N],
// in [0, K) (not checked here). `weights`, f32 [N], empty for ones, are constants.
LogitDifferences logit_difference(Tape& tape, const Var& logits, const Tensor& plus,
                                  const Tensor& minus, const Tensor& weights = {});

// Images f32 [N, H, W, C] in [0, 1], sampled bilinearly along the flow f32 [N, H, W, 2]: how far
// right and down of its own place each pixel is taken from, 2 being the whole width or height.
// Gradient to the flow alone. Xiao et al. 2018.
Var warp(Tape& tape, const Tensor& images, const Var& flow, WarpBorder border = WarpBorder::clamp);

// weight times the roughness of each flow f32 [N, H, W, 2], summed; 0 (but for a guard) where a
// flow is constant. `right` is empty.
LossValue flow_roughness(Tape& tape, const Var& flow, float weight,
                         Smoothness smoothness = Smoothness::axis);

// Sum over rows of max(z_y - max over j != y of z_j, -kappa), of logits [N, K], K >= 2, with labels
// i32 [N]; `right` is empty. Carlini and Wagner 2017; kappa may be infinite.
LossValue hinged_margin(Tape& tape, const Var& logits, const Tensor& labels, float kappa);

// Losses of logits [N, K] f32 with labels and targets i32 [N] in [0, K) (not checked here), summed
// over the rows. A row with a logit that is not finite has the loss NaN. m is the largest class
// other than the label y; pi_1, pi_2, ... the classes by falling logit. Gradients go through
// numerators and denominators.
// -(z_y - z_m) / (z_pi1 - z_pi3 + 1e-12), K >= 3. Croce and Hein 2020.
LossValue dlr_loss(Tape& tape, const Var& logits, const Tensor& labels);
// -(z_y - z_t) / (z_pi1 - (z_pi3 + z_pi4) / 2 + 1e-12), K >= 4. Croce and Hein 2020.
LossValue targeted_dlr_loss(Tape& tape, const Var& logits, const Tensor& labels,
                            const Tensor& targets);
// log softmax(z)_t: the cross-entropy of the target, negated, so that climbing leads to it.
LossValue targeted_cross_entropy_loss(Tape& tape, const Var& logits, const Tensor& labels,
                                      const Tensor& targets);

// Sum over the pixels of logits f32 [N, H, W, K] that have a class of what attacks on segmentation
// climb (PixelLossKind names them, with their sources), each times its class's weight, f32 [K],
// where there are any. Labels, losses, right and counted are as pixel_cross_entropy's. `masked`
// with weights is Croce et al.'s balanced loss.
LossValue pixel_attack_loss(Tape& tape, const Var& logits, const Tensor& labels,
                            const PixelLoss& loss, const Tensor& class_weights = {});
// SegPGD's in step `step` of `steps`, from 1: its share is (step - 1) / (2 steps). Gu et al. 2022.
PixelLoss segpgd_loss(int step, int steps);

}  // namespace saddle
