#include "core/attack_ops.h"
#include "kernels/logit_difference.h"
#include "kernels/reductions.h"

namespace saddle {

LogitDifferences logit_difference(Tape& tape, const Var& logits, const Tensor& plus,
                                  const Tensor& minus, const Tensor& weights) {
  const Shape& shape = logits.shape();
  require(shape.rank() == 2 && shape[1] > 0, "logit_difference: logits ", shape,
          " must be [N, classes]");
  const std::int64_t rows = shape[0], classes = shape[1];
  require(plus.count() == rows && minus.count() == rows, "logit_difference: ", rows,
          " rows of logits, ", plus.count(), " and ", minus.count(), " classes");
  require(!weights || weights.count() == rows, "logit_difference: ", rows, " rows of logits, ",
          weights.count(), " weights");
  Device& device = logits.device();
  const Tensor differences(device, {rows}), terms(device, {rows}), sum(device, {1});
  const Array<const float> weight = weights ? weights.array() : Array<float>();
  launch(device,
         LogitDifference{logits.value().array(), plus.array<std::int32_t>(),
                         minus.array<std::int32_t>(), weight, differences.array(), terms.array(),
                         classes},
         rows);
  launch(device, SumAll{terms.array(), sum.array(), 1.f, 0.f}, 1);
  const Var result = tape.record(sum, {logits}, [=, &device](const Tensor& dsum) {
    const Tensor dlogits = logits.gradient_memory();
    const Array<const float> scale = weights ? weights.array() : Array<float>();
    launch(device,
           LogitDifferenceBackward{plus.array<std::int32_t>(), minus.array<std::int32_t>(), scale,
                                   dsum.array(), dlogits.array(), classes},
           rows, classes);
    logits.add_gradient(dlogits);
  });
  return {result, differences};
}

}  // namespace saddle
