#include "core/winograd.h"

#include <algorithm>
#include <numeric>

#include "core/convolution_3x3.h"

namespace saddle::winograd {
namespace {

const VectorCode& code_for(const Convolution& shape) {
  return vector_code_for(std::gcd(shape.in_channels, shape.out_channels));
}

}  // namespace

bool can_take(const Convolution& shape) {
  return is_plain_3x3(shape) && shape.in_channels % 8 == 0 && shape.out_channels % 8 == 0;
}

// Below 16 channels the transforms cost what the products save (measured with AVX2 and AVX-512).
bool applies(const Convolution& shape) {
  return can_take(shape) && std::min(shape.in_channels, shape.out_channels) >= 16;
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
