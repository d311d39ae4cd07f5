// The gradient of a convolution with respect to an image of few channels (core/thin_lanes.h).
#pragma once

#include "core/device.h"

namespace saddle::thin {

// 3x3, stride 1, padding 1, at most 4 input channels.
bool applies(const Convolution& shape);

// As Device's function of this name; the same bits for any number of threads and width of vectors.
void convolution_backward_data(const Convolution& shape, const float* dy, const float* w,
                               float* dx);

}  // namespace saddle::thin
