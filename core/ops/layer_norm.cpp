#include "kernels/layer_norm.h"

#include "core/element_type.h"
#include "core/ops.h"
#include "core/ops/row_sums.h"

namespace saddle {
namespace {

// What the gradient reads again.
struct Normalised {
  Var x, gamma, beta;
  Tensor mean, inverse_std;  // [rows]
  std::int64_t rows, columns;
};

template <class T>
void add_parameter_gradients(const Normalised& n, const Tensor& dy) {
  if (!n.gamma.wants_gradient() && !n.beta.wants_gradient()) return;
  Device& device = dy.device();
  const std::int64_t chunks = LayerNormParameters<T>::chunks(n.rows);
  const Tensor scales(device, {chunks, n.columns}), shifts(device, {chunks, n.columns});
  launch(device,
         LayerNormParameters<T>{n.x.value().array<T>(), dy.array<T>(), n.mean.array(),
                                n.inverse_std.array(), scales.array(), shifts.array(), n.rows,
                                n.columns},
         LayerNormParameters<T>::blocks(n.rows, n.columns));
  const auto add = [&](const Var& parameter, const Tensor& parts) {
    if (!parameter.wants_gradient()) return;
    const Tensor sum = parameter.gradient_memory();
    sum_rows(parts, sum);
    parameter.add_gradient(sum);
  };
  add(n.gamma, scales);
  add(n.beta, shifts);
}

template <class T>
void add_input_gradient(const Normalised& n, const Tensor& dy) {
  if (!n.x.wants_gradient()) return;
  const Tensor addend = n.x.take_gradient();
  const Tensor dx = n.x.gradient_memory();
  launch(dy.device(),
         LayerNormBackward<T>{n.x.value().array<T>(), dy.array<T>(), n.gamma.value().array(),
                              n.mean.array(), n.inverse_std.array(),
                              addend ? addend.array<T>() : Array<T>{}, dx.array<T>(), n.columns},
         n.rows);
  n.x.add_gradient(dx);
}

}  // namespace

Var layer_norm(Tape& tape, const Var& x, const Var& gamma, const Var& beta, float eps) {
  const Shape& shape = x.shape();
  const std::int64_t columns = gamma.value().count();
  require(shape.rank() >= 1 && columns > 0 && shape[shape.rank() - 1] == columns &&
              beta.value().count() == columns,
          "layer_norm: input ", shape, " with gamma ", gamma.shape(), " and beta ", beta.shape(),
          ": both must have the last axis's extent");
  Device& device = x.device();
  const DType dtype = x.value().dtype();
  const std::int64_t rows = x.value().count() / columns;
  const Tensor y(device, shape, dtype);
  const Normalised n{x, gamma, beta, Tensor(device, {rows}), Tensor(device, {rows}), rows, columns};
  with_element_type("layer_norm", dtype, [&](auto zero) {
    using T = decltype(zero);
    launch(device,
           LayerNormForward<T>{x.value().array<T>(), gamma.value().array(), beta.value().array(),
                               y.array<T>(), n.mean.array(), n.inverse_std.array(), columns, eps},
           rows);
  });
  return tape.record(y, {x, gamma, beta}, [n, dtype](const Tensor& dy) {
    with_element_type("layer_norm", dtype, [&](auto zero) {
      using T = decltype(zero);
      add_parameter_gradients<T>(n, dy);
      add_input_gradient<T>(n, dy);
    });
  });
}

}  // namespace saddle
