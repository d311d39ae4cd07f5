#include "core/ops.h"

namespace saddle {
namespace {

Convolution shape_of(const Var& x, const Var& w, std::int64_t stride, std::int64_t padding) {
  const Shape& in = x.shape();
  const Shape& kernel = w.shape();
  require(in.rank() == 4 && kernel.rank() == 4, "convolution: input ", in, " and weight ", kernel,
          " must be [N, H, W, C] and [O, K, K, C]");
  require(in[3] == kernel[3], "convolution: input has ", in[3], " channels, weight expects ",
          kernel[3], " (weight is ", kernel,
          "). Did you pass the image instead of the previous layer's output?");
  require(kernel[1] == kernel[2], "convolution: the kernel of weight ", kernel, " is not square");
  require(stride >= 1 && padding >= 0, "convolution: stride ", stride, " and padding ", padding,
          " must be at least 1 and 0");
  require(in[1] + 2 * padding >= kernel[1] && in[2] + 2 * padding >= kernel[2], "convolution: a ",
          kernel[1], "x", kernel[2], " kernel does not fit into input ", in, " with padding ",
          padding);
  return {in[0], in[1], in[2], in[3], kernel[0], kernel[1], stride, padding};
}

void backward(const Convolution& shape, const Var& x, const Var& w, const Tensor& dy) {
  Device& device = x.device();
  if (w.wants_gradient()) {
    const Tensor dw = w.gradient_memory();
    device.convolution_backward_weights(shape, x.value().data<float>(), dy.data<float>(),
                                        dw.data<float>());
    w.add_gradient(dw);
  }
  if (x.wants_gradient()) {
    const Tensor dx = x.gradient_memory();
    device.convolution_backward_data(shape, dy.data<float>(), w.value().data<float>(),
                                     dx.data<float>());
    x.add_gradient(dx);
  }
}

Tensor result_of(const Var& x, const Convolution& shape) {
  return Tensor(x.device(),
                {shape.batch, shape.out_height(), shape.out_width(), shape.out_channels});
}

}  // namespace

Var convolution(Tape& tape, const Var& x, const Var& w, std::int64_t stride, std::int64_t padding) {
  const Convolution shape = shape_of(x, w, stride, padding);
  const Tensor y = result_of(x, shape);
  x.device().convolution_forward(shape, x.value().data<float>(), w.value().data<float>(), nullptr,
                                 y.data<float>());
  return tape.record(y, {x, w}, [=](const Tensor& dy) { backward(shape, x, w, dy); });
}

Var convolution_add(Tape& tape, const Var& x, const Var& w, std::int64_t stride,
                    std::int64_t padding, const Var& residual) {
  const Convolution shape = shape_of(x, w, stride, padding);
  const Tensor y = result_of(x, shape);
  require(residual.shape() == y.shape(), "convolution_add: the residual has shape ",
          residual.shape(), ", the convolution gives ", y.shape());
  x.device().convolution_forward(shape, x.value().data<float>(), w.value().data<float>(),
                                 residual.value().data<float>(), y.data<float>());
  return tape.record(y, {x, w, residual}, [=](const Tensor& dy) {
    if (residual.wants_gradient()) residual.add_gradient(dy);
    backward(shape, x, w, dy);
  });
}

}  // namespace saddle
