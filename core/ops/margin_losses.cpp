#include "kernels/elementwise.h"
#include "kernels/margin_losses.h"
#include "kernels/reductions.h"

#include "core/ops.h"

namespace saddle {
namespace {

void check(const char* op, const Var& logits, std::int64_t least_classes, const Tensor& labels) {
  const Shape& shape = logits.shape();
  require(shape.rank() == 2 && shape[1] >= least_classes, op, ": logits ", shape,
          " must be [N, classes] of at least ", least_classes,
          " classes. With fewer, use cross-entropy");
  require(labels.count() == shape[0], op, ": ", shape[0], " rows of logits, ", labels.count(),
          " labels or targets");
}

// Runs `make_kernel(losses, prediction, dlogits)` over the rows and records its gradient.
template <class MakeKernel>
RowLosses row_losses(Tape& tape, const Var& logits, const MakeKernel& make_kernel) {
  Device& device = logits.device();
  const std::int64_t rows = logits.shape()[0];
  const Tensor losses(device, {rows}), prediction(device, {rows}, DType::i32),
      dlogits(device, logits.shape()), loss(device, {1});
  launch(device, make_kernel(losses.array(), prediction.array<std::int32_t>(), dlogits.array()),
         rows);
  launch(device, SumAll{losses.array(), loss.array(), 1.f, 0.f}, 1);
  const Var result = tape.record(loss, {logits}, [=, &device](const Tensor& dloss) {
    const Tensor dx = logits.gradient_memory();
    launch(device, ScaleByScalar{dlogits.array(), dloss.array(), dx.array()}, dx.count());
    logits.add_gradient(dx);
  });
  return {result, losses, prediction};
}

}  // namespace

RowLosses dlr_loss(Tape& tape, const Var& logits, const Tensor& labels) {
  check("dlr_loss", logits, 3, labels);
  return row_losses(tape, logits, [&](auto losses, auto prediction, auto dlogits) {
    return DlrLoss{
        logits.value().array(), labels.array<std::int32_t>(), losses, prediction, dlogits,
        logits.shape()[1]};
  });
}

RowLosses targeted_dlr_loss(Tape& tape, const Var& logits, const Tensor& labels,
                            const Tensor& targets) {
  check("targeted_dlr_loss", logits, 4, labels);
  check("targeted_dlr_loss", logits, 4, targets);
  return row_losses(tape, logits, [&](auto losses, auto prediction, auto dlogits) {
    return TargetedDlrLoss{logits.value().array(),
                           labels.array<std::int32_t>(),
                           targets.array<std::int32_t>(),
                           losses,
                           prediction,
                           dlogits,
                           logits.shape()[1]};
  });
}

RowLosses targeted_cross_entropy_loss(Tape& tape, const Var& logits, const Tensor& targets) {
  check("targeted_cross_entropy_loss", logits, 1, targets);
  return row_losses(tape, logits, [&](auto losses, auto prediction, auto dlogits) {
    return TargetedCrossEntropyLoss{
        logits.value().array(), targets.array<std::int32_t>(), losses, prediction, dlogits,
        logits.shape()[1]};
  });
}

}  // namespace saddle
