// Sums over all but the last axis, for the gradients of what is added to every row.
#pragma once

#include "core/tensor.h"

namespace saddle {

// y f32 [columns] <- the sum of all rows of x [..., columns], f32 or bf16. Over the first axis at
// first and then over the others, so that a long x of few columns is work for many blocks.
void sum_rows(const Tensor& x, const Tensor& y);

}  // namespace saddle
