#include "core/thin_convolution.h"

#include "core/convolution_3x3.h"

namespace saddle::thin {

bool applies(const Convolution& shape) { return is_plain_3x3(shape) && shape.in_channels <= 4; }

void convolution_backward_data(const Convolution& shape, const float* dy, const float* w,
                               float* dx) {
  vector_code_for(vector_lanes()).thin_backward_data(extents_of(shape), dy, w, dx);
}

}  // namespace saddle::thin
