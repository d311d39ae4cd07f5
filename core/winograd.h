// Winograd convolution on the CPU: 3x3 kernels of stride 1 and as much padding as dilation with 4
// times fewer products.
//
// F(4x4, 3x3) of Lavin and Gray, "Fast algorithms for convolutional neural networks" (2016). The
// sums have one order: bits depend neither on the number of threads nor on the width of the
// vectors. How much it rounds: core/winograd_transform.h.
#pragma once

#include "core/device.h"
#include "core/vector_code.h"

namespace saddle::winograd {

// Whether these functions can take the shape: 3x3, stride 1, padding = dilation, channels in
// multiples of 8.
bool can_take(const Convolution& shape);
// Whether, by rule, they win by it: 16 channels at least, and images that tiles do not exceed by
// more than twice.
bool applies(const Convolution& shape);

// As Device's functions of these names.
void convolution_forward(const Convolution& shape, const float* x, const float* w,
                         const Finish& finish, float* y);
void convolution_backward_data(const Convolution& shape, const float* dy, const float* w,
                               float* dx);
void convolution_backward_weights(const Convolution& shape, const float* x, const float* dy,
                                  float* dw);

}  // namespace saddle::winograd
