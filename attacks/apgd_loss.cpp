#include "attacks/apgd_loss.h"

#include "core/attack_ops.h"
#include "core/ops.h"

namespace saddle {

bool is_targeted(ApgdLoss loss) {
  return loss == ApgdLoss::targeted_dlr || loss == ApgdLoss::targeted_ce;
}

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
    return cross_entropy(tape, logits, batch.targets, reduction);
  };
}

}  // namespace saddle
