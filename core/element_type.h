// with_element_type: from the element type a tensor has at run time to the one a kernel is compiled
// for.
#pragma once

#include "core/dtype.h"
#include "core/error.h"
#include "kernels/bfloat16.h"

namespace saddle {

// Calls work(T{}) with T = float or Bfloat16, the types of activations. Throws Error in the name of
// `op` for any other.
template <class Work>
void with_element_type(const char* op, DType dtype, Work work) {
  switch (dtype) {
    case DType::f32: return work(float{});
    case DType::bf16: return work(Bfloat16{});
    default: fail(op, ": activations are f32 or bf16, this tensor is ", name_of(dtype));
  }
}

}  // namespace saddle
