// Convolution and matrix product on the CPU by oneDNN 3; the only place that knows the library.
//
// Images are NHWC, weights [out, kernel, kernel, in]. A primitive is made once per shape and kept;
// oneDNN may want the weights in an order of its own, into which they are copied at each call.
#pragma once

#include <string>

#include "core/device.h"

namespace saddle::onednn {

void gemm(const Gemm& shape, const float* a, const float* b, float* c);
void convolution_forward(const Convolution& shape, const float* x, const float* w,
                         const float* residual, float* y);
void convolution_backward_data(const Convolution& shape, const float* dy, const float* w,
                               float* dx);
void convolution_backward_weights(const Convolution& shape, const float* x, const float* dy,
                                  float* dw);

// "3.2.0"
std::string version();

}  // namespace saddle::onednn
