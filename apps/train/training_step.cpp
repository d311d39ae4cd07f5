#include "apps/train/training_step.h"

namespace saddle {
namespace {

BatchNormMode batch_norm_mode(SamStatistics statistics, GradientAt at) {
  const bool update = statistics == SamStatistics::both ||
                      (statistics == SamStatistics::first && at == GradientAt::weights);
  return update ? BatchNormMode::update : BatchNormMode::batch_only;
}

// The batch's images after PGD ascent on the loss at the current weights.
Tensor adversarial_images(Classifier& model, const AttackBatch& batch, const StepOptions& options,
                          std::uint64_t seed, std::uint32_t number) {
  const BatchNormMode mode = options.attack_batch_norm;
  if (mode != BatchNormMode::frozen) model.batches_tracked += options.adversarial->steps;
  const LogitsFunction logits = [&](Tape& tape, const Var& pixels) {
    return model.logits({tape, model.weights, {}, model.statistics, mode}, pixels);
  };
  return pgd(logits, batch, *options.adversarial, seed, number);
}

}  // namespace

BatchResult training_step(Classifier& model, Minimiser& minimiser, const AttackBatch& batch,
                          const StepOptions& options, double lr, std::uint64_t seed,
                          std::uint32_t number) {
  const Tensor images =
      options.adversarial ? adversarial_images(model, batch, options, seed, number) : batch.images;
  BatchResult result;
  minimiser.step(model.weights, lr, [&](const Tensor& w, const Tensor& g, GradientAt at) {
    Tape tape;
    const Pass pass{tape, w, g, model.statistics, batch_norm_mode(options.sam_statistics, at)};
    const Var pixels = tape.input(images, Gradient::none);
    const CrossEntropy loss =
        cross_entropy(tape, model.logits(pass, pixels), batch.labels, LossReduction::mean);
    ++model.batches_tracked;
    if (at == GradientAt::weights) result = {loss.loss.value(), loss.correct};
    tape.backward(loss.loss);
  });
  return result;
}

}  // namespace saddle
