#include "core/ops.h"

namespace saddle {

Var relu(Tape& tape, const Var& x) {
  Device& device = x.device();
  const Tensor y(device, x.shape());
  launch(device, Relu{x.value().array(), y.array()}, y.count());
  return tape.record(y, {x}, [=, &device](const Tensor& dy) {
    const Tensor dx = x.gradient_memory();
    launch(device, ReluBackward{x.value().array(), dy.array(), dx.array()}, dx.count());
    x.add_gradient(dx);
  });
}

Var add(Tape& tape, const Var& a, const Var& b) {
  require(a.shape() == b.shape(), "add: shapes ", a.shape(), " and ", b.shape(), " differ");
  Device& device = a.device();
  const Tensor y(device, a.shape());
  launch(device, Add{a.value().array(), b.value().array(), y.array()}, y.count());
  return tape.record(y, {a, b}, [=](const Tensor& dy) {
    if (a.wants_gradient()) a.add_gradient(dy);
    if (b.wants_gradient()) b.add_gradient(dy);
  });
}

Var normalise(Tape& tape, const Var& x, const Tensor& mean, const Tensor& inverse_std) {
  const Shape& shape = x.shape();
  require(shape.rank() >= 1, "normalise: input is a scalar");
  const std::int64_t channels = shape[shape.rank() - 1];
  require(mean.count() == channels && inverse_std.count() == channels, "normalise: input ", shape,
          " has ", channels, " channels, mean and std have ", mean.count(), " and ",
          inverse_std.count());
  Device& device = x.device();
  const std::int64_t pixels = x.value().count() / channels;
  const Tensor y(device, shape);
  launch(device,
         Normalise{x.value().array(), mean.array(), inverse_std.array(), y.array(), channels},
         pixels, channels);
  return tape.record(y, {x}, [=, &device](const Tensor& dy) {
    const Tensor dx = x.gradient_memory();
    launch(device, NormaliseBackward{dy.array(), inverse_std.array(), dx.array(), channels}, pixels,
           channels);
    x.add_gradient(dx);
  });
}

Tensor square_norm(const Tensor& x) {
  Device& device = x.device();
  const Tensor partial(device, {kSumBlocks}), total(device, {1});
  launch(device, SumSquares{x.array(), partial.array()}, kSumBlocks);
  launch(device, SumAll{partial.array(), total.array(), 1.f, 0.f}, 1);
  return total;
}

}  // namespace saddle
