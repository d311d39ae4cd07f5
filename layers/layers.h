// The layers of convolutional networks: each is the slots of its weights and a forward.
//
// A layer registers its tensors when it is built, under PyTorch's names and with PyTorch's initial
// values, and owns no memory: values arrive with the Pass.
#pragma once

#include <cmath>
#include <string>

#include "core/ops.h"

namespace saddle {

// The tensors a network is made of: what is trained, and the running statistics of its batch-norms.
struct NetworkLayout {
  WeightLayout weights;
  WeightLayout statistics;
};

// U(-1/sqrt(fan_in), 1/sqrt(fan_in)): PyTorch's default for convolution and linear layers
// (kaiming-uniform with a = sqrt(5)).
inline Init default_uniform(std::int64_t fan_in) {
  return {Init::Kind::uniform, 1.f / std::sqrt(static_cast<float>(fan_in))};
}

// A square convolution without bias.
struct Conv2d {
  Slot weight;
  std::int64_t stride = 1, padding = 0;

  Conv2d() = default;
  Conv2d(NetworkLayout& layout, const std::string& name, std::int64_t in, std::int64_t out,
         std::int64_t kernel, std::int64_t stride_, std::int64_t padding_)
      : weight(layout.weights.add(name + ".weight", {out, kernel, kernel, in},
                                  default_uniform(in * kernel * kernel))),
        stride(stride_),
        padding(padding_) {}

  Var operator()(const Pass& pass, const Var& x) const {
    return convolution(pass.tape, x, pass.parameter(weight), stride, padding);
  }
  // conv(x) + residual in one pass over memory.
  Var add_to(const Pass& pass, const Var& x, const Var& residual) const {
    return convolution_add(pass.tape, x, pass.parameter(weight), stride, padding, residual);
  }
};

// Batch-norm over the last axis with a ReLU behind it (eps 1e-5, momentum 0.1).
struct BatchNormRelu {
  Slot weight, bias, running_mean, running_var;

  BatchNormRelu() = default;
  BatchNormRelu(NetworkLayout& layout, const std::string& name, std::int64_t channels)
      : weight(layout.weights.add(name + ".weight", {channels}, {Init::Kind::constant, 1.f})),
        bias(layout.weights.add(name + ".bias", {channels}, {Init::Kind::constant, 0.f})),
        running_mean(
            layout.statistics.add(name + ".running_mean", {channels}, {Init::Kind::constant, 0.f})),
        running_var(layout.statistics.add(name + ".running_var", {channels},
                                          {Init::Kind::constant, 1.f})) {}

  Var operator()(const Pass& pass, const Var& x) const {
    return batch_norm(
        pass.tape, x,
        {pass.parameter(weight), pass.parameter(bias), view(pass.statistics, running_mean),
         view(pass.statistics, running_var), pass.batch_norm, Activation::relu});
  }
};

// x W^T + b.
struct Linear {
  Slot weight, bias;

  Linear() = default;
  Linear(NetworkLayout& layout, const std::string& name, std::int64_t in, std::int64_t out)
      : weight(layout.weights.add(name + ".weight", {out, in}, default_uniform(in))),
        bias(layout.weights.add(name + ".bias", {out}, default_uniform(in))) {}

  Var operator()(const Pass& pass, const Var& x) const {
    return linear(pass.tape, x, pass.parameter(weight), pass.parameter(bias));
  }
};

}  // namespace saddle
