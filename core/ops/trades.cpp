#include "kernels/trades.h"

#include "core/ops.h"
#include "kernels/elementwise.h"
#include "kernels/reductions.h"

namespace saddle {

LossValue trades(Tape& tape, const Var& natural, const Var& adversarial, const Tensor& labels,
                 float beta, LossReduction reduction, float smoothing) {
  const Shape& shape = natural.shape();
  require(shape.rank() == 2 && shape[1] > 0 && adversarial.shape() == shape,
          "trades: natural logits ", shape, " and adversarial ones ", adversarial.shape(),
          " must both be [N, classes]");
  require(labels.count() == shape[0], "trades: ", shape[0], " rows of logits, ", labels.count(),
          " labels");
  Device& device = natural.device();
  const std::int64_t batch = shape[0];
  const float scale = reduction == LossReduction::mean ? 1.f / static_cast<float>(batch) : 1.f;
  const Tensor losses(device, {batch}), right(device, {batch}), dnatural(device, shape),
      dadversarial(device, shape), loss(device, {1});
  launch(device,
         TradesLoss{natural.value().array(), adversarial.value().array(),
                    labels.array<std::int32_t>(), losses.array(), right.array(), dnatural.array(),
                    dadversarial.array(), shape[1], beta, scale, smoothing},
         batch);
  launch(device, SumAll{losses.array(), loss.array(), scale, 0.f}, 1);
  const Var result = tape.record(loss, {natural, adversarial}, [=, &device](const Tensor& dloss) {
    const auto send = [&](const Var& logits, const Tensor& gradient) {
      if (!logits.wants_gradient()) return;
      const Tensor dx = logits.gradient_memory();
      launch(device, ScaleByScalar{gradient.array(), dloss.array(), dx.array()}, dx.count());
      logits.add_gradient(dx);
    };
    send(natural, dnatural);
    send(adversarial, dadversarial);
  });
  return {result, losses, right};
}

}  // namespace saddle
