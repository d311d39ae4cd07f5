// Linear layers on the CPU, so many rows at a time.
//
// By a product and kernels one after another, results go through memory between any two steps: the
// product writes them, the bias is added to what is read back, GELU reads that again. Here a thread
// takes a few rows through all steps while they are in the cache.
//
// Each row of a result has the same bits whatever the number of rows, whichever row it is, and on
// any number of threads. Matrices are row-major; all throw Error where memory runs out.
#pragma once

#include <cstdint>

#include "core/activation.h"

namespace saddle {

// weight [out, in], bias [out]
struct LinearValues {
  const float *weight, *bias;
};

// y = x weight^T + bias + residual: x [rows, in], y and residual [rows, out]; null: no residual.
void host_linear(std::int64_t rows, std::int64_t in, std::int64_t out, const float* x,
                 const LinearValues& linear, const float* residual, float* y);

// y = gelu(h) down.weight^T + down.bias + residual, h = x up.weight^T + up.bias: x [rows, in], h
// [rows, hidden], y and residual [rows, out].
struct PerceptronShape {
  std::int64_t rows, in, hidden, out;
  GeluForm form;
};

// h receives what the gradient needs; null: there will be none.
void host_perceptron(const PerceptronShape& shape, const float* x, const LinearValues& up,
                     const LinearValues& down, const float* residual, float* h, float* y);

// What receives the gradient with respect to x, and, for those with respect to the weights, gelu(h)
// and the gradient with respect to h; null: not wanted, the latter two only together.
struct PerceptronGradients {
  float *dx, *activated, *dh;
};
void host_perceptron_backward(const PerceptronShape& shape, const float* h, const float* dy,
                              const float* up_weight, const float* down_weight,
                              const PerceptronGradients& to);

}  // namespace saddle
