// From the element type that a tensor of activations has at run time to the one that a kernel is
// compiled for, or to the untyped memory that a device's products take.
#pragma once

#include "core/dtype.h"
#include "core/error.h"
#include "core/tensor.h"
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

// The elements of x, which must be `dtype`, f32 or bf16 (Error).
inline void* memory_of(const Tensor& x, DType dtype) {
  return dtype == DType::bf16 ? static_cast<void*>(x.data<Bfloat16>()) : x.data<float>();
}

}  // namespace saddle
