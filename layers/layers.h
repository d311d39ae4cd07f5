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
// A network without batch-norm gets its own weights back, in the same memory.
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
// N(0, 2 / fan_in): the same for the forward pass.
inline Init kaiming_normal_fan_in(std::int64_t in, std::int64_t, std::int64_t kernel) {
  return {Init::Kind::normal, std::sqrt(2.f / static_cast<float>(kernel * kernel * in))};
}

// A square convolution without bias.
struct Conv2d {
  Slot weight;
  Window window;

  Conv2d() = default;
  Conv2d(NetworkLayout& layout, const std::string& name, std::int64_t in, std::int64_t out,
         std::int64_t kernel, const Window& window_,
         ConvolutionInit init = default_convolution_init)
      : weight(
            layout.weights.add(name + ".weight", {out, kernel, kernel, in}, init(in, out, kernel))),
        window(window_) {}

  Var operator()(const Pass& pass, const Var& x) const {
    return convolution(pass.tape, x, pass.rounded_parameter(weight), window, pass.precision);
  }
  // conv(x) + residual in one pass over memory.
  Var add_to(const Pass& pass, const Var& x, const Var& residual) const {
    return convolution_add(pass.tape, x, pass.rounded_parameter(weight), window, pass.precision,
                           residual);
  }
  // activation(conv(x) + residual + bias), for the folded weights.
  Var with_bias(const Pass& pass, const Var& x, const Tensor& bias, Activation activation,
                const Var& residual = {}) const {
    return convolution_bias(pass.tape, x, pass.rounded_parameter(weight), window, pass.precision,
                            bias, activation, residual);
  }
};

// A depthwise 3x3 convolution without bias.
struct DepthwiseConv2d {
  Slot weight;
  Window window;

  DepthwiseConv2d() = default;
  DepthwiseConv2d(NetworkLayout& layout, const std::string& name, std::int64_t channels,
                  const Window& window_, ConvolutionInit init = default_convolution_init)
      : weight(layout.weights.add(name + ".weight", {3, 3, channels}, init(1, channels, 3))),
        window(window_) {}

  Var operator()(const Pass& pass, const Var& x) const {
    return depthwise_convolution(pass.tape, x, pass.rounded_parameter(weight), window);
  }
  Var with_bias(const Pass& pass, const Var& x, const Tensor& bias, Activation activation) const {
    return depthwise_convolution_bias(pass.tape, x, pass.rounded_parameter(weight), window, bias,
                                      activation);
  }
};

inline constexpr float kBatchNormMomentum = 0.1f;  // PyTorch's

// Batch-norm over the last axis with an activation behind it (eps 1e-5).
struct BatchNorm {
  Slot weight, bias, running_mean, running_var;
  Activation activation = Activation::relu;
  float momentum = kBatchNormMomentum;

  BatchNorm() = default;
  BatchNorm(NetworkLayout& layout, const std::string& name, std::int64_t channels,
            Activation activation_ = Activation::relu, float momentum_ = kBatchNormMomentum)
      : weight(layout.weights.add(name + ".weight", {channels}, {Init::Kind::constant, 1.f},
                                  SlotKind::norm_scale)),
        bias(layout.weights.add(name + ".bias", {channels}, {Init::Kind::constant, 0.f},
                                SlotKind::norm_shift)),
        running_mean(
            layout.statistics.add(name + ".running_mean", {channels}, {Init::Kind::constant, 0.f})),
        running_var(
            layout.statistics.add(name + ".running_var", {channels}, {Init::Kind::constant, 1.f})),
        activation(activation_),
        momentum(momentum_) {
    layout.norms.push_back({weight, bias, running_mean, running_var, {}});
  }
  // Behind a convolution, of the weight given, whose output nobody else reads.
  BatchNorm(NetworkLayout& layout, const std::string& name, std::int64_t channels,
            const Slot& convolution_weight, Activation activation_ = Activation::relu,
            float momentum_ = kBatchNormMomentum)
      : BatchNorm(layout, name, channels, activation_, momentum_) {
    layout.norms.back().convolution = convolution_weight;
  }

  Var operator()(const Pass& pass, const Var& x) const { return apply(pass, x, activation); }

  // The same with another activation in place of its own.
  Var apply(const Pass& pass, const Var& x, Activation behind) const {
    if (pass.folded) {
      return affine(pass.tape, x, view(pass.weights.values, weight),
                    view(pass.weights.values, bias), behind);
    }
    return batch_norm(
        pass.tape, x,
        {pass.parameter(weight), pass.parameter(bias), view(pass.statistics, running_mean),
         view(pass.statistics, running_var), pass.batch_norm, behind, kBatchNormEps, momentum});
  }
};

// Layer-norm over the last axis (eps 1e-6, as in timm's transformers; PyTorch's own default
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

// activation(norm(convolution(x))), for a batch-norm that was built behind the convolution.
template <class Convolution>
Var convolution_norm(const Pass& pass, const Convolution& convolution_, const BatchNorm& norm,
                     const Var& x) {
  if (!pass.folded) return norm(pass, convolution_(pass, x));
  return convolution_.with_bias(pass, x, view(pass.weights.values, norm.bias), norm.activation);
}
// activation(norm(convolution(x)) + residual): the norm's activation stands behind the sum.
inline Var convolution_norm_add(const Pass& pass, const Conv2d& convolution_, const BatchNorm& norm,
                                const Var& x, const Var& residual) {
  if (!pass.folded) {
    return add(pass.tape, norm.apply(pass, convolution_(pass, x), Activation::none), residual,
               norm.activation);
  }
  return convolution_.with_bias(pass, x, view(pass.weights.values, norm.bias), norm.activation,
                                residual);
}

// x W^T + b, in bf16 where x is: what comes out of a pooling is f32 in every precision, and so are
// logits.
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

  Var operator()(const Pass& pass, const Var& x, const Var& residual = {}) const {
    const LinearWeights w = weights(pass, x);
    return linear(pass.tape, x, w.weight, w.bias, precision(pass, x), pass.batching, residual);
  }

  LinearWeights weights(const Pass& pass, const Var& x) const {
    return {
        x.value().dtype() == DType::bf16 ? pass.rounded_parameter(weight) : pass.parameter(weight),
        pass.parameter(bias)};
  }
  static Precision precision(const Pass& pass, const Var& x) {
    if (x.value().dtype() == DType::bf16) return Precision::bf16;
    return pass.precision == Precision::tf32 ? Precision::tf32 : Precision::fp32;
  }
};

// down(gelu(up(x))) + residual, where given.
inline Var perceptron(const Pass& pass, const Linear& up, const Linear& down, GeluForm form,
                      const Var& x, const Var& residual = {}) {
  return perceptron(pass.tape, x, up.weights(pass, x), down.weights(pass, x), form,
                    Linear::precision(pass, x), pass.batching, residual);
}

}  // namespace saddle
