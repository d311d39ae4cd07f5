// The weight gradient of a convolution whose taps lie so far apart that most of them stand in the
// padding most of the time: DeepLab's larger rates.
//
// A library multiplies the zeros of the padding too. Here each tap is a matrix product over those
// output pixels alone at which it reads a pixel of the image.
#pragma once

#include "core/device.h"

namespace saddle::sparse_taps {

// Stride 1, dilation above 1, 32 channels and more, and at least four ninths of what the taps read
// is padding.
bool applies(const Convolution& shape);

// As Device's function of this name.
void convolution_backward_weights(const Convolution& shape, const float* x, const float* dy,
                                  float* dw);

}  // namespace saddle::sparse_taps
