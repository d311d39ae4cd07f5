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
  return shape.kernel == 3 && shape.stride == 1 && shape.padding == shape.dilation &&
         shape.in_channels % 8 == 0 && shape.out_channels % 8 == 0;
}

// Below 16 channels the transforms cost what the products save (measured with AVX2 and AVX-512).
// The tiles of a dilated convolution stick out by up to 3 dilation pixels; they are to have half
// the products of a direct sum at the most.
bool applies(const Convolution& shape) {
  if (!can_take(shape) || std::min(shape.in_channels, shape.out_channels) < 16) return false;
  const auto covered = [&](std::int64_t extent) {
    const std::int64_t tile = 4 * shape.dilation;
    return (extent + tile - 1) / tile * tile;
  };
  return shape.dilation == 1 ||
         covered(shape.height) * covered(shape.width) <= 2 * shape.height * shape.width;
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
