// The way back through an activation, for the ops that end in one.
#pragma once

#include "core/activation.h"
#include "core/tensor.h"

namespace saddle {

// dy where y lies within the activation's limits, else 0; dy itself where there is none. y is what
// came out of the activation, of dy's shape and type, f32 or bf16; `op` is named in errors.
Tensor through(const char* op, Activation activation, const Tensor& y, const Tensor& dy);

}  // namespace saddle
