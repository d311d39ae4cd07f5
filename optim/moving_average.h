// Moving average: a second set of values that follows the trained ones, step by step.
//
//   average <- decay average + (1 - decay) value
// Polyak and Juditsky 1992; as in timm's ModelEma, without its correction of the first steps.
#pragma once

#include "core/tensor.h"

namespace saddle {

// One step of `average` towards `value`, both f32 of one shape, on their device; `decay` in [0, 1].
void follow(const Tensor& average, const Tensor& value, float decay);

}  // namespace saddle
