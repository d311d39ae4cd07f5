#include "attacks/fewest_right_rows.h"

#include <limits>

#include "kernels/elementwise.h"
#include "kernels/fewest_right.h"

namespace saddle {

FewestRightRows::FewestRightRows(const Tensor& first)
    : answer_(first.clone()),
      fewest_(Tensor::filled(first.device(), {first.shape()[0]},
                             std::numeric_limits<float>::infinity())),
      found_(first.device(), {first.shape()[0]}) {}

void FewestRightRows::see(const Tensor& iterate, const LossValue& value) const {
  Device& device = iterate.device();
  const std::int64_t rows = fewest_.count();
  launch(device,
         FewestRight{value.losses.array(), value.right.array(), fewest_.array(), found_.array()},
         rows);
  launch(device,
         KeepFound{found_.array(), iterate.array(), answer_.array(), iterate.count() / rows}, rows,
         iterate.count() / rows);
}

}  // namespace saddle
