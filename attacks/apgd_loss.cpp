#include "attacks/apgd_loss.h"

#include "core/attack_ops.h"
#include "core/ops.h"
#include "kernels/l1_projection.h"

namespace saddle {

bool is_targeted(ApgdLoss loss) {
  return loss == ApgdLoss::targeted_dlr || loss == ApgdLoss::targeted_ce;
}

namespace {

LossValue aimed_cross_entropy(Tape& tape, const Var& logits, const Tensor& aims) {
  LossValue value = targeted_cross_entropy_loss(tape, logits, aims, aims);
  const Tensor reached = value.right;
  Device& device = reached.device();
  value.right = Tensor(device, reached.shape());
  launch(device,
         Difference{reached.array(), Tensor::filled(device, reached.shape(), 1.f).array(),
                    value.right.array()},
         reached.count());
  return value;
}

}  // namespace

Loss apgd_loss(ApgdLoss name) {
  return [name](Tape& tape, const LogitsFunction& f, const Var& x, const Batch& batch,
                LossReduction reduction) {
    const Var logits = f(tape, x);
    switch (name) {
      case ApgdLoss::dlr: return dlr_loss(tape, logits, batch.targets);
      case ApgdLoss::targeted_dlr:
        return targeted_dlr_loss(tape, logits, batch.targets, batch.aims);
      case ApgdLoss::targeted_ce:
        return targeted_cross_entropy_loss(tape, logits, batch.targets, batch.aims);
      case ApgdLoss::ce: break;
    }
    if (batch.aims) return aimed_cross_entropy(tape, logits, batch.aims);
    return cross_entropy(tape, logits, batch.targets, reduction);
  };
}

}  // namespace saddle
