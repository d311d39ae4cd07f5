// The convolutions that the CPU's hand-written code takes, in its terms.
#pragma once

#include "core/device.h"
#include "core/vector_code.h"

namespace saddle {

// 3x3, stride 1, padding 1, no dilation.
inline bool is_plain_3x3(const Convolution& shape) {
  return shape.kernel == 3 && shape.stride == 1 && shape.padding == 1 && shape.dilation == 1;
}

inline Convolution3x3 extents_of(const Convolution& shape) {
  return {shape.batch,       shape.height,       shape.width,
          shape.in_channels, shape.out_channels, shape.dilation};
}

}  // namespace saddle
