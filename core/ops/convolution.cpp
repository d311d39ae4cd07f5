#include "core/element_type.h"
#include "core/ops.h"
#include "kernels/bfloat16.h"
#include "kernels/elementwise.h"

namespace saddle {
namespace {

Convolution shape_of(const Var& x, const Var& w, std::int64_t stride, std::int64_t padding,
                     Precision precision) {
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
  const Convolution shape{in[0],     in[1],  in[2],   in[3],    kernel[0],
                          kernel[1], stride, padding, precision};
  require(
      x.value().dtype() == shape.dtype() && w.value().dtype() == shape.dtype(),
      "convolution: input is ", name_of(x.value().dtype()), " and weight ",
      name_of(w.value().dtype()), ", the precision wants both in ", name_of(shape.dtype()),
      ". Is the precision the one the input was made in, and the weight Pass::rounded_parameter?");
  return shape;
}

void* memory_of(const Tensor& x, DType dtype) {
  return dtype == DType::bf16 ? static_cast<void*>(x.data<Bfloat16>()) : x.data<float>();
}

Tensor forward(const Convolution& shape, const Var& x, const Var& w, const Epilogue& epilogue) {
  const DType dtype = shape.dtype();
  const Tensor y(x.device(),
                 {shape.batch, shape.out_height(), shape.out_width(), shape.out_channels}, dtype);
  x.device().convolution_forward(shape, memory_of(x.value(), dtype), memory_of(w.value(), dtype),
                                 epilogue, memory_of(y, dtype));
  return y;
}

void backward(const Convolution& shape, const Var& x, const Var& w, const Tensor& dy) {
  Device& device = x.device();
  const DType dtype = shape.dtype();
  if (w.wants_gradient()) {
    const Tensor dw = w.gradient_memory();
    device.convolution_backward_weights(shape, memory_of(x.value(), dtype), memory_of(dy, dtype),
                                        dw.data<float>());
    w.add_gradient(dw);
  }
  if (x.wants_gradient()) {
    const Tensor dx = x.gradient_memory();
    device.convolution_backward_data(shape, memory_of(dy, dtype), memory_of(w.value(), dtype),
                                     memory_of(dx, dtype));
    x.add_gradient(dx);
  }
}

}  // namespace

Var convolution(Tape& tape, const Var& x, const Var& w, std::int64_t stride, std::int64_t padding,
                Precision precision) {
  const Convolution shape = shape_of(x, w, stride, padding, precision);
  const Tensor y = forward(shape, x, w, {});
  return tape.record(y, {x, w}, [=](const Tensor& dy) { backward(shape, x, w, dy); });
}

Var convolution_add(Tape& tape, const Var& x, const Var& w, std::int64_t stride,
                    std::int64_t padding, Precision precision, const Var& residual) {
  const Convolution shape = shape_of(x, w, stride, padding, precision);
  const Shape out{shape.batch, shape.out_height(), shape.out_width(), shape.out_channels};
  require(residual.shape() == out, "convolution_add: the residual has shape ", residual.shape(),
          ", the convolution gives ", out);
  require(residual.value().dtype() == shape.dtype(), "convolution_add: the residual is ",
          name_of(residual.value().dtype()), ", the convolution gives ", name_of(shape.dtype()));
  const Tensor y = forward(shape, x, w, {.residual = memory_of(residual.value(), shape.dtype())});
  return tape.record(y, {x, w, residual}, [=](const Tensor& dy) {
    if (residual.wants_gradient()) residual.add_gradient(dy);
    backward(shape, x, w, dy);
  });
}

Var convolution_bias_relu(Tape& tape, const Var& x, const Var& w, std::int64_t stride,
                          std::int64_t padding, Precision precision, const Tensor& bias) {
  const Convolution shape = shape_of(x, w, stride, padding, precision);
  require(bias.shape() == Shape{shape.out_channels}, "convolution_bias_relu: bias ", bias.shape(),
          " must be [", shape.out_channels, "]");
  require(!w.wants_gradient(),
          "convolution_bias_relu: the weight wants a gradient, which this op does not compute. Use "
          "convolution and batch_norm to train");
  const Tensor y = forward(shape, x, w, {.bias = bias.data<float>(), .relu = true});
  return tape.record(y, {x}, [=](const Tensor& dy) {
    const Tensor dz(x.device(), y.shape(), y.dtype());
    with_element_type("convolution_bias_relu", y.dtype(), [&](auto zero) {
      using T = decltype(zero);
      launch(x.device(), ReluBackward<T>{y.array<T>(), dy.array<T>(), dz.array<T>()}, dz.count());
    });
    backward(shape, x, w, dz);
  });
}

}  // namespace saddle
