#include "core/element_type.h"
#include "core/host_linear.h"
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

namespace {

// Of a linear layer's input, and of its result.
struct LinearSize {
  std::int64_t rows, in, out;
};

LinearSize check(const char* op, const Shape& x, DType type, const LinearWeights& weights,
                 Precision precision) {
  const int last = x.rank() - 1;
  const Shape &weight = weights.weight.shape(), &bias = weights.bias.shape();
  const bool is_matrix =
      weight.rank() == 2 || (weight.rank() == 4 && weight[1] == 1 && weight[2] == 1);
  require(last >= 1 && is_matrix && x[last] == weight[weight.rank() - 1], op, ": input ", x,
          " and weight ", weight, " must be [..., in] and [out, in]");
  require(bias == Shape{weight[0]}, op, ": bias ", bias, " must be [", weight[0], "]");
  const DType wanted = activation_type(precision), of_weight = weights.weight.value().dtype();
  require(type == wanted && of_weight == wanted, op, ": input is ", name_of(type), " and weight ",
          name_of(of_weight), ", the precision wants both in ", name_of(wanted),
          ". Is the precision the one the input was made in, and the weight "
          "Pass::rounded_parameter?");
  return {x.count() / x[last], x[last], weight[0]};
}

Shape with_last_axis(const Shape& shape, std::int64_t extent) {
  std::vector<std::int64_t> extents(shape.begin(), shape.end());
  extents.back() = extent;
  return Shape(extents);
}

// Whether host_linear.h computes it.
bool on_host(const Var& x, Precision precision) {
  return x.device().computes_on_host() && activation_type(precision) == DType::f32;
}

LinearValues values_of(const LinearWeights& weights) {
  return {weights.weight.value().data<float>(), weights.bias.value().data<float>()};
}

const float* values_of_residual(const char* op, const Var& residual, const Tensor& y) {
  if (!residual) return nullptr;
  require(residual.shape() == y.shape(), op, ": residual ", residual.shape(),
          " must have the result's shape ", y.shape());
  return residual.value().data<float>();
}

// Those with respect to the weights; x is the layer's input.
void add_parameter_gradients(const LinearSize& size, const LinearWeights& weights, const Tensor& x,
                             const Tensor& dy, Precision precision) {
  const Var w = weights.weight, bias = weights.bias;
  if (w.wants_gradient()) {
    add_beside(w, [=] {
      const Tensor dw = w.gradient_memory();  // dy^T x
      multiply({size.out, size.in, size.rows, true, false, precision}, dy, x, dw);
      w.add_gradient(dw);
    });
  }
  if (bias.wants_gradient()) {
    add_beside(bias, [=] {
      const Tensor dbias = bias.gradient_memory();
      sum_rows(dy, dbias);
      bias.add_gradient(dbias);
    });
  }
}

// What a gradient goes to where there is a residual.
std::vector<Var> with_residual(std::vector<Var> inputs, const Var& residual) {
  if (residual) inputs.push_back(residual);
  return inputs;
}

}  // namespace

Var linear(Tape& tape, const Var& x, const Var& w, const Var& bias, Precision precision,
           Batching batching, const Var& residual) {
  const LinearWeights weights{w, bias};
  const LinearSize size = check("linear", x.shape(), x.value().dtype(), weights, precision);
  const bool fused = on_host(x, precision);
  if (residual && !fused) {
    return add(tape, linear(tape, x, w, bias, precision, batching), residual);
  }
  const Tensor y(x.device(), with_last_axis(x.shape(), size.out), x.value().dtype());
  if (fused) {
    host_linear(size.rows, size.in, size.out, x.value().data<float>(), values_of(weights),
                values_of_residual("linear", residual, y), y.data<float>());
  } else {
    multiply({size.rows, size.out, size.in, false, true, precision, 1, batching}, x.value(),
             w.value(), y);
    with_element_type("linear", y.dtype(), [&](auto zero) {
      using T = decltype(zero);
      launch(y.device(), AddBias<T>{bias.value().array(), y.array<T>(), size.out}, size.rows,
             size.out);
    });
  }
  return tape.record(y, with_residual({x, w, bias}, residual), [=](const Tensor& dy) {
    add_parameter_gradients(size, weights, x.value(), dy, precision);
    if (x.wants_gradient()) {
      const Tensor dx = x.gradient_memory();  // dy w
      multiply({size.rows, size.in, size.out, false, false, precision}, dy, w.value(), dx);
      x.add_gradient(dx);
    }
    if (residual && residual.wants_gradient()) residual.add_gradient(dy);
  });
}

Var perceptron(Tape& tape, const Var& x, const LinearWeights& up, const LinearWeights& down,
               GeluForm form, Precision precision, Batching batching, const Var& residual) {
  if (!on_host(x, precision)) {
    const Var hidden = gelu(tape, linear(tape, x, up.weight, up.bias, precision, batching), form);
    return linear(tape, hidden, down.weight, down.bias, precision, batching, residual);
  }
  const DType type = x.value().dtype();
  const LinearSize first = check("perceptron", x.shape(), type, up, precision);
  const Shape wide = with_last_axis(x.shape(), first.out);
  const LinearSize second = check("perceptron", wide, type, down, precision);
  const PerceptronShape shape{first.rows, first.in, first.out, second.out, form};
  const bool of_weights =
      up.weight.wants_gradient() || up.bias.wants_gradient() || down.weight.wants_gradient();
  const Tensor y(x.device(), with_last_axis(x.shape(), second.out)),
      h = x.wants_gradient() || of_weights ? Tensor(x.device(), wide) : Tensor();
  host_perceptron(shape, x.value().data<float>(), values_of(up), values_of(down),
                  values_of_residual("perceptron", residual, y), h ? h.data<float>() : nullptr,
                  y.data<float>());
  const std::vector<Var> inputs =
      with_residual({x, up.weight, up.bias, down.weight, down.bias}, residual);
  return tape.record(y, inputs, [=](const Tensor& dy) {
    const auto memory = [&](bool wanted, const Shape& of) {
      return wanted ? Tensor(dy.device(), of) : Tensor();
    };
    const auto data = [](const Tensor& t) { return t ? t.data<float>() : nullptr; };
    const Tensor activated = memory(of_weights, wide), dh = memory(of_weights, wide),
                 dx = x.wants_gradient() ? x.gradient_memory() : Tensor();
    if (h) {
      host_perceptron_backward(shape, h.data<float>(), dy.data<float>(), values_of(up).weight,
                               values_of(down).weight, {data(dx), data(activated), data(dh)});
    }
    add_parameter_gradients(second, down, activated, dy, precision);
    if (dh) add_parameter_gradients(first, up, x.value(), dh, precision);
    if (dx) x.add_gradient(dx);
    if (residual && residual.wants_gradient()) residual.add_gradient(dy);
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
    using Pool = GlobalAveragePool<T>;
    launch(device, Pool{x.value().array<T>(), y.array(), pixels, channels},
           Pool::blocks(batch, channels));
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
