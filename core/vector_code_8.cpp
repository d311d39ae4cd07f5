// The hand-written convolutions and products for 8 lanes.
#include "core/small_product_lanes.h"
#include "core/thin_lanes.h"
#include "core/vector_code.h"
#include "core/winograd_lanes.h"

namespace saddle {

template <>
const VectorCode& vector_code<8>() {
  using Winograd = winograd::Tiles<8>;
  static constexpr VectorCode kCode = {&Winograd::forward,
                                       &Winograd::backward_data,
                                       &Winograd::backward_weights,
                                       &thin::ThinImages<8>::backward_data,
                                       &small_product::Products<8>::multiply,
                                       &small_product::Products<8>::transpose};
  return kCode;
}

}  // namespace saddle
