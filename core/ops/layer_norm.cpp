#include "kernels/layer_norm.h"

#include "core/ops.h"
#include "kernels/reductions.h"

namespace saddle {

Var layer_norm(Tape& tape, const Var& x, const Var& gamma, const Var& beta, float eps) {
  const Shape& shape = x.shape();
  const std::int64_t columns = gamma.value().count();
  require(shape.rank() >= 1 && columns > 0 && shape[shape.rank() - 1] == columns &&
              beta.value().count() == columns,
          "layer_norm: input ", shape, " with gamma ", gamma.shape(), " and beta ", beta.shape(),
          ": both must have the last axis's extent");
  Device& device = x.device();
  const std::int64_t rows = x.value().count() / columns;
  const Tensor y(device, shape), mean(device, {rows}), inverse_std(device, {rows});
  launch(device,
         LayerNormForward{x.value().array(), gamma.value().array(), beta.value().array(), y.array(),
                          mean.array(), inverse_std.array(), columns, eps},
         rows);
  return tape.record(y, {x, gamma, beta}, [=, &device](const Tensor& dy) {
    if (gamma.wants_gradient() || beta.wants_gradient()) {
      const std::int64_t chunks = LayerNormParameters::chunks(rows);
      const Tensor scales(device, {chunks, columns}), shifts(device, {chunks, columns});
      launch(device,
             LayerNormParameters{x.value().array(), dy.array(), mean.array(), inverse_std.array(),
                                 scales.array(), shifts.array(), rows, columns},
             LayerNormParameters::blocks(rows, columns));
      const auto add = [&](const Var& parameter, const Tensor& parts) {
        if (!parameter.wants_gradient()) return;
        const Tensor sum = parameter.gradient_memory();
        launch(device, ColumnSum{parts.array(), sum.array(), chunks, columns},
               ColumnSum::blocks(columns));
        parameter.add_gradient(sum);
      };
      add(gamma, scales);
      add(beta, shifts);
    }
    if (x.wants_gradient()) {
      const Tensor dx = x.gradient_memory();
      launch(device,
             LayerNormBackward{x.value().array(), dy.array(), gamma.value().array(), mean.array(),
                               inverse_std.array(), dx.array(), columns},
             rows);
      x.add_gradient(dx);
    }
  });
}

}  // namespace saddle
