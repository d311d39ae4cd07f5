// What a product of matrices on the calling thread is given.
#pragma once

#include <cstdint>

namespace saddle {

// c [m, n] = a b, a [m, k] and b [k, n] after they are transposed where asked.
struct ProductSize {
  std::int64_t m, n, k;
};

// A matrix whose rows begin `row` elements apart, to be transposed first where asked.
struct Operand {
  const float* data;
  std::int64_t row;
  bool transposed = false;
};

}  // namespace saddle
