// Every op from one table: forward against double, gradient against central differences in double,
// devices against each other, wrong arguments.
#include "core/ops.h"
#include "kernels/bfloat16.h"
#include "kernels/elementwise.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/core/op_case.h"
#include "tests/support/devices.h"
#include "tests/support/differences.h"
#include "tests/support/expect_near.h"
#include "tests/support/functional.h"
#include "tests/support/random_values.h"
#include "tests/support/reference.h"

namespace saddle {
namespace {

using namespace testing_support;

OpCase convolution_case(const std::string& name, const ConvolutionSize& s,
                        Precision precision = Precision::fp32) {
  OpCase op;
  op.name = "convolution_" + name;
  op.inputs = {nhwc(s), ohwi(s)};
  op.build = [=](Tape& tape, const std::vector<Var>& v) {
    return convolution(tape, v[0], v[1], {s.stride, s.padding, s.dilation}, precision);
  };
  op.reference = [=](const Inputs& v) { return convolution_reference(s, v[0], v[1]); };
  op.terms = static_cast<double>(std::max(s.kernel * s.kernel * std::max(s.in, s.out),
                                          s.batch * s.out_height() * s.out_width()));
  op.library = true;
  op.wrong_inputs = {nhwc(s), {s.out, s.kernel, s.kernel, s.in + 13}};
  op.message = "weight expects " + std::to_string(s.in + 13);
  return multilinear(op);
}

// The CPU computes it by Winograd's algorithm, where an element errs by what its whole tile adds up
// to (core/winograd_transform.h); its tests hold the bound of each element.
OpCase winograd_case(const std::string& name, const ConvolutionSize& s) {
  OpCase op = convolution_case(name, s);
  const auto largest = [](Values values) {
    std::ranges::fill(values, *std::ranges::max_element(values));
    return values;
  };
  op.magnitude = [largest, magnitude = op.magnitude](const Inputs& v) {
    return largest(magnitude(v));
  };
  op.gradient_magnitude = [largest, magnitude = op.gradient_magnitude](
                              const Inputs& v, const Values& dy, std::size_t input) {
    return largest(magnitude(v, dy, input));
  };
  return op;
}

OpCase convolution_add_case(const std::string& name, const ConvolutionSize& s,
                            Precision precision = Precision::fp32) {
  OpCase op = convolution_case(name, s);
  op.name = "convolution_add_" + name;
  op.inputs.push_back({s.batch, s.out_height(), s.out_width(), s.out});
  op.build = [=](Tape& tape, const std::vector<Var>& v) {
    return convolution_add(tape, v[0], v[1], {s.stride, s.padding, s.dilation}, precision, v[2]);
  };
  op.reference = [=](const Inputs& v) {
    Values y = convolution_reference(s, v[0], v[1]);
    for (std::size_t i = 0; i < y.size(); ++i) y[i] += v[2][i];
    return y;
  };
  op.wrong_inputs = {nhwc(s), ohwi(s), {s.batch, s.out_height() + 1, s.out_width(), s.out}};
  op.message = "convolution_add: the residual has shape";
  return multilinear(op);
}

double clipped(Activation activation, double z) {
  const Limits limits = limits_of(activation);
  return std::clamp(z, double{limits.low}, double{limits.high});
}

std::string name_of(Activation activation) {
  return activation == Activation::none   ? "none"
         : activation == Activation::relu ? "relu"
                                          : "relu6";
}

// activation(conv(x, w) + bias) with constant w and bias.
OpCase convolution_bias_case(const std::string& name, const ConvolutionSize& s,
                             Activation activation, Precision precision = Precision::fp32) {
  const DType type = activation_type(precision);
  const std::vector<float> drawn = random_values(ohwi(s).count(), 300);
  const Values w = type == DType::bf16 ? to_double(rounded_to<Bfloat16>(drawn)) : to_double(drawn);
  const Values bias = ramp(static_cast<std::size_t>(s.out), -0.5, 0.5);
  // Linear in x, but for the choice: the terms of a convolution with |w|.
  OpCase op = convolution_case(name, s);
  op.inputs = {nhwc(s)};
  op.sizes = {activation == Activation::relu6 ? 8.f : 1.f};
  op.reference = [=](const Inputs& v) { return convolution_reference(s, v[0], absolute(w)); };
  op = multilinear(op);
  op.name = "convolution_bias_" + name_of(activation) + "_" + name;
  op.build = [=](Tape& tape, const std::vector<Var>& v) {
    Device& device = v[0].device();
    const Var weight(tensor_of(device, ohwi(s), type, to_float(w)), Gradient::none);
    return convolution_bias(tape, v[0], weight, {s.stride, s.padding, s.dilation}, precision,
                            on_device(device, bias), activation);
  };
  op.reference = [=](const Inputs& v) {
    Values y = convolution_reference(s, v[0], w);
    for (std::size_t i = 0; i < y.size(); ++i)
      y[i] = clipped(activation, y[i] + bias[i % bias.size()]);
    return y;
  };
  const auto without_bias = op.magnitude;
  op.magnitude = [=](const Inputs& v) {
    Values sizes = without_bias(v);
    for (std::size_t i = 0; i < sizes.size(); ++i) sizes[i] += std::abs(bias[i % bias.size()]);
    return sizes;
  };
  op.wrong_inputs = {{s.batch, s.height, s.width, s.in + 13}};
  op.message = "input has " + std::to_string(s.in + 13) + " channels";
  return op;
}

// activation(conv(x, w) + bias + residual): the tail of a residual block, folded.
OpCase convolution_bias_add_case(const ConvolutionSize& s, Activation activation) {
  OpCase op = convolution_bias_case("", s, activation);
  const OpCase alone = op;
  const Shape out{s.batch, s.out_height(), s.out_width(), s.out};
  op.name = "convolution_bias_" + name_of(activation) + "_add";
  op.inputs.push_back(out);
  op.sizes.push_back(1.f);
  const Values w = to_double(random_values(ohwi(s).count(), 300));
  const Values bias = ramp(static_cast<std::size_t>(s.out), -0.5, 0.5);
  op.build = [=](Tape& tape, const std::vector<Var>& v) {
    Device& device = v[0].device();
    const Var weight(tensor_of(device, ohwi(s), DType::f32, to_float(w)), Gradient::none);
    return convolution_bias(tape, v[0], weight, {s.stride, s.padding, s.dilation}, Precision::fp32,
                            on_device(device, bias), activation, v[1]);
  };
  op.reference = [=](const Inputs& v) {
    Values y = convolution_reference(s, v[0], w);
    for (std::size_t i = 0; i < y.size(); ++i) {
      y[i] = clipped(activation, y[i] + bias[i % bias.size()] + v[1][i]);
    }
    return y;
  };
  op.magnitude = [=](const Inputs& v) {
    Values sizes = alone.magnitude({v[0]});
    for (std::size_t i = 0; i < sizes.size(); ++i) sizes[i] += std::abs(v[1][i]);
    return sizes;
  };
  op.gradient_magnitude = [=](const Inputs& v, const Values& dy, std::size_t input) {
    return input == 1 ? absolute(dy) : alone.gradient_magnitude({v[0]}, dy, 0);
  };
  op.wrong_inputs = {nhwc(s), {s.batch, s.out_height() + 1, s.out_width(), s.out}};
  op.message = "convolution_bias: the residual has shape";
  return op;
}

OpCase affine_case(Activation activation) {
  const Values scale = ramp(3, -0.7, 1.2), shift = ramp(3, -0.2, 0.3);
  OpCase op;
  op.name = "affine_" + name_of(activation);
  op.inputs = {{3, 5, 7, 3}};
  op.sizes = {activation == Activation::relu6 ? 9.f : 1.f};
  op.build = [=](Tape& tape, const std::vector<Var>& v) {
    return affine(tape, v[0], on_device(v[0].device(), scale), on_device(v[0].device(), shift),
                  activation);
  };
  op.reference = [=](const Inputs& v) {
    Values y;
    for (std::size_t i = 0; i < v[0].size(); ++i) {
      y.push_back(clipped(activation, v[0][i] * scale[i % 3] + shift[i % 3]));
    }
    return y;
  };
  op.terms = 2;
  op.magnitude = [=](const Inputs& v) {
    Values y;
    for (std::size_t i = 0; i < v[0].size(); ++i) {
      y.push_back(std::abs(v[0][i] * scale[i % 3]) + std::abs(shift[i % 3]));
    }
    return y;
  };
  op.gradient_magnitude = [=](const Inputs&, const Values& dy, std::size_t) {
    Values dx = absolute(dy);
    for (std::size_t i = 0; i < dx.size(); ++i) dx[i] *= std::abs(scale[i % 3]);
    return dx;
  };
  op.library = false;
  op.wrong_inputs = {{3, 5, 7, 4}};
  op.message = "affine: input [3, 5, 7, 4] has 4 channels, scale and shift have 3 and 3";
  return op;
}

// Per channel: n, 1 / std, sum |dz|, and the largest |x| + |mean|, from which batch-norm's bounds
// are made.
struct ChannelSizes {
  Values inverse_std, dz, dz_xhat, xhat;
};

ChannelSizes channel_sizes(const BatchNormSize& s, const Values& x, const Values& dy,
                           const Statistics& used) {
  ChannelSizes sizes{Values(s.channels), Values(s.channels), Values(s.channels),
                     Values(s.channels)};
  for (std::size_t c = 0; c < s.channels; ++c)
    sizes.inverse_std[c] = 1 / std::sqrt(used.variance[c] + s.eps);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t c = i % s.channels;
    // Rounding of x - mean counts with |x| + |mean|, not with their difference.
    const double xhat = (std::abs(x[i]) + std::abs(used.mean[c])) * sizes.inverse_std[c];
    sizes.xhat[c] = std::max(sizes.xhat[c], xhat);
    sizes.dz[c] += std::abs(dy[i]);
    sizes.dz_xhat[c] += std::abs(dy[i]) * (xhat + 1);
  }
  return sizes;
}

OpCase batch_norm_case(BatchNormMode mode, Activation activation, const Shape& shape) {
  const auto channels = static_cast<std::size_t>(shape[shape.rank() - 1]);
  const BatchNormSize s{static_cast<std::size_t>(shape.count()) / channels, channels,
                        double{1e-5f}};
  const Values running_mean = ramp(channels, -0.3, 0.2), running_var = ramp(channels, 0.2, 0.7);
  const bool frozen = mode == BatchNormMode::frozen;
  const Limits limits = limits_of(activation);
  const auto statistics = [=](const Values& x) {
    return frozen ? Statistics{running_mean, running_var} : statistics_reference(s, x);
  };

  OpCase op;
  op.name = std::string("batch_norm_") +
            (frozen                          ? "frozen"
             : mode == BatchNormMode::update ? "update"
                                             : "batch_only") +
            "_" + name_of(activation);
  op.sizes = {1.f, activation == Activation::relu6 ? 8.f : 1.f, 1.f};
  op.inputs = {shape, {shape[shape.rank() - 1]}, {shape[shape.rank() - 1]}};
  op.build = [=](Tape& tape, const std::vector<Var>& v) {
    Device& device = v[0].device();
    return batch_norm(tape, v[0],
                      {v[1], v[2], on_device(device, running_mean), on_device(device, running_var),
                       mode, activation});
  };
  op.reference = [=](const Inputs& v) {
    return batch_norm_reference(s, v[0], v[1], v[2], statistics(v[0]), limits.low, limits.high);
  };
  op.terms = static_cast<double>(s.rows);
  // y = x scale + shift with shift = beta - mean gamma / std; a relative error of 1 / std counts
  // with z too.
  op.magnitude = [=](const Inputs& v) {
    const Statistics used = statistics(v[0]);
    Values magnitude;
    for (std::size_t i = 0; i < v[0].size(); ++i) {
      const std::size_t c = i % channels;
      const double inverse_std = 1 / std::sqrt(used.variance[c] + s.eps);
      magnitude.push_back(std::abs(v[1][c]) * inverse_std *
                              (std::abs(v[0][i]) + std::abs(used.mean[c])) +
                          std::abs(v[2][c]));
    }
    return magnitude;
  };
  op.gradient_magnitude = [=](const Inputs& v, const Values& dy, std::size_t input) {
    const ChannelSizes sizes = channel_sizes(s, v[0], dy, statistics(v[0]));
    if (input == 1) return sizes.dz_xhat;  // dgamma
    if (input == 2) return sizes.dz;       // dbeta
    const double n =
        frozen ? 1e300 : static_cast<double>(s.rows);  // the means' terms vanish when frozen
    Values dx;
    for (std::size_t i = 0; i < v[0].size(); ++i) {
      const std::size_t c = i % channels;
      dx.push_back(
          std::abs(v[1][c]) * sizes.inverse_std[c] *
          (std::abs(dy[i]) + sizes.dz[c] / n + (sizes.xhat[c] + 1) * sizes.dz_xhat[c] / n));
    }
    return dx;
  };
  op.library = false;
  op.wrong_inputs = {shape, {shape[shape.rank() - 1] + 1}, {shape[shape.rank() - 1]}};
  op.message = "the layer has " + std::to_string(shape[shape.rank() - 1] + 1);
  return op;
}

OpCase relu_case() {
  OpCase op;
  op.name = "relu";
  op.inputs = {{33, 7}};
  op.build = [](Tape& tape, const std::vector<Var>& v) { return relu(tape, v[0]); };
  op.reference = [](const Inputs& v) {
    Values y = v[0];
    for (double& value : y) value = std::max(value, 0.);
    return y;
  };
  op.terms = 1;
  op.library = false;
  return multilinear(op);
}

OpCase add_case(Activation activation) {
  OpCase op;
  op.name = activation == Activation::none ? "add" : "add_" + name_of(activation);
  op.inputs = {{31, 3}, {31, 3}};
  op.build = [=](Tape& tape, const std::vector<Var>& v) {
    return add(tape, v[0], v[1], activation);
  };
  op.reference = [=](const Inputs& v) {
    Values y = v[0];
    for (std::size_t i = 0; i < y.size(); ++i) y[i] = clipped(activation, y[i] + v[1][i]);
    return y;
  };
  op.terms = 2;
  op.library = false;
  op.wrong_inputs = {{31, 3}, {3, 31}};
  op.message = "add: shapes [31, 3] and [3, 31] differ";
  return multilinear(op);
}

OpCase linear_case(std::int64_t batch, std::int64_t in, std::int64_t out, std::int64_t tokens = 0,
                   Precision precision = Precision::fp32) {
  OpCase op;
  op.name =
      "linear_" + std::to_string(batch) + "x" + std::to_string(in) + "x" + std::to_string(out);
  op.inputs = {{batch, in}, {out, in}, {out}};
  if (tokens > 0) {
    op.name += "_of_" + std::to_string(tokens) + "_tokens";
    op.inputs[0] = {batch, tokens, in};
    batch *= tokens;
  }
  op.build = [=](Tape& tape, const std::vector<Var>& v) {
    return linear(tape, v[0], v[1], v[2], precision);
  };
  op.reference = [=](const Inputs& v) {
    return linear_reference(static_cast<std::size_t>(in), v[0], v[1], v[2]);
  };
  op.terms = static_cast<double>(std::max({batch, in + 1, out}));
  op.library = true;
  op.wrong_inputs = {{batch, in}, {out, in + 1}, {out}};
  op.message = "linear: input";
  return multilinear(op);
}

OpCase linear_in_bf16_case(std::int64_t batch, std::int64_t in, std::int64_t out,
                           std::int64_t tokens = 0) {
  OpCase op = in_bf16(linear_case(batch, in, out, tokens, Precision::bf16),
                      {Kind::bf16, Kind::rounded_weight, Kind::f32});
  op.rounded_terms = 1;  // the product, before the bias is added
  return op;
}

OpCase pool_case() {
  OpCase op;
  op.name = "global_average_pool";
  op.inputs = {{3, 5, 7, 3}};
  op.build = [](Tape& tape, const std::vector<Var>& v) { return global_average_pool(tape, v[0]); };
  op.reference = [](const Inputs& v) { return average_pool_reference(35, 3, v[0]); };
  op.terms = 35;
  op.library = false;
  op.wrong_inputs = {{3, 35, 3}};
  op.message = "global_average_pool: input [3, 35, 3] must be [N, H, W, C]";
  return multilinear(op);
}

OpCase normalise_case(DType type = DType::f32) {
  const Values mean = ramp(3, 0.4, 0.5), inverse_std = ramp(3, 3.8, 4.2);
  OpCase op;
  op.name = type == DType::f32 ? "normalise" : "normalise_to_bf16";
  op.inputs = {{2, 5, 7, 3}};
  op.build = [=](Tape& tape, const std::vector<Var>& v) {
    return normalise(tape, v[0], on_device(v[0].device(), mean),
                     on_device(v[0].device(), inverse_std), type);
  };
  op.reference = [=](const Inputs& v) {
    Values y;
    for (std::size_t i = 0; i < v[0].size(); ++i)
      y.push_back((v[0][i] - mean[i % 3]) * inverse_std[i % 3]);
    return y;
  };
  op.terms = 2;
  op.magnitude = [=](const Inputs& v) {
    Values y;
    for (std::size_t i = 0; i < v[0].size(); ++i) {
      y.push_back((std::abs(v[0][i]) + mean[i % 3]) * inverse_std[i % 3]);
    }
    return y;
  };
  op.gradient_magnitude = [=](const Inputs&, const Values& dy, std::size_t) {
    Values dx = absolute(dy);
    for (std::size_t i = 0; i < dx.size(); ++i) dx[i] *= inverse_std[i % 3];
    return dx;
  };
  op.library = false;
  op.wrong_inputs = {{2, 5, 7, 4}};
  op.message = "has 4 channels, mean and std have 3 and 3";
  return op;
}

OpCase cross_entropy_case(LossReduction reduction, std::int64_t batch, std::int64_t classes,
                          float smoothing = 0) {
  const std::vector<std::int32_t> labels =
      random_labels(batch, 9, static_cast<std::int32_t>(classes));
  const double scale = reduction == LossReduction::mean ? 1 / static_cast<double>(batch) : 1;
  OpCase op;
  op.name = std::string("cross_entropy_") + (reduction == LossReduction::mean ? "mean" : "sum") +
            (smoothing > 0 ? "_smoothed" : "");
  op.inputs = {{batch, classes}};
  op.build = [=](Tape& tape, const std::vector<Var>& v) {
    return cross_entropy(tape, v[0], Tensor::from_host(v[0].device(), {batch}, labels), reduction,
                         smoothing)
        .loss;
  };
  // Smoothed: (1 - s) of the label's loss and s of the mean over all labels.
  op.reference = [=](const Inputs& v) {
    double sum = (1. - smoothing) * sum_of(cross_entropy_reference(v[0], labels));
    for (std::int32_t k = 0; k < classes; ++k) {
      const std::vector<std::int32_t> all_k(static_cast<std::size_t>(batch), k);
      sum +=
          smoothing / static_cast<double>(classes) * sum_of(cross_entropy_reference(v[0], all_k));
    }
    return Values{scale * sum};
  };
  op.terms = static_cast<double>(batch + classes);
  // Logits lie in [-1, 1]: a loss is a logarithm and a difference, of at most log(classes) and 2;
  // exp errs relatively by eps |z - largest| <= 2 eps.
  op.magnitude = [=](const Inputs&) {
    return Values{scale * static_cast<double>(batch) *
                  (std::log(static_cast<double>(classes)) + 4)};
  };
  op.gradient_magnitude = [=](const Inputs&, const Values& dy, std::size_t) {
    return Values{std::abs(dy[0]) * scale * 4};  // softmax with its errors of 2 eps, minus 1
  };
  op.library = false;
  op.transcendental = true;
  op.wrong_inputs = {{batch + 1, classes}};
  op.message = "cross_entropy: " + std::to_string(batch + 1) + " rows of logits, " +
               std::to_string(batch) + " labels";
  return op;
}

// Two labels a row; the third row's are the same.
OpCase mixed_cross_entropy_case(std::int64_t batch, std::int64_t classes, float smoothing) {
  std::vector<std::int32_t> labels = random_labels(batch, 9, static_cast<std::int32_t>(classes)),
                            other = random_labels(batch, 10, static_cast<std::int32_t>(classes));
  other[2] = labels[2];
  const std::vector<float> share = random_values(batch, 11, 0.f, 1.f);
  OpCase op = cross_entropy_case(LossReduction::mean, batch, classes, smoothing);
  op.name = std::string("cross_entropy_of_mixed_labels") + (smoothing > 0 ? "_smoothed" : "");
  op.build = [=](Tape& tape, const std::vector<Var>& v) {
    Device& device = v[0].device();
    return cross_entropy(tape, v[0], Tensor::from_host(device, {batch}, labels),
                         LossReduction::mean, smoothing,
                         {Tensor::from_host(device, {batch}, other),
                          Tensor::from_host(device, {batch}, share)})
        .loss;
  };
  op.reference = [=](const Inputs& v) {
    const Values of_label = cross_entropy_reference(v[0], labels),
                 of_other = cross_entropy_reference(v[0], other);
    double sum = 0;
    for (std::size_t i = 0; i < share.size(); ++i) {
      sum += (1. - smoothing) * (share[i] * of_label[i] + (1. - share[i]) * of_other[i]);
    }
    for (std::int32_t k = 0; k < classes; ++k) {
      const std::vector<std::int32_t> all_k(static_cast<std::size_t>(batch), k);
      sum +=
          smoothing / static_cast<double>(classes) * sum_of(cross_entropy_reference(v[0], all_k));
    }
    return Values{sum / static_cast<double>(batch)};
  };
  return op;
}

OpCase trades_case(LossReduction reduction, std::int64_t batch, std::int64_t classes) {
  const std::vector<std::int32_t> labels =
      random_labels(batch, 9, static_cast<std::int32_t>(classes));
  const double scale = reduction == LossReduction::mean ? 1 / static_cast<double>(batch) : 1;
  constexpr double kBeta = 6;
  OpCase op = cross_entropy_case(reduction, batch, classes);
  op.name = std::string("trades_loss_") + (reduction == LossReduction::mean ? "mean" : "sum");
  op.inputs = {{batch, classes}, {batch, classes}};
  op.build = [=](Tape& tape, const std::vector<Var>& v) {
    return trades(tape, v[0], v[1], Tensor::from_host(v[0].device(), {batch}, labels), kBeta,
                  reduction)
        .loss;
  };
  // KL(p || q) = sum of p_k (CE_q(k) - CE_p(k)), and p_k = exp(-CE_p(k)).
  op.reference = [=](const Inputs& v) {
    double sum = sum_of(cross_entropy_reference(v[0], labels));
    for (std::int32_t k = 0; k < classes; ++k) {
      const std::vector<std::int32_t> all_k(static_cast<std::size_t>(batch), k);
      const Values p = cross_entropy_reference(v[0], all_k),
                   q = cross_entropy_reference(v[1], all_k);
      for (std::size_t row = 0; row < p.size(); ++row) {
        sum += kBeta * std::exp(-p[row]) * (q[row] - p[row]);
      }
    }
    return Values{scale * sum};
  };
  // Logits lie in [-1, 1], so |log p - log q| is at most 4 and errs by that of two logarithms.
  op.magnitude = [=](const Inputs&) {
    return Values{scale * static_cast<double>(batch) *
                  (std::log(static_cast<double>(classes)) + 4) * (1 + 2 * kBeta)};
  };
  op.gradient_magnitude = [=](const Inputs&, const Values& dy, std::size_t) {
    return Values{std::abs(dy[0]) * scale * (4 + 16 * kBeta)};
  };
  op.wrong_inputs = {{batch, classes}, {batch, classes + 1}};
  op.message = "trades: natural logits";
  return op;
}

OpCase gelu_case() {
  OpCase op;
  op.name = "gelu";
  op.inputs = {{33, 7}};
  op.build = [](Tape& tape, const std::vector<Var>& v) { return gelu(tape, v[0]); };
  op.reference = [](const Inputs& v) {
    Values y = v[0];
    for (double& x : y) x *= 0.5 * std::erfc(-x / std::sqrt(2.));
    return y;
  };
  // erf errs by 4e-7 of itself, exp by 3e-7.
  op.terms = 6;
  op.magnitude = [](const Inputs& v) { return absolute(v[0]); };
  op.gradient_magnitude = [](const Inputs& v, const Values& dy, std::size_t) {
    Values dx = absolute(dy);
    for (std::size_t i = 0; i < dx.size(); ++i) dx[i] *= 1 + std::abs(v[0][i]);
    return dx;
  };
  op.library = false;
  return op;
}

OpCase layer_norm_case(const Shape& shape) {
  const auto columns = static_cast<std::size_t>(shape[shape.rank() - 1]);
  const std::size_t rows = static_cast<std::size_t>(shape.count()) / columns;
  // A row is a channel of batch-norm over the transposed input.
  const BatchNormSize s{columns, 1, 1e-5};
  const auto row = [=](const Values& x, std::size_t r) {
    return Values(x.begin() + static_cast<std::ptrdiff_t>(r * columns),
                  x.begin() + static_cast<std::ptrdiff_t>((r + 1) * columns));
  };
  OpCase op;
  op.name = "layer_norm_" + std::to_string(rows) + "x" + std::to_string(columns);
  op.inputs = {shape, {shape[shape.rank() - 1]}, {shape[shape.rank() - 1]}};
  op.build = [](Tape& tape, const std::vector<Var>& v) {
    return layer_norm(tape, v[0], v[1], v[2], 1e-5f);
  };
  op.reference = [=](const Inputs& v) {
    Values y;
    for (std::size_t r = 0; r < rows; ++r) {
      const Values x = row(v[0], r);
      const Values xhat =
          batch_norm_reference(s, x, {1.}, {0.}, statistics_reference(s, x), -INFINITY, INFINITY);
      for (std::size_t c = 0; c < columns; ++c) y.push_back(v[1][c] * xhat[c] + v[2][c]);
    }
    return y;
  };
  op.terms = static_cast<double>(columns + rows);
  // |xhat| with the rounding of x - mean, of which the inverse deviation makes much.
  const auto sizes = [=](const Values& x) {
    Values inverse_std, xhat;
    for (std::size_t r = 0; r < rows; ++r) {
      const Values own = row(x, r);
      const Statistics used = statistics_reference(s, own);
      inverse_std.push_back(1 / std::sqrt(used.variance[0] + s.eps));
      for (double value : own) {
        xhat.push_back((std::abs(value) + std::abs(used.mean[0])) * inverse_std.back());
      }
    }
    return std::pair{inverse_std, xhat};
  };
  op.magnitude = [=](const Inputs& v) {
    Values y = sizes(v[0]).second;
    for (std::size_t i = 0; i < y.size(); ++i) {
      y[i] = std::abs(v[1][i % columns]) * y[i] + std::abs(v[2][i % columns]);
    }
    return y;
  };
  op.gradient_magnitude = [=](const Inputs& v, const Values& dy, std::size_t input) {
    const auto [inverse_std, xhat] = sizes(v[0]);
    if (input > 0) {
      Values sum(columns, 0.);
      for (std::size_t i = 0; i < dy.size(); ++i) {
        sum[i % columns] += std::abs(dy[i]) * (input == 1 ? xhat[i] + 1 : 1);
      }
      return sum;
    }
    Values dx;
    for (std::size_t r = 0; r < rows; ++r) {
      double plain = 0, along = 0;
      for (std::size_t c = 0; c < columns; ++c) {
        const double scaled = std::abs(v[1][c] * dy[r * columns + c]);
        plain += scaled;
        along += scaled * (xhat[r * columns + c] + 1);
      }
      for (std::size_t c = 0; c < columns; ++c) {
        const std::size_t i = r * columns + c;
        dx.push_back(inverse_std[r] *
                     (std::abs(v[1][c] * dy[i]) +
                      (plain + (xhat[i] + 1) * along) / static_cast<double>(columns)));
      }
    }
    return dx;
  };
  op.library = false;
  op.wrong_inputs = {shape, {shape[shape.rank() - 1] + 1}, {shape[shape.rank() - 1]}};
  op.message = "layer_norm: input";
  return op;
}

// softmax(q k^T / sqrt(d)) v of one head at a time.
Values attention_reference(std::int64_t batch, std::int64_t tokens, std::int64_t heads,
                           std::int64_t size, const Values& qkv) {
  const std::int64_t width = heads * size;
  const auto at = [&](std::int64_t n, std::int64_t t, std::int64_t part, std::int64_t h,
                      std::int64_t i) {
    return qkv[static_cast<std::size_t>(((n * tokens + t) * 3 + part) * width + h * size + i)];
  };
  Values y(static_cast<std::size_t>(batch * tokens * width), 0.);
  for (std::int64_t n = 0; n < batch; ++n)
    for (std::int64_t h = 0; h < heads; ++h)
      for (std::int64_t t = 0; t < tokens; ++t) {
        Values weight;
        double sum = 0;
        for (std::int64_t u = 0; u < tokens; ++u) {
          double score = 0;
          for (std::int64_t i = 0; i < size; ++i) score += at(n, t, 0, h, i) * at(n, u, 1, h, i);
          weight.push_back(std::exp(score / std::sqrt(static_cast<double>(size))));
          sum += weight.back();
        }
        for (std::int64_t u = 0; u < tokens; ++u)
          for (std::int64_t i = 0; i < size; ++i) {
            y[static_cast<std::size_t>((n * tokens + t) * width + h * size + i)] +=
                weight[static_cast<std::size_t>(u)] / sum * at(n, u, 2, h, i);
          }
      }
  return y;
}

OpCase attention_case(std::int64_t batch, std::int64_t tokens, std::int64_t heads,
                      std::int64_t size, Precision precision = Precision::fp32) {
  OpCase op;
  op.name = "attention_" + std::to_string(tokens) + "_tokens_" + std::to_string(heads) + "_heads";
  op.inputs = {{batch, tokens, 3 * heads * size}};
  op.build = [=](Tape& tape, const std::vector<Var>& v) {
    return attention(tape, v[0], heads, precision);
  };
  op.reference = [=](const Inputs& v) {
    return attention_reference(batch, tokens, heads, size, v[0]);
  };
  op.terms = static_cast<double>(tokens + size);
  // Inputs lie in [-1, 1]: scores are at most sqrt(size) and a weight errs by that many roundings;
  // an output is an average of values, and a gradient a sum over tokens of such.
  const double score = std::sqrt(static_cast<double>(size));
  op.magnitude = [=](const Inputs& v) {
    return Values(static_cast<std::size_t>(batch * tokens * heads * size),
                  (2 + 2 * score) * largest(v[0]));
  };
  op.gradient_magnitude = [=](const Inputs& v, const Values& dy, std::size_t) {
    return Values(v[0].size(), (2 + 2 * score) * score * static_cast<double>(tokens) * largest(dy));
  };
  op.library = true;
  op.transcendental = true;
  op.wrong_inputs = {{batch, tokens, 3 * heads * size + 1}};
  op.message = "attention: [";
  return op;
}

OpCase attention_in_bf16_case(std::int64_t batch, std::int64_t tokens, std::int64_t heads,
                              std::int64_t size) {
  OpCase op = in_bf16(attention_case(batch, tokens, heads, size, Precision::bf16), {Kind::bf16});
  op.rounded_terms = op.rounded_gradient_terms = 1;  // the softmax; the scores' gradient
  return op;
}

OpCase embed_tokens_case() {
  OpCase op;
  op.name = "embed_tokens";
  op.inputs = {{3, 2, 5, 7}, {7}, {1, 1, 7}, {1, 11, 7}};
  op.build = [](Tape& tape, const std::vector<Var>& v) {
    return embed_tokens(tape, v[0], v[1], v[2], v[3]);
  };
  op.reference = [](const Inputs& v) {
    Values y;
    for (std::size_t n = 0; n < 3; ++n)
      for (std::size_t t = 0; t < 11; ++t)
        for (std::size_t c = 0; c < 7; ++c) {
          const double token = t == 0 ? v[2][c] : v[0][(n * 10 + t - 1) * 7 + c] + v[1][c];
          y.push_back(token + v[3][t * 7 + c]);
        }
    return y;
  };
  op.terms = 33;
  op.library = false;
  op.wrong_inputs = {{3, 2, 5, 7}, {7}, {1, 1, 7}, {1, 10, 7}};
  op.message = "embed_tokens: patches [3, 2, 5, 7]";
  return multilinear(op);
}

OpCase first_token_case() {
  OpCase op;
  op.name = "first_token";
  op.inputs = {{3, 5, 7}};
  op.build = [](Tape& tape, const std::vector<Var>& v) { return first_token(tape, v[0]); };
  op.reference = [](const Inputs& v) {
    Values y;
    for (std::size_t i = 0; i < 3; ++i)
      for (std::size_t c = 0; c < 7; ++c) y.push_back(v[0][i * 35 + c]);
    return y;
  };
  op.terms = 1;
  op.library = false;
  op.wrong_inputs = {{3, 35}};
  op.message = "first_token: [3, 35] must be [N, T, D]";
  return multilinear(op);
}

OpCase add_scaled_case() {
  const Values scale = {0, 1.25, -0.5};
  OpCase op;
  op.name = "add_scaled";
  op.inputs = {{3, 5, 8}, {3, 5, 8}};
  op.build = [=](Tape& tape, const std::vector<Var>& v) {
    return add_scaled(tape, v[0], v[1], on_device(v[0].device(), scale));
  };
  op.reference = [=](const Inputs& v) {
    Values y = v[0];
    for (std::size_t i = 0; i < y.size(); ++i) y[i] += scale[i / 40] * v[1][i];
    return y;
  };
  op.terms = 2;
  op.library = false;
  op.wrong_inputs = {{3, 5, 8}, {3, 5, 7}};
  op.message = "add_scaled: shapes [3, 5, 8] and [3, 5, 7] differ";
  op = multilinear(op);
  // Of absolute values; the scale's sign is no term's size.
  op.magnitude = [=](const Inputs& v) {
    Values y = absolute(v[0]);
    for (std::size_t i = 0; i < y.size(); ++i) y[i] += std::abs(scale[i / 40] * v[1][i]);
    return y;
  };
  op.gradient_magnitude = [=](const Inputs&, const Values& dy, std::size_t input) {
    Values dx = absolute(dy);
    for (std::size_t i = 0; i < dx.size(); ++i) dx[i] *= input == 0 ? 1 : std::abs(scale[i / 40]);
    return dx;
  };
  return op;
}

std::vector<OpCase> cases() {
  std::vector<OpCase> table = {
      convolution_case("3x3", {2, 7, 5, 3, 5, 3, 1, 1}),
      convolution_case("3x3_of_1_channel", {2, 5, 5, 1, 7, 3, 1, 1}),
      convolution_case("3x3_stride_2", {2, 7, 5, 3, 5, 3, 2, 1}),
      convolution_case("3x3_stride_2_even", {2, 8, 6, 1, 3, 3, 2, 1}),
      convolution_case("1x1_stride_2", {2, 7, 5, 3, 5, 1, 2, 0}),
      convolution_case("1x1_of_1_channel", {1, 3, 3, 1, 2, 1, 1, 0}),
      convolution_case("3x3_without_padding", {1, 5, 7, 3, 2, 3, 1, 0}),
      winograd_case("3x3_of_16_channels", {1, 3, 4, 16, 16, 3, 1, 1}),
      convolution_case("3x3_dilation_2", {2, 7, 5, 3, 5, 3, 1, 2, 2}),
      convolution_case("3x3_dilation_3_padding_1", {1, 9, 8, 2, 3, 3, 1, 1, 3}),
      convolution_case("3x3_dilation_2_stride_2", {1, 9, 8, 3, 2, 3, 2, 2, 2}),
      convolution_case("3x3_dilation_6_on_5x4", {2, 5, 4, 3, 7, 3, 1, 6, 6}),
      convolution_case("3x3_dilation_9_stride_2_on_5x4", {1, 5, 4, 2, 3, 3, 2, 9, 9}),
      convolution_case("7x7_stride_2", {1, 9, 8, 3, 4, 7, 2, 3}),
      convolution_add_case("3x3_dilation_6_on_5x4", {1, 5, 4, 3, 7, 3, 1, 6, 6}),
      convolution_add_case("3x3", {2, 7, 5, 3, 5, 3, 1, 1}),
      convolution_add_case("3x3_stride_2", {2, 7, 5, 1, 3, 3, 2, 1}),
      convolution_add_case("1x1_stride_2", {2, 7, 5, 3, 5, 1, 2, 0}),
      convolution_bias_case("3x3", {2, 7, 5, 3, 5, 3, 1, 1}, Activation::relu),
      convolution_bias_case("1x1_stride_2", {2, 7, 5, 3, 5, 1, 2, 0}, Activation::relu),
      convolution_bias_case("3x3", {2, 7, 5, 3, 5, 3, 1, 1}, Activation::relu6),
      convolution_bias_case("3x3_dilation_2", {1, 7, 5, 3, 5, 3, 1, 2, 2}, Activation::none),
      convolution_bias_add_case({1, 7, 5, 3, 5, 3, 1, 1}, Activation::none),
      convolution_bias_add_case({1, 7, 5, 3, 5, 3, 1, 1}, Activation::relu),
      in_bf16(convolution_case("3x3", {2, 7, 5, 3, 5, 3, 1, 1}, Precision::bf16),
              {Kind::bf16, Kind::filter}),
      in_bf16(
          convolution_case("3x3_dilation_6_on_5x4", {2, 5, 4, 3, 7, 3, 1, 6, 6}, Precision::bf16),
          {Kind::bf16, Kind::filter}),
      in_bf16(convolution_case("1x1_stride_2", {2, 7, 5, 3, 5, 1, 2, 0}, Precision::bf16),
              {Kind::bf16, Kind::filter}),
      in_bf16(convolution_add_case("3x3", {2, 7, 5, 3, 5, 3, 1, 1}, Precision::bf16),
              {Kind::bf16, Kind::filter, Kind::bf16}),
      in_bf16(
          convolution_bias_case("3x3", {2, 7, 5, 3, 5, 3, 1, 1}, Activation::relu, Precision::bf16),
          {Kind::bf16}),
      affine_case(Activation::relu),
      affine_case(Activation::relu6),
      affine_case(Activation::none),
      in_bf16(affine_case(Activation::relu), {Kind::bf16}),
      relu_case(),
      in_bf16(relu_case(), {Kind::bf16}),
      add_case(Activation::none),
      add_case(Activation::relu),
      in_bf16(add_case(Activation::none), {Kind::bf16, Kind::bf16}),
      in_bf16(add_case(Activation::relu), {Kind::bf16, Kind::bf16}),
      linear_case(1, 1, 1),
      linear_case(3, 33, 7),
      linear_case(33, 31, 2),
      linear_case(3, 7, 5, 11),
      linear_in_bf16_case(3, 33, 7),
      linear_in_bf16_case(3, 7, 5, 11),
      gelu_case(),
      in_bf16(gelu_case(), {Kind::bf16}),
      layer_norm_case({33, 7}),
      layer_norm_case({5, 31, 35}),  // 155 rows: two chunks
      in_bf16(layer_norm_case({5, 31, 35}), {Kind::bf16, Kind::f32, Kind::f32}),
      attention_case(2, 5, 1, 7),
      attention_case(3, 33, 2, 4),
      attention_in_bf16_case(3, 33, 2, 4),
      embed_tokens_case(),
      in_bf16(embed_tokens_case(), {Kind::bf16, Kind::f32, Kind::f32, Kind::f32}),
      first_token_case(),
      in_bf16(first_token_case(), {Kind::bf16}),
      add_scaled_case(),
      in_bf16(add_scaled_case(), {Kind::bf16, Kind::bf16}),
      pool_case(),
      in_bf16(pool_case(), {Kind::bf16}),
      normalise_case(),
      normalise_case(DType::bf16),
      cross_entropy_case(LossReduction::mean, 33, 7),
      cross_entropy_case(LossReduction::sum, 33, 7),
      cross_entropy_case(LossReduction::mean, 33, 7, 0.1f),
      mixed_cross_entropy_case(33, 7, 0),
      mixed_cross_entropy_case(33, 7, 0.1f),
      trades_case(LossReduction::mean, 33, 7),
      trades_case(LossReduction::sum, 5, 3),
  };
  for (BatchNormMode mode :
       {BatchNormMode::update, BatchNormMode::batch_only, BatchNormMode::frozen}) {
    for (Activation activation : {Activation::none, Activation::relu, Activation::relu6}) {
      const OpCase op = batch_norm_case(mode, activation, {3, 11, 9, 3});  // 297 rows: two chunks
      table.push_back(op);
      table.push_back(in_bf16(op, {Kind::bf16, Kind::f32, Kind::f32}));
    }
  }
  for (const OpCase& op : depthwise_op_cases()) table.push_back(op);
  for (const OpCase& op : linear_op_cases()) table.push_back(op);
  for (const OpCase& op : segmentation_op_cases()) table.push_back(op);
  for (const OpCase& op : text_op_cases()) table.push_back(op);
  return table;
}

// Drawing from the table --------------------------------------------------------------------------

class Ops : public ::testing::TestWithParam<OpCase> {
 protected:
  const OpCase& op = GetParam();
  std::vector<std::vector<float>> inputs;
  Inputs in_double;

  Ops() {
    for (std::size_t i = 0; i < op.inputs.size(); ++i) {
      const float size = op.sizes.empty() ? 1.f : op.sizes[i];
      inputs.push_back(random_values(op.inputs[i].count(), 100 + i, -size, size));
      if (op.kind(i) != Kind::f32) {
        const std::vector<Bfloat16> rounded = rounded_to<Bfloat16>(inputs.back());
        inputs.back().assign(rounded.begin(), rounded.end());
      }
      in_double.push_back(to_double(inputs.back()));
    }
  }

  DType type(std::size_t input) const {
    return op.kind(input) == Kind::f32 ? DType::f32 : DType::bf16;
  }
  // Whether the gradient of an input is stored in bf16.
  // Whether a gradient is rounded to bf16, in the end or before it becomes f32.
  bool rounds_gradient(std::size_t input) const {
    return op.kind(input) == Kind::bf16 || op.kind(input) == Kind::filter;
  }
  Var variable(Device& device, std::size_t input, Gradient gradient) const {
    const Tensor value = tensor_of(device, op.inputs[input], type(input), inputs[input]);
    const bool weight = op.kind(input) == Kind::rounded_weight || op.kind(input) == Kind::filter;
    if (weight && gradient == Gradient::wanted) {
      return Var(value, Tensor(device, op.inputs[input]));
    }
    return Var(value, gradient);
  }
  // What has reached an input: a parameter's goes straight to its place.
  static std::vector<float> gradient_of(const Var& input) {
    return floats_of(input.gradient() ? input.gradient() : input.destination());
  }

  std::vector<Var> variables(Device& device, Gradient gradient) const {
    std::vector<Var> made;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      made.push_back(variable(device, i, gradient));
    }
    return made;
  }
  std::vector<float> forward(Device& device) const {
    Tape tape;
    return floats_of(op.build(tape, variables(device, Gradient::none)).value());
  }
  // How often an element of the result is rounded to bf16.
  int roundings() const {
    Tape tape;
    return op.build(tape, variables(cpu_device(), Gradient::none)).value().dtype() == DType::bf16;
  }
  // What the functional's weights and the gradients of all inputs are. The weights are such that
  // bf16 holds them.
  std::vector<float> weights(std::int64_t count) const {
    const std::vector<Bfloat16> rounded = rounded_to<Bfloat16>(random_values(count, 200));
    return {rounded.begin(), rounded.end()};
  }
  std::vector<std::vector<float>> gradients(Device& device) const {
    Tape tape;
    const std::vector<Var> made = variables(device, Gradient::wanted);
    const Var y = op.build(tape, made);
    tape.backward(functional(tape, y, weights(y.value().count())));
    std::vector<std::vector<float>> found;
    for (const Var& input : made) found.push_back(gradient_of(input));
    return found;
  }
};

INSTANTIATE_TEST_SUITE_P(Table, Ops, ::testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param.name; });

TEST_P(Ops, forward_equals_the_reference_in_double) {
  expect_all_near(forward(cpu_device()), op.reference(in_double), op.terms, op.magnitude(in_double),
                  "y", roundings(), op.rounded_terms);
}

TEST_P(Ops, gradient_of_a_random_functional_equals_central_differences_in_double) {
  const std::vector<std::vector<float>> got = gradients(cpu_device());

  const Values dy = to_double(weights(static_cast<std::int64_t>(op.reference(in_double).size())));
  for (std::size_t input = 0; input < inputs.size(); ++input) {
    const auto loss = [&](const Values& x) {
      Inputs moved = in_double;
      moved[input] = x;
      return dot(dy, op.reference(moved));
    };
    const Values want = central_differences(loss, in_double[input]);
    Values magnitude = op.gradient_magnitude(in_double, dy, input);
    // The differences themselves err by about 1e-16 / h of the functional's sum and by h^2.
    for (double& m : magnitude) m += 1e-9 / kFloatEps;
    expect_all_near(got[input], want, op.terms, magnitude,
                    "gradient of input " + std::to_string(input), rounds_gradient(input),
                    op.rounded_gradient_terms);
  }
}

TEST_P(Ops, every_device_agrees_with_the_cpu) {
  const std::vector<float> y = forward(cpu_device());
  const auto g = gradients(cpu_device());
  const Values dy = to_double(weights(static_cast<std::int64_t>(y.size())));
  for (const std::string& name : gpu_like_device_names()) {
    Device& device = device_named(name);
    const std::vector<float> y_there = forward(device);
    const auto g_there = gradients(device);

    if (!op.library && !(op.transcendental && name == "cuda")) {
      EXPECT_EQ(bits_of(y_there), bits_of(y)) << name;
      for (std::size_t i = 0; i < g.size(); ++i) {
        EXPECT_EQ(bits_of(g_there[i]), bits_of(g[i])) << name << ", input " << i;
      }
      continue;
    }
    // Each of the two may lie on the other side of a rounding.
    expect_all_near(y_there, to_double(y), op.terms, op.magnitude(in_double), name + " y",
                    2 * roundings());
    for (std::size_t i = 0; i < g.size(); ++i) {
      expect_all_near(g_there[i], to_double(g[i]), op.terms,
                      op.gradient_magnitude(in_double, dy, i),
                      name + " gradient of input " + std::to_string(i), 2 * rounds_gradient(i));
    }
  }
}

TEST_P(Ops, what_wants_no_gradient_gets_none) {
  for (std::size_t wanted = 0; wanted < inputs.size(); ++wanted) {
    Tape tape;
    std::vector<Var> made = variables(cpu_device(), Gradient::none);
    made[wanted] = variable(cpu_device(), wanted, Gradient::wanted);
    const Var y = op.build(tape, made);
    tape.backward(functional(tape, y, weights(y.value().count())));

    for (std::size_t i = 0; i < made.size(); ++i) {
      const bool reached = made[i].gradient() || made[i].destination();
      EXPECT_EQ(reached, i == wanted) << "input " << i << ", wanted " << wanted;
    }
  }
}

TEST_P(Ops, gradient_of_one_input_does_not_depend_on_which_others_want_one) {
  const std::vector<std::vector<float>> all = gradients(cpu_device());
  for (std::size_t wanted = 0; wanted < inputs.size(); ++wanted) {
    Tape tape;
    std::vector<Var> made = variables(cpu_device(), Gradient::none);
    made[wanted] = variable(cpu_device(), wanted, Gradient::wanted);
    const Var y = op.build(tape, made);
    tape.backward(functional(tape, y, weights(y.value().count())));

    EXPECT_EQ(bits_of(gradient_of(made[wanted])), bits_of(all[wanted])) << "input " << wanted;
  }
}

class OpsThatMindShapes : public Ops {};

INSTANTIATE_TEST_SUITE_P(Table, OpsThatMindShapes, ::testing::ValuesIn([] {
                           std::vector<OpCase> minding = cases();
                           std::erase_if(minding,
                                         [](const OpCase& op) { return op.wrong_inputs.empty(); });
                           return minding;
                         }()),
                         [](const auto& info) { return info.param.name; });

TEST_P(OpsThatMindShapes, wrong_shapes_are_an_error_that_names_them) {
  std::vector<Var> wrong;
  for (std::size_t i = 0; i < op.wrong_inputs.size(); ++i) {
    const Shape& shape = op.wrong_inputs[i];
    const std::vector<float> halves(static_cast<std::size_t>(shape.count()), 0.5f);
    wrong.push_back(Var(tensor_of(cpu_device(), shape, type(i), halves), Gradient::none));
  }

  Tape tape;
  const std::string message = message_of<Error>([&] { op.build(tape, wrong); });

  EXPECT_CONTAINS(message, op.message);
}

}  // namespace
}  // namespace saddle
