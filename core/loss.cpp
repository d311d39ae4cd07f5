#include "core/loss.h"

#include "core/ops.h"

namespace saddle {

Loss cross_entropy_loss(float smoothing) {
  return [smoothing](Tape& tape, const LogitsFunction& f, const Var& x, const Batch& batch,
                     LossReduction reduction) {
    return cross_entropy(tape, f(tape, x), batch.targets, reduction, smoothing, batch.mixed);
  };
}

Loss trades_loss(float beta, float smoothing) {
  return [beta, smoothing](Tape& tape, const LogitsFunction& f, const Var& x, const Batch& batch,
                           LossReduction reduction) {
    const Var natural = f(tape, tape.input(batch.inputs, Gradient::none));
    return trades(tape, natural, f(tape, x), batch.targets, beta, reduction, smoothing);
  };
}

Loss divergence_from(const Tensor& natural) {
  return [natural](Tape& tape, const LogitsFunction& f, const Var& x, const Batch& batch,
                   LossReduction reduction) {
    // Where the natural logits are fixed, the divergence is all of the loss that x moves.
    return trades(tape, tape.input(natural, Gradient::none), f(tape, x), batch.targets, 1,
                  reduction);
  };
}

Tensor input_gradient(const Loss& loss, const LogitsFunction& f, const Tensor& inputs,
                      const Batch& batch) {
  Tape tape;
  const Var x = tape.input(inputs, Gradient::wanted);
  tape.backward(loss(tape, f, x, batch, LossReduction::sum).loss);
  require(static_cast<bool>(x.gradient()), "loss: the model's logits do not depend on its input");
  return x.gradient();
}

}  // namespace saddle
