#include "kernels/depthwise_weights.h"

#include "core/element_type.h"
#include "core/ops.h"
#include "core/ops/row_sums.h"
#include "core/ops/through.h"
#include "kernels/reductions.h"

namespace saddle {
namespace {

DepthwiseShape shape_of(const Var& x, const Var& w, const Window& window) {
  const Shape& in = x.shape();
  const auto [stride, padding, dilation] = window;
  require(in.rank() == 4 && w.shape() == Shape{kTaps, kTaps, in[in.rank() - 1]},
          "depthwise_convolution: input ", in, " and weight ", w.shape(),
          " must be [N, H, W, C] and [3, 3, C]");
  require(x.value().dtype() == w.value().dtype(), "depthwise_convolution: input is ",
          name_of(x.value().dtype()), " and weight ", name_of(w.value().dtype()),
          ". Is the weight Pass::rounded_parameter?");
  require(stride >= 1 && padding >= 0 && dilation >= 1, "depthwise_convolution: stride ", stride,
          ", padding ", padding, " and dilation ", dilation, " must be at least 1, 0 and 1");
  const std::int64_t reach = dilation * (kTaps - 1) + 1;
  require(in[1] + 2 * padding >= reach && in[2] + 2 * padding >= reach,
          "depthwise_convolution: a 3x3 kernel of dilation ", dilation, " does not fit into input ",
          in, " with padding ", padding);
  return {in[0], in[1], in[2], in[3], stride, padding, dilation};
}

Tensor forward(const DepthwiseShape& shape, const Var& x, const Var& w, Array<const float> bias,
               Activation activation) {
  Device& device = x.device();
  const Tensor y(device, {shape.batch, shape.out_height(), shape.out_width(), shape.channels},
                 x.value().dtype());
  with_element_type("depthwise_convolution", y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(device,
           DepthwiseForward<T>{x.value().array<T>(), w.value().array<T>(), bias, y.array<T>(),
                               shape, limits_of(activation)},
           shape.batch * shape.out_height());
  });
  return y;
}

void backward_data(const DepthwiseShape& shape, const Var& x, const Var& w, const Tensor& dy) {
  const Tensor dx = x.gradient_memory();
  with_element_type("depthwise_convolution", dx.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(x.device(),
           DepthwiseBackwardData<T>{dy.array<T>(), w.value().array<T>(), dx.array<T>(), shape},
           shape.batch * shape.height);
  });
  x.add_gradient(dx);
}

void backward_weights(const DepthwiseShape& shape, const Var& x, const Var& w, const Tensor& dy) {
  Device& device = x.device();
  const std::int64_t columns = kAllTaps * shape.channels;
  const Tensor dw = w.gradient_memory();
  with_element_type("depthwise_convolution", dy.dtype(), [&](auto zero) {
    using T = decltype(zero);
    using Kernel = DepthwiseBackwardWeights<T>;
    const std::int64_t chunks = Kernel::chunks(shape);
    const Tensor partial(device, {chunks, columns});
    launch(device, Kernel{x.value().array<T>(), dy.array<T>(), partial.array(), shape},
           Kernel::blocks(shape));
    sum_rows(partial, dw);
  });
  w.add_gradient(dw);
}

}  // namespace

Var depthwise_convolution(Tape& tape, const Var& x, const Var& w, const Window& window) {
  const DepthwiseShape shape = shape_of(x, w, window);
  const Tensor y = forward(shape, x, w, {}, Activation::none);
  return tape.record(y, {x, w}, [=](const Tensor& dy) {
    if (w.wants_gradient()) backward_weights(shape, x, w, dy);
    if (x.wants_gradient()) backward_data(shape, x, w, dy);
  });
}

Var depthwise_convolution_bias(Tape& tape, const Var& x, const Var& w, const Window& window,
                               const Tensor& bias, Activation activation) {
  const DepthwiseShape shape = shape_of(x, w, window);
  require(bias.shape() == Shape{shape.channels}, "depthwise_convolution_bias: bias ", bias.shape(),
          " must be [", shape.channels, "]");
  require(
      !w.wants_gradient(),
      "depthwise_convolution_bias: the weight wants a gradient, which this op does not compute. "
      "Use depthwise_convolution and batch_norm to train");
  const Tensor y = forward(shape, x, w, bias.array(), activation);
  return tape.record(y, {x}, [=](const Tensor& dy) {
    backward_data(shape, x, w, through("depthwise_convolution_bias", activation, y, dy));
  });
}

}  // namespace saddle
