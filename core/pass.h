// Pass: everything one forward needs, and nothing hidden.
//
// The network holds no values: weights, gradient buffer, batch-norm statistics and their mode all
// arrive here. The same network therefore runs at w and at w_hat, in training and in an attack, by
// being handed a different Pass.
#pragma once

#include <cstdint>
#include <optional>

#include "core/tape.h"
#include "core/weights.h"

namespace saddle {

// Which statistics batch-norm uses, and whether it moves the running ones.
enum class BatchNormMode {
  update,      // this batch's; running statistics move towards them (PyTorch's train mode)
  batch_only,  // this batch's; running statistics stay
  frozen,      // the running ones (PyTorch's eval mode)
};

// What layers draw from that leave out branches at random in training (stochastic depth). A draw
// depends on the seed, the step, the pass within it, the example and the branch.
struct PassRandom {
  std::uint64_t seed;
  Tensor step;         // i32 [1], read on the device: it changes under captured work
  Tensor examples;     // i32 [N], the numbers of the batch's examples
  std::uint32_t pass;  // each forward of a step draws anew
  float drop_path;     // probability at the deepest branch, in [0, 1)
};

// Which of the places of a network that draw.
struct DrawPlace {
  std::uint32_t number, of;
};

// For each example 0 with probability `rate`, else 1 / (1 - rate); f32 [N]. `branch` counts the
// places of the network that draw, below 1024. Huang et al. 2016, "Deep networks with stochastic
// depth".
Tensor drop_branches(const PassRandom& random, std::uint32_t branch, float rate);

struct Pass {
  Tape& tape;
  Parameters weights;  // flat: w, or w_hat
  Tensor gradient;     // flat, receives dL/dw; empty: no weight gradients are computed
  Tensor statistics;   // flat: running means and variances
  BatchNormMode batch_norm = BatchNormMode::frozen;
  Precision precision = Precision::fp32;
  // Whether `weights` are those of Network::fold: every batch-norm is an affine map whose slots
  // hold scale and shift, or has become part of the convolution before it.
  bool folded = false;
  std::optional<PassRandom> random = {};  // empty: nothing is left out
  // Token ids i32 [N, T] (core/sequences.h), where the input of a network for text is not these but
  // a shift of their embeddings.
  Tensor tokens = {};
  Batching batching = Batching::fastest;  // of linear layers

  // The weights of a slot in f32, as a Var whose gradient goes to its place in `gradient`, added to
  // what other passes on the tape have sent there.
  Var parameter(const Slot& slot) const { return from(weights.values, slot); }
  // The same as convolutions and products of bf16 activations read them: rounded.
  Var rounded_parameter(const Slot& slot) const {
    return from(weights.rounded ? weights.rounded : weights.values, slot);
  }

 private:
  Var from(const Tensor& buffer, const Slot& slot) const {
    if (gradient) return tape.parameter(view(buffer, slot), view(gradient, slot));
    return Var(view(buffer, slot), Gradient::none);
  }
};

}  // namespace saddle
