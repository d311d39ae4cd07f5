// Winograd convolution on the CPU: 3x3 kernels of stride 1 and padding 1 with 2.25 times fewer
// products.
//
// F(2x2, 3x3) of Lavin and Gray, "Fast algorithms for convolutional neural networks" (2016): 2x2
// outputs come from 4x4 inputs by 16 products a channel pair instead of 36,
//   Y = A^T [ (G g G^T) . (B^T d B) ] A,
// so a convolution becomes 16 matrix products over tiles, with cheap sums before and after. The
// gradients with respect to images and weights are the same three steps transposed. Rounding is
// about that of the direct sum (the constants are 0, 1/2 and 1); every result is the same for any
// number of threads.
#pragma once

#include "core/device.h"

namespace saddle::winograd {

// Whether these functions take the shape and win by it: 3x3, stride 1, padding 1, channels in
// multiples of 8, neither few nor very many.
bool applies(const Convolution& shape);
bool applies_to_weights(const Convolution& shape);

// As Device's functions of these names.
void convolution_forward(const Convolution& shape, const float* x, const float* w,
                         const float* residual, float* y);
void convolution_backward_data(const Convolution& shape, const float* dy, const float* w,
                               float* dx);
void convolution_backward_weights(const Convolution& shape, const float* x, const float* dy,
                                  float* dw);

}  // namespace saddle::winograd
