// The hand-written convolutions and products for 16 lanes.
#include "core/small_product_lanes.h"
#include "core/thin_lanes.h"
#include "core/vector_code.h"
#include "core/winograd_lanes.h"

namespace saddle {

template <>
const VectorCode& vector_code<16>() {
  using Winograd = winograd::Tiles<16>;
  static constexpr VectorCode kCode = {&Winograd::forward,
                                       &Winograd::backward_data,
                                       &Winograd::backward_weights,
                                       &thin::ThinImages<16>::backward_data,
                                       &small_product::Products<16>::multiply,
                                       &small_product::Products<16>::transpose};
  return kCode;
}

}  // namespace saddle
