// The differentiable operations. Each is one function in ops/*.cpp, forward beside gradient.
//
// Images are NHWC. Values are f32; where an op says so, activations may be bf16 (rounded once, when
// they are stored). Gradients have their value's type, parameters' are f32. Every op throws Error
// on arguments that do not fit, naming itself, the shapes and the mend.
#pragma once

#include "core/activation.h"
#include "core/loss.h"
#include "core/pass.h"

namespace saddle {

// Where a kernel of K x K taps stands: y[oy, ox] reads x[oy stride + ky dilation - padding, ...],
// so H' = (H + 2 padding - dilation (K - 1) - 1) / stride + 1 of H rows.
struct Window {
  std::int64_t stride = 1, padding = 0, dilation = 1;
};

// [N, H, W, C] times [O, K, K, C] -> [N, H', W', O]. x and w are bf16 where the precision is bf16,
// else f32, and so is the result; dw is f32 always.
// `residual`, of the result's shape and type, is added in the same pass over memory where given.
Var convolution(Tape& tape, const Var& x, const Var& w, const Window& window,
                Precision precision = Precision::fp32);
Var convolution_add(Tape& tape, const Var& x, const Var& w, const Window& window,
                    Precision precision, const Var& residual);
// activation(convolution(x, w) + residual + bias), bias f32 [O]; gradients to x and the residual
// (w must want none).
Var convolution_bias(Tape& tape, const Var& x, const Var& w, const Window& window,
                     Precision precision, const Tensor& bias, Activation activation,
                     const Var& residual = {});

// Every channel with a 3x3 kernel of its own: [N, H, W, C] and w [3, 3, C] -> [N, H', W', C], f32
// or bf16, both alike; dw is f32. Sums are f32.
Var depthwise_convolution(Tape& tape, const Var& x, const Var& w, const Window& window);
// activation(depthwise_convolution(x, w) + bias), bias f32 [C]; gradients to x alone (w must want
// none).
Var depthwise_convolution_bias(Tape& tape, const Var& x, const Var& w, const Window& window,
                               const Tensor& bias, Activation activation);

inline constexpr float kBatchNormEps = 1e-5f;

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
// of the batch-norm behind it. Those of a depthwise one, [K, K, C], by columns.
void scale_rows(const Tensor& w, const Tensor& scale);
void scale_columns(const Tensor& w, const Tensor& scale);

// activation(x scale + shift) per channel of the last axis; scale and shift are f32 [C], constants:
// a batch-norm with running statistics, folded.
Var affine(Tape& tape, const Var& x, const Tensor& scale, const Tensor& shift,
           Activation activation);

// max(x, 0), f32 or bf16; the gradient at 0 is 0.
Var relu(Tape& tape, const Var& x);

// [..., in] times [out, in]^T + [out] -> [..., out]. x and w are bf16 where the precision is bf16,
// else f32, and so is the result (in bf16 the product is rounded, and again with the bias); bias,
// dw and dbias are f32 always. The weight may be that of a 1x1 convolution, [out, 1, 1, in], which
// this is with a trained bias. `batching` is that of the forward product. `residual`, of the
// result's shape and type, is added where given.
Var linear(Tape& tape, const Var& x, const Var& w, const Var& bias,
           Precision precision = Precision::fp32, Batching batching = Batching::fastest,
           const Var& residual = {});

// What `linear` takes.
struct LinearWeights {
  Var weight, bias;
};
// linear(gelu(linear(x, up)), down) + residual, each as above.
Var perceptron(Tape& tape, const Var& x, const LinearWeights& up, const LinearWeights& down,
               GeluForm form = GeluForm::exact, Precision precision = Precision::fp32,
               Batching batching = Batching::fastest, const Var& residual = {});

// x Phi(x), f32 or bf16, Phi the standard normal distribution, or its approximation by a tanh.
// Hendrycks and Gimpel 2016.
Var gelu(Tape& tape, const Var& x, GeluForm form = GeluForm::exact);

// f32.
Var tanh(Tape& tape, const Var& x);

// gamma (x - mean) / sqrt(var + eps) + beta along the last axis of x, f32 or bf16, with the mean
// and biased variance of each row; gamma and beta are f32 [columns]. Ba, Kiros and Hinton 2016.
Var layer_norm(Tape& tape, const Var& x, const Var& gamma, const Var& beta, float eps);

// Self-attention of qkv [N, T, 3 D], which holds queries, keys and values one after the other,
// each `heads` pieces of D / heads: softmax(q k^T / sqrt(D / heads)) v per head -> [N, T, D].
// Vaswani et al. 2017. Both are bf16 where the precision is, else f32. (Of sequences that differ in
// length: text_ops.h.)
Var attention(Tape& tape, const Var& qkv, std::int64_t heads,
              Precision precision = Precision::fp32);

// Patches [N, H, W, D], f32 or bf16 -> tokens [N, 1 + H W, D]: `cls` [D] first, then the patches
// row by row with `bias` [D] added, all plus `position` [1 + H W, D]; these three are f32.
// Dosovitskiy et al. 2021. The shapes of cls and position may have leading ones.
Var embed_tokens(Tape& tape, const Var& patches, const Var& bias, const Var& cls,
                 const Var& position);

// [N, T, D], f32 or bf16 -> f32 [N, D]: of each example the first token.
Var first_token(Tape& tape, const Var& x);

// x + scale[n] branch of [N, ...] of equal shapes and types, f32 or bf16; scale f32 [N] is
// constant.
Var add_scaled(Tape& tape, const Var& x, const Var& branch, const Tensor& scale);

// [N, H, W, C], f32 or bf16 -> f32 [N, C], the mean over pixels.
Var global_average_pool(Tape& tape, const Var& x);

// The maximum of windows of kernel x kernel pixels: [N, H, W, C], f32 or bf16 -> [N, H', W', C],
// H' = (H + 2 padding - kernel) / stride + 1. The gradient goes to the first of equal maxima.
Var max_pool(Tape& tape, const Var& x, std::int64_t kernel, std::int64_t stride,
             std::int64_t padding);

// x within a border of zeros, f32 or bf16: [N, H, W, C] -> [N, H + 2 border, W + 2 border, C].
Var pad(Tape& tape, const Var& x, std::int64_t border);

// Images [N, H, W, C_i] of one type, f32 or bf16, side by side in the last axis, and behind them
// `vector`, f32 [N, C], the same at every pixel -> [N, H, W, sum of C_i + C].
Var concatenate(Tape& tape, const std::vector<Var>& images, const Var& vector);

// f32 [N, H, W, C] -> [N, height, width, C], as PyTorch's interpolate with mode bilinear and
// align_corners = false (no antialiasing where it shrinks). The gradient gathers: same bits always.
Var resize_bilinear(Tape& tape, const Var& x, std::int64_t height, std::int64_t width);

// x, f32 or bf16 [N, ...], of which each element is 0 with probability `rate` and else divided by
// 1 - rate. A draw depends on the seed, the step, the pass, the example, the place and the element.
// Srivastava et al. 2014.
Var dropout(Tape& tape, const Var& x, const PassRandom& random, const DrawPlace& place, float rate);

// The same values under another shape of equally many elements.
Var reshape(Tape& tape, const Var& x, const Shape& shape);

// In f32: x itself, or bf16 widened.
Var to_f32(Tape& tape, const Var& x);

// (x - mean) / std per channel of the last axis; mean and inverse_std are [C]. x is f32, the result
// f32 or bf16.
Var normalise(Tape& tape, const Var& x, const Tensor& mean, const Tensor& inverse_std,
              DType dtype = DType::f32);

// activation(a + b) of equal shapes and types, f32 or bf16.
Var add(Tape& tape, const Var& a, const Var& b, Activation activation = Activation::none);

// Softmax cross-entropy of logits [N, K] with labels [N] (i32, in [0, K); not checked
// here). `smoothing` s in [0, 1) makes the target (1 - s) onehot + s / K (Szegedy et al.
// 2016; PyTorch's label_smoothing). Where labels are `mixed`, onehot is the two labels' by their
// shares, and the one of the larger share is what `right` asks for.
LossValue cross_entropy(Tape& tape, const Var& logits, const Tensor& labels,
                        LossReduction reduction, float smoothing = 0.f,
                        const MixedTargets& mixed = {});

// The loss of TRADES of natural and adversarial logits [N, K]: cross-entropy of the natural ones,
// as above, plus beta KL(softmax(natural) || softmax(adversarial)); the gradient goes to both where
// both want it. `right` is of the natural ones. Zhang et al. 2019.
LossValue trades(Tape& tape, const Var& natural, const Var& adversarial, const Tensor& labels,
                 float beta, LossReduction reduction, float smoothing = 0.f);

// Softmax cross-entropy of logits [N, H, W, K] with labels u8 [N, H, W]. Pixels whose label is no
// class (255: void) are left out: no loss, no gradient, neither right nor counted. Class weights,
// f32 [K], multiply a pixel's loss. `mean` divides by the sum of the weights in the batch
// (PyTorch's ignore_index and weight), 0 where there are none; of `sum` each image's part is its
// own. losses, right and counted are sums over each image's pixels.
LossValue pixel_cross_entropy(Tape& tape, const Var& logits, const Tensor& labels,
                              LossReduction reduction, const Tensor& class_weights = {});

// argmax of each row of logits [N, K] as i32 [N]; ties go to the lowest class.
Tensor predict(const Tensor& logits);
// argmax over the classes of each pixel of logits [N, H, W, K] as u8 [N, H, W]; ties likewise.
Tensor predict_pixels(const Tensor& logits);

// ||x||^2 of a whole f32 tensor, [1], on the device; bits independent of device and threads.
Tensor square_norm(const Tensor& x);

}  // namespace saddle
