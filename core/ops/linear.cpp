#include "core/element_type.h"
#include "core/ops.h"
#include "core/ops/multiply.h"
#include "core/ops/row_sums.h"
#include "kernels/elementwise.h"
#include "kernels/pooling.h"
#include "kernels/reductions.h"

namespace saddle {

void sum_rows(const Tensor& x, const Tensor& y) {
  Device& device = x.device();
  const std::int64_t columns = y.count(), rows = columns > 0 ? x.count() / columns : 0;
  const auto sum = [&](const Tensor& from, const Tensor& to) {
    const std::int64_t width = to.count();
    with_element_type("sum_rows", from.dtype(), [&](auto zero) {
      using T = decltype(zero);
      launch(device, ColumnSum<T>{from.array<T>(), to.array(), from.count() / width, width},
             ColumnSum<T>::blocks(width));
    });
  };
  const std::int64_t outer = x.shape()[0];
  if (outer == 0 || rows == outer) return sum(x, y);
  const Tensor of_inner_rows(device, {rows / outer, columns});
  sum(x, of_inner_rows);
  sum(of_inner_rows, y);
}

Var linear(Tape& tape, const Var& x, const Var& w, const Var& bias, Precision precision,
           Batching batching) {
  const int last = x.shape().rank() - 1;
  const Shape& weight = w.shape();
  const bool is_matrix =
      weight.rank() == 2 || (weight.rank() == 4 && weight[1] == 1 && weight[2] == 1);
  require(last >= 1 && is_matrix && x.shape()[last] == weight[weight.rank() - 1], "linear: input ",
          x.shape(), " and weight ", weight, " must be [..., in] and [out, in]");
  require(bias.shape() == Shape{w.shape()[0]}, "linear: bias ", bias.shape(), " must be [",
          w.shape()[0], "]");
  const std::int64_t in = x.shape()[last], out = weight[0], batch = x.shape().count() / in;
  const Gemm product{batch, out, in, false, true, precision, 1, batching};
  require(x.value().dtype() == product.operands() && w.value().dtype() == product.operands(),
          "linear: input is ", name_of(x.value().dtype()), " and weight ",
          name_of(w.value().dtype()), ", the precision wants both in ", name_of(product.operands()),
          ". Is the precision the one the input was made in, and the weight "
          "Pass::rounded_parameter?");
  std::vector<std::int64_t> extents(x.shape().begin(), x.shape().end());
  extents.back() = out;
  const Tensor y(x.device(), Shape(extents), product.operands());
  multiply(product, x.value(), w.value(), y);
  with_element_type("linear", y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(y.device(), AddBias<T>{bias.value().array(), y.array<T>(), out}, batch, out);
  });
  return tape.record(y, {x, w, bias}, [=](const Tensor& dy) {
    if (w.wants_gradient()) {
      const Tensor dw = w.gradient_memory();  // dy^T x
      multiply({out, in, batch, true, false, precision}, dy, x.value(), dw);
      w.add_gradient(dw);
    }
    if (bias.wants_gradient()) {
      const Tensor dbias = bias.gradient_memory();
      sum_rows(dy, dbias);
      bias.add_gradient(dbias);
    }
    if (x.wants_gradient()) {
      const Tensor dx = x.gradient_memory();  // dy w
      multiply({batch, in, out, false, false, precision}, dy, w.value(), dx);
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
  with_element_type("global_average_pool", x.value().dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(device, GlobalAveragePool<T>{x.value().array<T>(), y.array(), pixels, channels}, batch,
           channels);
  });
  return tape.record(y, {x}, [=, &device](const Tensor& dy) {
    const Tensor dx = x.gradient_memory();
    with_element_type("global_average_pool", dx.dtype(), [&](auto zero) {
      using T = decltype(zero);
      launch(device, GlobalAveragePoolBackward<T>{dy.array(), dx.array<T>(), pixels, channels},
             batch * pixels, channels);
    });
    x.add_gradient(dx);
  });
}

}  // namespace saddle
