// The differentiable operations. Each is one function in ops/*.cpp, forward beside gradient.
//
// Images are NHWC. Values are f32; where an op says so, activations may be bf16 (rounded once, when
// they are stored). Gradients have their value's type, parameters' are f32. Every op throws Error
// on arguments that do not fit, naming itself, the shapes and the mend.
#pragma once

#include "core/pass.h"
#include "kernels/warp.h"

namespace saddle {

// [N, H, W, C] times [O, K, K, C] -> [N, H', W', O], H' = (H + 2 padding - K) / stride + 1. x and w
// are bf16 where the precision is bf16, else f32, and so is the result; dw is f32 always.
// `residual`, of the result's shape and type, is added in the same pass over memory where given.
Var convolution(Tape& tape, const Var& x, const Var& w, std::int64_t stride, std::int64_t padding,
                Precision precision = Precision::fp32);
Var convolution_add(Tape& tape, const Var& x, const Var& w, std::int64_t stride,
                    std::int64_t padding, Precision precision, const Var& residual);
// relu(convolution(x, w) + bias), bias f32 [O]; gradients to x alone (w must want none).
Var convolution_bias_relu(Tape& tape, const Var& x, const Var& w, std::int64_t stride,
                          std::int64_t padding, Precision precision, const Tensor& bias);

inline constexpr float kBatchNormEps = 1e-5f;

// Which non-linearity is fused behind batch-norm.
enum class Activation { none, relu };

// The per-channel tensors of one batch-norm layer, each [C].
struct BatchNormState {
  Var gamma, beta;
  Tensor running_mean, running_var;  // moved in mode `update`
  BatchNormMode mode;
  Activation activation;
  float eps = kBatchNormEps;
  float momentum = 0.1f;
};

// act(gamma (x - mean) / sqrt(var + eps) + beta) over the last axis of x; biased variance of the
// batch, or the running statistics in mode `frozen`. Ioffe and Szegedy 2015.
// x and the result are f32 or bf16; everything per channel is f32.
Var batch_norm(Tape& tape, const Var& x, const BatchNormState& state);

// The affine map that a batch-norm with running statistics is, per channel, all f32 [C]: scale =
// gamma / sqrt(var + eps), shift = beta - mean scale. `scale` may be gamma, `shift` beta.
struct FrozenBatchNorm {
  Tensor gamma, beta, running_mean, running_var;
  float eps = kBatchNormEps;
};
void fold(const FrozenBatchNorm& norm, const Tensor& scale, const Tensor& shift);
// w[o, ...] <- scale[o] w[o, ...], in place: a convolution's weights [O, K, K, C] take up the scale
// of the batch-norm behind it.
void scale_rows(const Tensor& w, const Tensor& scale);

// max(x scale + shift, 0) per channel of the last axis; scale and shift are f32 [C], constants: a
// batch-norm with running statistics, folded.
Var affine_relu(Tape& tape, const Var& x, const Tensor& scale, const Tensor& shift);

// max(x, 0), f32 or bf16; the gradient at 0 is 0.
Var relu(Tape& tape, const Var& x);

// [..., in] times [out, in]^T + [out] -> [..., out], all f32; the precision is fp32 or tf32.
Var linear(Tape& tape, const Var& x, const Var& w, const Var& bias,
           Precision precision = Precision::fp32);

// x Phi(x), f32, Phi the standard normal distribution (not its tanh approximation). Hendrycks and
// Gimpel 2016.
Var gelu(Tape& tape, const Var& x);

// gamma (x - mean) / sqrt(var + eps) + beta along the last axis of x, f32, with the mean and biased
// variance of each row; gamma and beta are [columns]. Ba, Kiros and Hinton 2016.
Var layer_norm(Tape& tape, const Var& x, const Var& gamma, const Var& beta, float eps);

// Self-attention of qkv f32 [N, T, 3 D], which holds queries, keys and values one after the other,
// each `heads` pieces of D / heads: softmax(q k^T / sqrt(D / heads)) v per head -> [N, T, D].
// Vaswani et al. 2017. The precision is fp32 or tf32.
Var attention(Tape& tape, const Var& qkv, std::int64_t heads,
              Precision precision = Precision::fp32);

// Patches f32 [N, H, W, D] -> tokens [N, 1 + H W, D]: `cls` [D] first, then the patches row by row
// with `bias` [D] added, all plus `position` [1 + H W, D]. Dosovitskiy et al. 2021. The shapes of
// cls and position may have leading ones.
Var embed_tokens(Tape& tape, const Var& patches, const Var& bias, const Var& cls,
                 const Var& position);

// [N, T, D] -> [N, D]: of each example the first token.
Var first_token(Tape& tape, const Var& x);

// x + scale[n] branch of f32 [N, ...] of equal shapes; scale f32 [N] is constant.
Var add_scaled(Tape& tape, const Var& x, const Var& branch, const Tensor& scale);

// [N, H, W, C], f32 or bf16 -> f32 [N, C], the mean over pixels.
Var global_average_pool(Tape& tape, const Var& x);

// (x - mean) / std per channel of the last axis; mean and inverse_std are [C]. x is f32, the result
// f32 or bf16.
Var normalise(Tape& tape, const Var& x, const Tensor& mean, const Tensor& inverse_std,
              DType dtype = DType::f32);

// a + b of equal shapes and types, f32 or bf16.
Var add(Tape& tape, const Var& a, const Var& b);

enum class LossReduction { mean, sum };

struct CrossEntropy {
  Var loss;        // [1]: mean or sum over the batch
  Tensor losses;   // [N]: each example's
  Tensor correct;  // [N]: 1 where the prediction is the label, else 0
};

// A second label of each example, i32 [N], and the share of the first in the target, f32 [N]; both
// empty where there is none.
struct MixedLabels {
  Tensor other, share;
};

// Softmax cross-entropy of logits [N, K] with labels [N] (i32, in [0, K); not checked
// here). The loss is mean (training) or sum (attacks: so that no example's gradient depends
// on who else is in the batch). `smoothing` s in [0, 1) makes the target (1 - s) onehot + s / K
// (Szegedy et al. 2016; PyTorch's label_smoothing). Where labels are `mixed`, onehot is the two
// labels' by their shares, and the one of the larger share is what `correct` asks for.
CrossEntropy cross_entropy(Tape& tape, const Var& logits, const Tensor& labels,
                           LossReduction reduction, float smoothing = 0.f,
                           const MixedLabels& mixed = {});

// The loss of TRADES of natural and adversarial logits [N, K]: cross-entropy of the natural ones,
// as above, plus beta KL(softmax(natural) || softmax(adversarial)); the gradient goes to both where
// both want it. `correct` is of the natural ones. Zhang et al. 2019.
CrossEntropy trades_loss(Tape& tape, const Var& natural, const Var& adversarial,
                         const Tensor& labels, float beta, LossReduction reduction,
                         float smoothing = 0.f);

// argmax of each row of logits [N, K] as i32 [N]; ties go to the lowest class.
Tensor predict(const Tensor& logits);

// ||x||^2 of a whole f32 tensor, [1], on the device; bits independent of device and threads.
Tensor square_norm(const Tensor& x);

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

// A loss of [1], the sum over rows, and each row's share, [N].
struct SummedLosses {
  Var loss;
  Tensor losses;
};

// weight times the roughness of each flow f32 [N, H, W, 2], summed; 0 (but for a guard) where a
// flow is constant.
SummedLosses flow_roughness(Tape& tape, const Var& flow, float weight,
                            Smoothness smoothness = Smoothness::axis);

// Sum over rows of max(z_y - max over j != y of z_j, -kappa), of logits [N, K], K >= 2, with labels
// i32 [N]. Carlini and Wagner 2017; kappa may be infinite.
SummedLosses hinged_margin(Tape& tape, const Var& logits, const Tensor& labels, float kappa);

// What an attack asks of a loss, per row of logits.
struct RowLosses {
  Var loss;           // [1]: the sum over rows
  Tensor losses;      // [N]; NaN where a logit is not finite
  Tensor prediction;  // i32 [N]: argmax of the logits, ties to the lowest class
};

// Losses of attacks, of logits [N, K] f32 with labels and targets i32 [N] in [0, K) (not checked
// here). m is the largest class other than the label y; pi_1, pi_2, ... the classes by falling
// logit. Gradients go through numerators and denominators.
// -(z_y - z_m) / (z_pi1 - z_pi3 + 1e-12), K >= 3. Croce and Hein 2020.
RowLosses dlr_loss(Tape& tape, const Var& logits, const Tensor& labels);
// -(z_y - z_t) / (z_pi1 - (z_pi3 + z_pi4) / 2 + 1e-12), K >= 4. Croce and Hein 2020.
RowLosses targeted_dlr_loss(Tape& tape, const Var& logits, const Tensor& labels,
                            const Tensor& targets);
// log softmax(z)_t: the cross-entropy of the target, negated, so that climbing leads to it.
RowLosses targeted_cross_entropy_loss(Tape& tape, const Var& logits, const Tensor& targets);

}  // namespace saddle
