// The differentiable operations. Each is one function in ops/*.cpp, forward beside gradient.
//
// Images are NHWC. All values are f32 unless said otherwise. Every op throws Error on arguments
// that do not fit, naming itself, the shapes and the mend.
#pragma once

#include "core/pass.h"

namespace saddle {

// [N, H, W, C] times [O, K, K, C] -> [N, H', W', O], H' = (H + 2 padding - K) / stride + 1; no
// bias. `residual`, of the result's shape, is added in the same pass over memory where given.
Var convolution(Tape& tape, const Var& x, const Var& w, std::int64_t stride, std::int64_t padding);
Var convolution_add(Tape& tape, const Var& x, const Var& w, std::int64_t stride,
                    std::int64_t padding, const Var& residual);

// Which non-linearity is fused behind batch-norm.
enum class Activation { none, relu };

// The per-channel tensors of one batch-norm layer, each [C].
struct BatchNormState {
  Var gamma, beta;
  Tensor running_mean, running_var;  // moved in mode `update`
  BatchNormMode mode;
  Activation activation;
  float eps = 1e-5f;
  float momentum = 0.1f;
};

// act(gamma (x - mean) / sqrt(var + eps) + beta) over the last axis of x; biased variance of the
// batch, or the running statistics in mode `frozen`. Ioffe and Szegedy 2015.
Var batch_norm(Tape& tape, const Var& x, const BatchNormState& state);

// max(x, 0); the gradient at 0 is 0.
Var relu(Tape& tape, const Var& x);

// [N, in] times [out, in]^T + [out] -> [N, out]
Var linear(Tape& tape, const Var& x, const Var& w, const Var& bias);

// [N, H, W, C] -> [N, C], the mean over pixels.
Var global_average_pool(Tape& tape, const Var& x);

// (x - mean) / std per channel of the last axis; mean and inverse_std are [C].
Var normalise(Tape& tape, const Var& x, const Tensor& mean, const Tensor& inverse_std);

// a + b of equal shapes.
Var add(Tape& tape, const Var& a, const Var& b);

enum class LossReduction { mean, sum };

struct CrossEntropy {
  Var loss;        // [1]: mean or sum over the batch
  Tensor losses;   // [N]: each example's
  Tensor correct;  // [N]: 1 where the prediction is the label, else 0
};

// Softmax cross-entropy of logits [N, K] with labels [N] (i32, in [0, K); not checked here, see
// check_labels). The loss is mean (training) or sum (attacks: so that no example's gradient depends
// on who else is in the batch).
CrossEntropy cross_entropy(Tape& tape, const Var& logits, const Tensor& labels,
                           LossReduction reduction);

// Throws Error naming the first label outside [0, classes). Reads the labels back to the host.
void check_labels(const Tensor& labels, std::int64_t classes);

// argmax of each row of logits [N, K] as i32 [N]; ties go to the lowest class.
Tensor predict(const Tensor& logits);

// ||x||^2 of a whole f32 tensor, [1], on the device; bits independent of device and threads.
Tensor square_norm(const Tensor& x);

}  // namespace saddle
