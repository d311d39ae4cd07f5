#include "core/element_type.h"
#include "core/ops.h"
#include "core/ops/through.h"
#include "kernels/elementwise.h"
#include "kernels/images.h"
#include "kernels/reductions.h"

namespace saddle {

Tensor through(const char* op, Activation activation, const Tensor& y, const Tensor& dy) {
  if (activation == Activation::none) return dy;
  const Tensor dz(dy.device(), dy.shape(), dy.dtype());
  with_element_type(op, dz.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(dz.device(),
           ActivateBackward<T>{y.array<T>(), dy.array<T>(), dz.array<T>(), limits_of(activation)},
           dz.count());
  });
  return dz;
}

Var relu(Tape& tape, const Var& x) {
  Device& device = x.device();
  const Tensor y(device, x.shape(), x.value().dtype());
  with_element_type("relu", y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(device, Activate<T>{x.value().array<T>(), y.array<T>(), kRelu}, y.count());
  });
  return tape.record(
      y, {x}, [=](const Tensor& dy) { x.add_gradient(through("relu", Activation::relu, y, dy)); });
}

template <class Form>
Var gelu_of(Tape& tape, const Var& x) {
  const DType dtype = x.value().dtype();
  const Tensor y(x.device(), x.shape(), dtype);
  with_element_type("gelu", dtype, [&](auto zero) {
    using T = decltype(zero);
    launch(y.device(), Gelu<T, Form>{x.value().array<T>(), y.array<T>()}, y.count());
  });
  return tape.record(y, {x}, [=](const Tensor& dy) {
    const Tensor dx = x.gradient_memory();
    with_element_type("gelu", dtype, [&](auto zero) {
      using T = decltype(zero);
      launch(dx.device(), GeluBackward<T, Form>{x.value().array<T>(), dy.array<T>(), dx.array<T>()},
             dx.count());
    });
    x.add_gradient(dx);
  });
}

Var gelu(Tape& tape, const Var& x, GeluForm form) {
  return form == GeluForm::exact ? gelu_of<ExactGelu>(tape, x) : gelu_of<TanhGelu>(tape, x);
}

Var tanh(Tape& tape, const Var& x) {
  Device& device = x.device();
  const Tensor y(device, x.shape());
  launch(device, Tanh{x.value().array(), y.array()}, y.count());
  return tape.record(y, {x}, [=, &device](const Tensor& dy) {
    const Tensor dx = x.gradient_memory();
    launch(device, TanhBackward{y.array(), dy.array(), dx.array()}, dx.count());
    x.add_gradient(dx);
  });
}

Var add(Tape& tape, const Var& a, const Var& b, Activation activation) {
  require(a.shape() == b.shape(), "add: shapes ", a.shape(), " and ", b.shape(), " differ");
  require(a.value().dtype() == b.value().dtype(), "add: types ", name_of(a.value().dtype()),
          " and ", name_of(b.value().dtype()), " differ");
  Device& device = a.device();
  const Tensor y(device, a.shape(), a.value().dtype());
  with_element_type("add", y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(device,
           Add<T>{a.value().array<T>(), b.value().array<T>(), y.array<T>(), limits_of(activation)},
           y.count());
  });
  return tape.record(y, {a, b}, [=](const Tensor& dy) {
    const Tensor dz = through("add", activation, y, dy);
    if (a.wants_gradient()) a.add_gradient(dz);
    if (b.wants_gradient()) b.add_gradient(dz);
  });
}

Var normalise(Tape& tape, const Var& x, const Tensor& mean, const Tensor& inverse_std,
              DType dtype) {
  const Shape& shape = x.shape();
  require(shape.rank() >= 1, "normalise: input is a scalar");
  const std::int64_t channels = shape[shape.rank() - 1];
  require(mean.count() == channels && inverse_std.count() == channels, "normalise: input ", shape,
          " has ", channels, " channels, mean and std have ", mean.count(), " and ",
          inverse_std.count());
  Device& device = x.device();
  const std::int64_t pixels = x.value().count() / channels;
  const Tensor y(device, shape, dtype);
  with_element_type("normalise", dtype, [&](auto zero) {
    using T = decltype(zero);
    launch(
        device,
        Normalise<T>{x.value().array(), mean.array(), inverse_std.array(), y.array<T>(), channels},
        pixels, channels);
  });
  return tape.record(y, {x}, [=, &device](const Tensor& dy) {
    const Tensor dx = x.gradient_memory();
    with_element_type("normalise", dtype, [&](auto zero) {
      using T = decltype(zero);
      launch(device, NormaliseBackward<T>{dy.array<T>(), inverse_std.array(), dx.array(), channels},
             pixels, channels);
    });
    x.add_gradient(dx);
  });
}

Var reshape(Tape& tape, const Var& x, const Shape& shape) {
  const Tensor y = x.value().reshaped(shape);
  return tape.record(y, {x}, [=](const Tensor& dy) { x.add_gradient(dy.reshaped(x.shape())); });
}

Var to_f32(Tape& tape, const Var& x) {
  if (x.value().dtype() == DType::f32) return x;
  Device& device = x.device();
  const Tensor y(device, x.shape());
  launch(device, Convert<Bfloat16, float>{x.value().array<Bfloat16>(), y.array()}, y.count());
  return tape.record(y, {x}, [=, &device](const Tensor& dy) {
    const Tensor dx = x.gradient_memory();
    launch(device, Convert<float, Bfloat16>{dy.array(), dx.array<Bfloat16>()}, dx.count());
    x.add_gradient(dx);
  });
}

Tensor square_norm(const Tensor& x) {
  Device& device = x.device();
  const std::int64_t blocks = SumSquares::blocks(x.count());
  const Tensor partial(device, {blocks}), total(device, {1});
  launch(device, SumSquares{x.array(), partial.array()}, blocks);
  launch(device, SumAll{partial.array(), total.array(), 1.f, 0.f}, 1);
  return total;
}

}  // namespace saddle
