#include "optim/moving_average.h"

#include "kernels/weight_buffers.h"

namespace saddle {

void follow(const Tensor& average, const Tensor& value, float decay) {
  require(average.shape() == value.shape(), "moving average: of shape ", average.shape(),
          " cannot follow ", value.shape());
  launch(value.device(), MovingAverage{value.array(), average.array(), decay}, value.count());
}

}  // namespace saddle
