#include "core/ops.h"

namespace saddle {

Var linear(Tape& tape, const Var& x, const Var& w, const Var& bias) {
  require(x.shape().rank() == 2 && w.shape().rank() == 2 && x.shape()[1] == w.shape()[1],
          "linear: input ", x.shape(), " and weight ", w.shape(), " must be [N, in] and [out, in]");
  require(bias.shape() == Shape{w.shape()[0]}, "linear: bias ", bias.shape(), " must be [",
          w.shape()[0], "]");
  Device& device = x.device();
  const std::int64_t batch = x.shape()[0], in = x.shape()[1], out = w.shape()[0];
  const Tensor y(device, {batch, out});
  device.gemm({batch, out, in, false, true}, x.value().data<float>(), w.value().data<float>(),
              y.data<float>());
  launch(device, AddBias{bias.value().array(), y.array(), out}, batch, out);
  return tape.record(y, {x, w, bias}, [=, &device](const Tensor& dy) {
    if (w.wants_gradient()) {
      const Tensor dw = w.gradient_memory();  // dy^T x
      device.gemm({out, in, batch, true, false}, dy.data<float>(), x.value().data<float>(),
                  dw.data<float>());
      w.add_gradient(dw);
    }
    if (bias.wants_gradient()) {
      const Tensor dbias = bias.gradient_memory();
      launch(device, ColumnSum{dy.array(), dbias.array(), batch, out}, out);
      bias.add_gradient(dbias);
    }
    if (x.wants_gradient()) {
      const Tensor dx = x.gradient_memory();  // dy w
      device.gemm({batch, in, out, false, false}, dy.data<float>(), w.value().data<float>(),
                  dx.data<float>());
      x.add_gradient(dx);
    }
  });
}

Var global_average_pool(Tape& tape, const Var& x) {
  const Shape& shape = x.shape();
  require(shape.rank() == 4, "global_average_pool: input ", shape, " must be [N, H, W, C]");
  Device& device = x.device();
  const std::int64_t batch = shape[0], pixels = shape[1] * shape[2], channels = shape[3];
  require(pixels > 0, "global_average_pool: input ", shape, " has no pixels");
  const Tensor y(device, {batch, channels});
  launch(device, GlobalAveragePool{x.value().array(), y.array(), pixels, channels}, batch,
         channels);
  return tape.record(y, {x}, [=, &device](const Tensor& dy) {
    const Tensor dx = x.gradient_memory();
    launch(device, GlobalAveragePoolBackward{dy.array(), dx.array(), pixels, channels},
           batch * pixels, channels);
    x.add_gradient(dx);
  });
}

}  // namespace saddle
