// Products of small matrices on the calling thread, as attention has them
// (core/small_product_lanes.h): where a library takes about as long to be called as to compute.
// Each sum is made in the order of its terms.
#pragma once

#include "core/product.h"

namespace saddle {

// n columns as whole vectors.
std::int64_t whole_vectors(std::int64_t n);

// What multiply_small copies b into, where it does: where b is transposed, or its rows may end
// within a vector.
std::int64_t small_product_floats(const ProductSize& size);

// c [m, n] = a b, whose rows begin `row_of_c` elements apart and are written up to
// whole_vectors(n). `memory` has small_product_floats(size).
void multiply_small(const ProductSize& size, const Operand& a, const Operand& b, float* c,
                    std::int64_t row_of_c, float* memory);

}  // namespace saddle
