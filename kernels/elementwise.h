// Flat kernels without structure: fill, add, scale, convert.
#pragma once

#include "kernels/array.h"
#include "kernels/math.h"

namespace saddle {

// y <- value
struct Fill {
  Array<float> y;
  float value;
  SADDLE_DEVICE void operator()(int64_t i) const { y[i] = value; }
};

// y <- a + b
struct Add {
  Array<const float> a, b;
  Array<float> y;
  SADDLE_DEVICE void operator()(int64_t i) const { y[i] = a[i] + b[i]; }
};

// y <- y + x
struct AddTo {
  Array<const float> x;
  Array<float> y;
  SADDLE_DEVICE void operator()(int64_t i) const { y[i] += x[i]; }
};

// y <- factor[0] * x, the factor read on the device: the chain rule through a scalar loss
struct ScaleByScalar {
  Array<const float> x;
  Array<const float> factor;  // [1]
  Array<float> y;
  SADDLE_DEVICE void operator()(int64_t i) const { y[i] = factor[0] * x[i]; }
};

// y[row, column] <- y[row, column] + bias[column]
struct AddBias {
  Array<const float> bias;  // [columns]
  Array<float> y;           // [rows, columns]
  int64_t columns;
  SADDLE_DEVICE void operator()(int64_t row, int64_t column) const {
    y[row * columns + column] += bias[column];
  }
};

// y <- max(x, 0)
struct Relu {
  Array<const float> x;
  Array<float> y;
  SADDLE_DEVICE void operator()(int64_t i) const { y[i] = larger(x[i], 0.f); }
};

// dx <- dy where x > 0, else 0
struct ReluBackward {
  Array<const float> x, dy;
  Array<float> dx;
  SADDLE_DEVICE void operator()(int64_t i) const { dx[i] = x[i] > 0.f ? dy[i] : 0.f; }
};

}  // namespace saddle
