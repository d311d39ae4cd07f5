#include "core/ops.h"
#include "kernels/elementwise.h"
#include "kernels/loss.h"
#include "kernels/reductions.h"

namespace saddle {

LossValue cross_entropy(Tape& tape, const Var& logits, const Tensor& labels,
                        LossReduction reduction, float smoothing, const MixedTargets& mixed) {
  const Shape& shape = logits.shape();
  require(shape.rank() == 2 && shape[1] > 0, "cross_entropy: logits ", shape,
          " must be [N, classes]");
  require(labels.count() == shape[0], "cross_entropy: ", shape[0], " rows of logits, ",
          labels.count(), " labels");
  require(!mixed.other || (mixed.other.count() == shape[0] && mixed.share.count() == shape[0]),
          "cross_entropy: ", shape[0], " rows of logits need as many second labels and shares");
  const auto other = mixed.other ? mixed.other.array<std::int32_t>() : Array<std::int32_t>{};
  const auto share = mixed.other ? mixed.share.array() : Array<float>{};
  Device& device = logits.device();
  const std::int64_t batch = shape[0], classes = shape[1];
  const float scale = reduction == LossReduction::mean ? 1.f / static_cast<float>(batch) : 1.f;
  const Tensor losses(device, {batch}), right(device, {batch}), dlogits(device, shape),
      loss(device, {1});
  launch(
      device,
      SoftmaxCrossEntropy{logits.value().array(), labels.array<std::int32_t>(), losses.array(),
                          right.array(), dlogits.array(), classes, scale, smoothing, other, share},
      batch);
  launch(device, SumAll{losses.array(), loss.array(), scale, 0.f}, 1);
  const Var result = tape.record(loss, {logits}, [=, &device](const Tensor& dloss) {
    const Tensor dx = logits.gradient_memory();
    launch(device, ScaleByScalar{dlogits.array(), dloss.array(), dx.array()}, dx.count());
    logits.add_gradient(dx);
  });
  return {result, losses, right};
}

Tensor predict(const Tensor& logits) {
  require(logits.shape().rank() == 2 && logits.shape()[1] > 0, "predict: logits ", logits.shape(),
          " must be [N, classes]");
  Device& device = logits.device();
  const Tensor prediction(device, {logits.shape()[0]}, DType::i32);
  launch(device, Predict{logits.array(), prediction.array<std::int32_t>(), logits.shape()[1]},
         logits.shape()[0]);
  return prediction;
}

}  // namespace saddle
