#include <algorithm>

#include "core/element_type.h"
#include "core/ops.h"
#include "core/ops/through.h"
#include "kernels/bfloat16.h"
#include "kernels/taps.h"

namespace saddle {
namespace {

Convolution shape_of(const Var& x, const Var& w, const Window& window, Precision precision) {
  const Shape& in = x.shape();
  const Shape& kernel = w.shape();
  const auto [stride, padding, dilation] = window;
  require(in.rank() == 4 && kernel.rank() == 4, "convolution: input ", in, " and weight ", kernel,
          " must be [N, H, W, C] and [O, K, K, C]");
  require(in[3] == kernel[3], "convolution: input has ", in[3], " channels, weight expects ",
          kernel[3], " (weight is ", kernel,
          "). Did you pass the image instead of the previous layer's output?");
  require(kernel[1] == kernel[2], "convolution: the kernel of weight ", kernel, " is not square");
  require(stride >= 1 && padding >= 0 && dilation >= 1, "convolution: stride ", stride,
          ", padding ", padding, " and dilation ", dilation, " must be at least 1, 0 and 1");
  const Convolution shape{in[0],     in[1],  in[2],   in[3],     kernel[0],
                          kernel[1], stride, padding, precision, dilation};
  const std::int64_t reach = shape.reach();
  require(in[1] + 2 * padding >= reach && in[2] + 2 * padding >= reach, "convolution: a ",
          kernel[1], "x", kernel[2], " kernel", dilation > 1 ? text(" of dilation ", dilation) : "",
          " does not fit into input ", in, " with padding ", padding);
  require(
      x.value().dtype() == shape.dtype() && w.value().dtype() == shape.dtype(),
      "convolution: input is ", name_of(x.value().dtype()), " and weight ",
      name_of(w.value().dtype()), ", the precision wants both in ", name_of(shape.dtype()),
      ". Is the precision the one the input was made in, and the weight Pass::rounded_parameter?");
  return shape;
}

// Whether every tap but the middle one lies in the padding wherever the kernel stands: dilations as
// large as the image (DeepLab's larger rates on small images).
bool reads_one_tap(const Convolution& s) {
  return s.kernel % 2 == 1 && s.kernel > 1 && s.padding == s.dilation * (s.kernel / 2) &&
         s.dilation >= std::max(s.height, s.width);
}

// The convolution by the middle tap alone.
Convolution with_one_tap(Convolution shape) {
  shape.kernel = shape.dilation = 1;
  shape.padding = 0;
  return shape;
}

Tensor middle_tap(const Convolution& shape, const Tensor& w) {
  const Tensor tap(w.device(), {shape.out_channels, 1, 1, shape.in_channels}, w.dtype());
  with_element_type("convolution", w.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(
        w.device(),
        MiddleTap<T>{w.array<T>(), tap.array<T>(), shape.kernel * shape.kernel, shape.in_channels},
        shape.out_channels, shape.in_channels);
  });
  return tap;
}

Tensor forward(const Convolution& shape, const Var& x, const Tensor& w, const Epilogue& epilogue) {
  if (reads_one_tap(shape)) {
    return forward(with_one_tap(shape), x, middle_tap(shape, w), epilogue);
  }
  const DType dtype = shape.dtype();
  const Tensor y(x.device(),
                 {shape.batch, shape.out_height(), shape.out_width(), shape.out_channels}, dtype);
  x.device().convolution_forward(shape, memory_of(x.value(), dtype), memory_of(w, dtype), epilogue,
                                 memory_of(y, dtype));
  return y;
}

void backward_weights(const Convolution& shape, const Var& x, const Tensor& dy, const Tensor& dw) {
  Device& device = x.device();
  const DType dtype = shape.dtype();
  if (reads_one_tap(shape)) {
    const std::int64_t taps = shape.kernel * shape.kernel;
    const Tensor dtap(device, {shape.out_channels, 1, 1, shape.in_channels});
    backward_weights(with_one_tap(shape), x, dy, dtap);
    launch(device, MiddleTapBackward{dtap.array(), dw.array(), taps, shape.in_channels},
           shape.out_channels * taps, shape.in_channels);
    return;
  }
  device.convolution_backward_weights(shape, memory_of(x.value(), dtype), memory_of(dy, dtype),
                                      dw.data<float>());
}

void backward_data(const Convolution& shape, const Tensor& w, const Tensor& dy, const Tensor& dx,
                   Sum sum) {
  if (reads_one_tap(shape)) {
    return backward_data(with_one_tap(shape), middle_tap(shape, w), dy, dx, sum);
  }
  const DType dtype = shape.dtype();
  dx.device().convolution_backward_data(shape, memory_of(dy, dtype), memory_of(w, dtype),
                                        memory_of(dx, dtype), sum);
}

void backward(const Convolution& shape, const Var& x, const Var& w, const Tensor& dy) {
  if (w.wants_gradient()) {
    add_beside(w, [=] {
      const Tensor dw = w.gradient_memory();
      backward_weights(shape, x, dy, dw);
      w.add_gradient(dw);
    });
  }
  if (x.wants_gradient()) {
    // A GPU's library adds at no cost to what has reached x by another way, where nobody else has
    // that memory.
    const bool adds = x.gradient().has_one_owner() && !x.device().computes_on_host();
    const Tensor dx = adds ? x.take_gradient() : x.gradient_memory();
    backward_data(shape, w.value(), dy, dx, adds ? Sum::add : Sum::store);
    x.add_gradient(dx);
  }
}

void check_residual(const char* op, const Convolution& shape, const Var& residual) {
  const Shape out{shape.batch, shape.out_height(), shape.out_width(), shape.out_channels};
  require(residual.shape() == out, op, ": the residual has shape ", residual.shape(),
          ", the convolution gives ", out);
  require(residual.value().dtype() == shape.dtype(), op, ": the residual is ",
          name_of(residual.value().dtype()), ", the convolution gives ", name_of(shape.dtype()));
}

}  // namespace

Var convolution(Tape& tape, const Var& x, const Var& w, const Window& window, Precision precision) {
  const Convolution shape = shape_of(x, w, window, precision);
  const Tensor y = forward(shape, x, w.value(), {});
  return tape.record(y, {x, w}, [=](const Tensor& dy) { backward(shape, x, w, dy); });
}

Var convolution_add(Tape& tape, const Var& x, const Var& w, const Window& window,
                    Precision precision, const Var& residual) {
  const Convolution shape = shape_of(x, w, window, precision);
  check_residual("convolution_add", shape, residual);
  const Tensor y =
      forward(shape, x, w.value(), {.residual = memory_of(residual.value(), shape.dtype())});
  return tape.record(y, {x, w, residual}, [=](const Tensor& dy) {
    if (residual.wants_gradient()) residual.add_gradient(dy);
    backward(shape, x, w, dy);
  });
}

Var convolution_bias(Tape& tape, const Var& x, const Var& w, const Window& window,
                     Precision precision, const Tensor& bias, Activation activation,
                     const Var& residual) {
  const Convolution shape = shape_of(x, w, window, precision);
  require(bias.shape() == Shape{shape.out_channels}, "convolution_bias: bias ", bias.shape(),
          " must be [", shape.out_channels, "]");
  require(!w.wants_gradient(),
          "convolution_bias: the weight wants a gradient, which this op does not compute. Use "
          "convolution and batch_norm to train");
  if (residual) check_residual("convolution_bias", shape, residual);
  const void* added = residual ? memory_of(residual.value(), shape.dtype()) : nullptr;
  const Tensor y =
      forward(shape, x, w.value(),
              {.residual = added, .bias = bias.data<float>(), .activation = activation});
  std::vector<Var> inputs = {x};
  if (residual) inputs.push_back(residual);
  return tape.record(y, inputs, [=](const Tensor& dy) {
    const Tensor dz = through("convolution_bias", activation, y, dy);
    if (residual && residual.wants_gradient()) residual.add_gradient(dz);
    backward(shape, x, w, dz);
  });
}

}  // namespace saddle
