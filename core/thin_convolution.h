// The gradient of a convolution with respect to an image of few channels, which every attack ends
// in.
//
// Library kernels fill their vectors with input channels and leave most lanes empty for 1 or 3 of
// them. Here the lanes run over the output channels: each pixel of dx is a short dot product.
#pragma once

#include "core/device.h"

namespace saddle::thin {

// 3x3, stride 1, padding 1, at most 4 input channels, output channels in multiples of 8.
bool applies(const Convolution& shape);

// As Device's function of this name; the same bits for any number of threads.
void convolution_backward_data(const Convolution& shape, const float* dy, const float* w,
                               float* dx);

}  // namespace saddle::thin
