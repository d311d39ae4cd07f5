// Matrix products of tensors, for the ops that consist of them.
#pragma once

#include "core/element_type.h"

namespace saddle {

// c = a b, written as what c holds; `shape` says the rest. a and b must hold what its
// precision wants (Error).
inline void multiply(Gemm shape, const Tensor& a, const Tensor& b, const Tensor& c) {
  shape.result = c.dtype();
  a.device().gemm(shape, memory_of(a, shape.operands()), memory_of(b, shape.operands()),
                  memory_of(c, c.dtype()));
}

}  // namespace saddle
