// The hand-written convolutions for 8 lanes.
#include "core/thin_lanes.h"
#include "core/vector_code.h"
#include "core/winograd_lanes.h"

namespace saddle {

template <>
const VectorCode& vector_code<8>() {
  using Winograd = winograd::Tiles<8>;
  static constexpr VectorCode kCode = {&Winograd::forward, &Winograd::backward_data,
                                       &Winograd::backward_weights,
                                       &thin::ThinImages<8>::backward_data};
  return kCode;
}

}  // namespace saddle
