#include "core/thin_convolution.h"

#include "core/vector_code.h"

namespace saddle::thin {

bool applies(const Convolution& shape) {
  return shape.kernel == 3 && shape.stride == 1 && shape.padding == 1 && shape.dilation == 1 &&
         shape.in_channels <= 4;
}

void convolution_backward_data(const Convolution& shape, const float* dy, const float* w,
                               float* dx) {
  vector_code_for(vector_lanes())
      .thin_backward_data(
          {shape.batch, shape.height, shape.width, shape.in_channels, shape.out_channels}, dy, w,
          dx);
}

}  // namespace saddle::thin
