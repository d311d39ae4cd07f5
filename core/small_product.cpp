#include "core/small_product.h"

#include <algorithm>

#include "core/vector_code.h"

namespace saddle {
namespace {

// b as rows of whole vectors with zeros behind.
Operand in_vectors(const ProductSize& size, const Operand& b, float* memory) {
  const std::int64_t columns = whole_vectors(size.n);
  if (b.transposed) {
    vector_code_for(columns).transpose(size.n, size.k, b.data, b.row, memory, columns);
    return {memory, columns};
  }
  if (size.n == columns) return b;
  for (std::int64_t row = 0; row < size.k; ++row) {
    float* to = memory + row * columns;
    std::copy_n(b.data + row * b.row, size.n, to);
    std::fill(to + size.n, to + columns, 0.f);
  }
  return {memory, columns};
}

}  // namespace

std::int64_t whole_vectors(std::int64_t n) {
  const std::int64_t lanes = vector_lanes();
  return (n + lanes - 1) / lanes * lanes;
}

std::int64_t small_product_floats(const ProductSize& size) {
  return size.k * whole_vectors(size.n);
}

void multiply_small(const ProductSize& size, const Operand& a, const Operand& b, float* c,
                    std::int64_t row_of_c, float* memory) {
  const Operand rows = in_vectors(size, b, memory);
  const std::int64_t columns = whole_vectors(size.n);
  vector_code_for(columns).multiply(
      {size.m, columns, size.k, a.row, a.transposed, rows.row, row_of_c}, a.data, rows.data, c);
}

}  // namespace saddle
