// The rows of depthwise convolutions, with their plain loops in double, for ops_test.cpp.
#include <algorithm>
#include <cmath>

#include "tests/core/op_case.h"
#include "tests/support/random_values.h"

namespace saddle::testing_support {
namespace {

// y [batch, out_height, out_width, in] of w [3, 3, in]; s.out is not looked at.
Values depthwise_reference(const ConvolutionSize& s, const Values& x, const Values& w) {
  Values y;
  for (std::int64_t n = 0; n < s.batch; ++n)
    for (std::int64_t oy = 0; oy < s.out_height(); ++oy)
      for (std::int64_t ox = 0; ox < s.out_width(); ++ox)
        for (std::int64_t c = 0; c < s.in; ++c) {
          double sum = 0;
          for (std::int64_t ky = 0; ky < 3; ++ky)
            for (std::int64_t kx = 0; kx < 3; ++kx) {
              const std::int64_t iy = oy * s.stride + ky * s.dilation - s.padding,
                                 ix = ox * s.stride + kx * s.dilation - s.padding;
              if (iy < 0 || iy >= s.height || ix < 0 || ix >= s.width) continue;
              sum += x[static_cast<std::size_t>(((n * s.height + iy) * s.width + ix) * s.in + c)] *
                     w[static_cast<std::size_t>((ky * 3 + kx) * s.in + c)];
            }
          y.push_back(sum);
        }
  return y;
}

std::string name_of(const ConvolutionSize& s) {
  return std::to_string(s.height) + "x" + std::to_string(s.width) + "x" + std::to_string(s.in) +
         "_stride_" + std::to_string(s.stride) + "_padding_" + std::to_string(s.padding) +
         "_dilation_" + std::to_string(s.dilation);
}

OpCase depthwise_case(const ConvolutionSize& s) {
  OpCase op;
  op.name = "depthwise_" + name_of(s);
  op.inputs = {nhwc(s), {3, 3, s.in}};
  op.build = [=](Tape& tape, const std::vector<Var>& v) {
    return depthwise_convolution(tape, v[0], v[1], {s.stride, s.padding, s.dilation});
  };
  op.reference = [=](const Inputs& v) { return depthwise_reference(s, v[0], v[1]); };
  op.terms =
      static_cast<double>(std::max<std::int64_t>(9, s.batch * s.out_height() * s.out_width()));
  op.library = false;
  op.wrong_inputs = {nhwc(s), {3, 3, s.in + 1}};
  op.message = "must be [N, H, W, C] and [3, 3, C]";
  return multilinear(op);
}

OpCase depthwise_bias_case(const ConvolutionSize& s, Activation activation) {
  const Values w = to_double(random_values(9 * s.in, 300)),
               bias = ramp(static_cast<std::size_t>(s.in), -0.5, 0.5);
  const Limits limits = limits_of(activation);
  OpCase op = depthwise_case(s);
  op.name = "depthwise_bias" + std::string(activation == Activation::none ? "" : "_relu6");
  op.inputs = {nhwc(s)};
  op.sizes = {8.f};
  op.reference = [=](const Inputs& v) { return depthwise_reference(s, v[0], absolute(w)); };
  op = multilinear(op);
  const auto without_bias = op.magnitude;
  op.magnitude = [=](const Inputs& v) {
    Values sizes = without_bias(v);
    for (std::size_t i = 0; i < sizes.size(); ++i) sizes[i] += std::abs(bias[i % bias.size()]);
    return sizes;
  };
  op.build = [=](Tape& tape, const std::vector<Var>& v) {
    const Var weight(Tensor::from_host(v[0].device(), {3, 3, s.in}, to_float(w)), Gradient::none);
    return depthwise_convolution_bias(tape, v[0], weight, {s.stride, s.padding, s.dilation},
                                      on_device(v[0].device(), bias), activation);
  };
  op.reference = [=](const Inputs& v) {
    Values y = depthwise_reference(s, v[0], w);
    for (std::size_t i = 0; i < y.size(); ++i) {
      y[i] = std::clamp(y[i] + bias[i % bias.size()], double{limits.low}, double{limits.high});
    }
    return y;
  };
  op.wrong_inputs = {{s.batch, s.height, s.width, s.in + 1}};
  return op;
}

}  // namespace

std::vector<OpCase> depthwise_op_cases() {
  std::vector<OpCase> table = {
      depthwise_bias_case({1, 6, 5, 8, 8, 3, 1, 2, 2}, Activation::relu6),
      depthwise_bias_case({1, 6, 5, 7, 7, 3, 2, 1, 1}, Activation::none),
  };
  // Batch, height, width, channels, channels, kernel, stride, padding, dilation.
  const std::vector<ConvolutionSize> depthwise = {
      {2, 5, 4, 1, 1, 3, 1, 1, 1},   {1, 7, 5, 7, 7, 3, 2, 1, 1},   {1, 6, 8, 8, 8, 3, 2, 0, 1},
      {1, 7, 6, 8, 8, 3, 1, 2, 2},   {1, 5, 7, 3, 3, 3, 1, 1, 3},   {1, 8, 7, 2, 2, 3, 2, 2, 2},
      {1, 4, 3, 33, 33, 3, 1, 3, 3}, {1, 2, 3, 64, 64, 3, 1, 1, 1}, {2, 3, 4, 5, 5, 3, 1, 6, 6},
  };
  for (const ConvolutionSize& s : depthwise) table.push_back(depthwise_case(s));
  for (const ConvolutionSize& s : {depthwise[1], depthwise[3]}) {
    table.push_back(in_bf16(depthwise_case(s), {Kind::bf16, Kind::rounded_weight}));
  }
  return table;
}

}  // namespace saddle::testing_support
