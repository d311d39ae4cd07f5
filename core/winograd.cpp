#include "core/winograd.h"

#include <algorithm>
#include <numeric>

namespace saddle::winograd {
namespace {

const VectorCode& code_for(const Convolution& shape) {
  return vector_code_for(std::gcd(shape.in_channels, shape.out_channels));
}

Convolution3x3 extents_of(const Convolution& shape) {
  return {shape.batch, shape.height, shape.width, shape.in_channels, shape.out_channels};
}

}  // namespace

// Below 16 channels the transforms cost what the products save (measured with AVX2 and AVX-512).
bool applies(const Convolution& shape) {
  return shape.kernel == 3 && shape.stride == 1 && shape.padding == 1 && shape.dilation == 1 &&
         shape.in_channels % 8 == 0 && shape.out_channels % 8 == 0 &&
         std::min(shape.in_channels, shape.out_channels) >= 16;
}

void convolution_forward(const Convolution& shape, const float* x, const float* w,
                         const Finish& finish, float* y) {
  code_for(shape).winograd_forward(extents_of(shape), x, w, finish, y);
}

void convolution_backward_data(const Convolution& shape, const float* dy, const float* w,
                               float* dx) {
  code_for(shape).winograd_backward_data(extents_of(shape), dy, w, dx);
}

void convolution_backward_weights(const Convolution& shape, const float* x, const float* dy,
                                  float* dw) {
  code_for(shape).winograd_backward_weights(extents_of(shape), x, dy, dw);
}

}  // namespace saddle::winograd
