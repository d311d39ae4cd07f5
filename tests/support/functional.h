// A random linear functional of an op's output: the scalar through which its gradient is tested.
#pragma once

#include <vector>

#include "core/tape.h"
#include "kernels/bfloat16.h"
#include "tests/support/random_values.h"

namespace saddle::testing_support {

// A tensor of f32 or bf16 from floats, rounded where it must be.
inline Tensor tensor_of(Device& device, const Shape& shape, DType dtype,
                        const std::vector<float>& values) {
  if (dtype == DType::f32) return Tensor::from_host(device, shape, values);
  return Tensor::from_host(device, shape, rounded_to<Bfloat16>(values));
}

// The values of a tensor of f32 or bf16.
inline std::vector<float> floats_of(const Tensor& tensor) {
  if (tensor.dtype() == DType::f32) return tensor.to_host<float>();
  const std::vector<Bfloat16> values = tensor.to_host<Bfloat16>();
  return {values.begin(), values.end()};
}

// sum of weights[i] y[i] as a loss: what reaches y backwards is `weights`, in y's type. (Its value
// is not computed.)
inline Var functional(Tape& tape, const Var& y, const std::vector<float>& weights) {
  const Tensor dy = tensor_of(y.device(), y.shape(), y.value().dtype(), weights);
  return tape.record(Tensor::filled(y.device(), {1}, 0.f), {y},
                     [=](const Tensor&) { y.add_gradient(dy); });
}

}  // namespace saddle::testing_support
