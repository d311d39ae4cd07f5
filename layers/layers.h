// The layers of networks: each is the slots of its weights and a forward.
//
// A layer registers its tensors when it is built, under PyTorch's names and with PyTorch's initial
// values, and owns no memory: values arrive with the Pass.
#pragma once

#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "core/ops.h"

namespace saddle {

// One batch-norm's tensors, and the convolution whose output goes into it alone, if there is one.
struct NormSlots {
  Slot weight, bias, running_mean, running_var;
  std::optional<Slot> convolution;
};

// The tensors a network is made of: what is trained, and the running statistics of its batch-norms.
struct NetworkLayout {
  WeightLayout weights;
  WeightLayout statistics;
  std::vector<NormSlots> norms;
};

// The weights for passes that only evaluate (Pass::folded). Running statistics make a batch-norm
// the affine map z = x scale + shift: its slots receive scale and shift; where a convolution stands
// before it, that convolution's weights are multiplied by scale, so that only shift is left to add.
Tensor fold_batch_norm(const NetworkLayout& layout, const Tensor& weights,
                       const Tensor& statistics);

// U(-1/sqrt(fan_in), 1/sqrt(fan_in)): PyTorch's default for convolution and linear layers
// (kaiming-uniform with a = sqrt(5)).
inline Init default_uniform(std::int64_t fan_in) {
  return {Init::Kind::uniform, 1.f / std::sqrt(static_cast<float>(fan_in))};
}

// How the weights of a square convolution begin.
using ConvolutionInit = Init (*)(std::int64_t in, std::int64_t out, std::int64_t kernel);

inline Init default_convolution_init(std::int64_t in, std::int64_t, std::int64_t kernel) {
  return default_uniform(in * kernel * kernel);
}
// N(0, 2 / fan_out): He et al. 2015, "Delving deep into rectifiers", for the backward pass.
inline Init kaiming_normal_fan_out(std::int64_t, std::int64_t out, std::int64_t kernel) {
  return {Init::Kind::normal, std::sqrt(2.f / static_cast<float>(kernel * kernel * out))};
}

// A square convolution without bias.
struct Conv2d {
  Slot weight;
  std::int64_t stride = 1, padding = 0;

  Conv2d() = default;
  Conv2d(NetworkLayout& layout, const std::string& name, std::int64_t in, std::int64_t out,
         std::int64_t kernel, std::int64_t stride_, std::int64_t padding_,
         ConvolutionInit init = default_convolution_init)
      : weight(
            layout.weights.add(name + ".weight", {out, kernel, kernel, in}, init(in, out, kernel))),
        stride(stride_),
        padding(padding_) {}

  Var operator()(const Pass& pass, const Var& x) const {
    return convolution(pass.tape, x, pass.rounded_parameter(weight), stride, padding,
                       pass.precision);
  }
  // conv(x) + residual in one pass over memory.
  Var add_to(const Pass& pass, const Var& x, const Var& residual) const {
    return convolution_add(pass.tape, x, pass.rounded_parameter(weight), stride, padding,
                           pass.precision, residual);
  }
};

// Batch-norm over the last axis with a ReLU behind it (eps 1e-5, momentum 0.1).
struct BatchNormRelu {
  Slot weight, bias, running_mean, running_var;

  BatchNormRelu() = default;
  BatchNormRelu(NetworkLayout& layout, const std::string& name, std::int64_t channels)
      : weight(layout.weights.add(name + ".weight", {channels}, {Init::Kind::constant, 1.f},
                                  SlotKind::norm_scale)),
        bias(layout.weights.add(name + ".bias", {channels}, {Init::Kind::constant, 0.f},
                                SlotKind::norm_shift)),
        running_mean(
            layout.statistics.add(name + ".running_mean", {channels}, {Init::Kind::constant, 0.f})),
        running_var(
            layout.statistics.add(name + ".running_var", {channels}, {Init::Kind::constant, 1.f})) {
    layout.norms.push_back({weight, bias, running_mean, running_var, {}});
  }
  // Behind a convolution whose output nobody else reads.
  BatchNormRelu(NetworkLayout& layout, const std::string& name, std::int64_t channels,
                const Conv2d& before)
      : BatchNormRelu(layout, name, channels) {
    layout.norms.back().convolution = before.weight;
  }

  Var operator()(const Pass& pass, const Var& x) const {
    if (pass.folded) {
      return affine_relu(pass.tape, x, view(pass.weights.values, weight),
                         view(pass.weights.values, bias));
    }
    return batch_norm(
        pass.tape, x,
        {pass.parameter(weight), pass.parameter(bias), view(pass.statistics, running_mean),
         view(pass.statistics, running_var), pass.batch_norm, Activation::relu});
  }
};

// Layer-norm over the last axis, in f32 (eps 1e-6, as in timm's transformers; PyTorch's own default
// is 1e-5).
struct LayerNorm {
  Slot weight, bias;
  float eps = 1e-6f;

  LayerNorm() = default;
  LayerNorm(NetworkLayout& layout, const std::string& name, std::int64_t width)
      : weight(layout.weights.add(name + ".weight", {width}, {Init::Kind::constant, 1.f},
                                  SlotKind::norm_scale)),
        bias(layout.weights.add(name + ".bias", {width}, {Init::Kind::constant, 0.f},
                                SlotKind::norm_shift)) {}

  Var operator()(const Pass& pass, const Var& x) const {
    return layer_norm(pass.tape, x, pass.parameter(weight), pass.parameter(bias), eps);
  }
};

// The two in a row, for a batch-norm that was built behind `convolution_`.
inline Var convolution_norm_relu(const Pass& pass, const Conv2d& convolution_,
                                 const BatchNormRelu& norm, const Var& x) {
  if (!pass.folded) return norm(pass, convolution_(pass, x));
  return convolution_bias_relu(pass.tape, x, pass.rounded_parameter(convolution_.weight),
                               convolution_.stride, convolution_.padding, pass.precision,
                               view(pass.weights.values, norm.bias));
}

// x W^T + b, in f32 (bf16 rounds activations between convolutions, not logits).
struct Linear {
  Slot weight, bias;

  Linear() = default;
  Linear(NetworkLayout& layout, const std::string& name, std::int64_t in, std::int64_t out)
      : Linear(layout, name, in, out, default_uniform(in)) {}
  Linear(NetworkLayout& layout, const std::string& name, std::int64_t in, std::int64_t out,
         Init bias_init)
      : Linear(layout, name, in, out, default_uniform(in), bias_init) {}
  Linear(NetworkLayout& layout, const std::string& name, std::int64_t in, std::int64_t out,
         Init weight_init, Init bias_init)
      : weight(layout.weights.add(name + ".weight", {out, in}, weight_init)),
        bias(layout.weights.add(name + ".bias", {out}, bias_init, SlotKind::bias)) {}

  Var operator()(const Pass& pass, const Var& x) const {
    return linear(pass.tape, x, pass.parameter(weight), pass.parameter(bias),
                  pass.precision == Precision::tf32 ? Precision::tf32 : Precision::fp32);
  }
};

}  // namespace saddle
