#include "apps/train/training_step.h"

#include <array>

#include "kernels/images.h"
#include "kernels/reductions.h"

namespace saddle {
namespace {

BatchNormMode batch_norm_mode(SamStatistics statistics, GradientAt at) {
  const bool update = statistics == SamStatistics::both ||
                      (statistics == SamStatistics::first && at == GradientAt::weights);
  return update ? BatchNormMode::update : BatchNormMode::batch_only;
}

// The batch's images after PGD ascent on the loss at the current weights.
Tensor adversarial_images(const Classifier& model, const Parameters& weights,
                          const AttackBatch& batch, const StepOptions& options, std::uint64_t seed,
                          const Tensor& number) {
  const BatchNormMode mode = options.attack_batch_norm;
  LogitsFunction logits = [&](Tape& tape, const Var& pixels) {
    return model.logits({tape, weights, {}, model.statistics, mode, model.precision}, pixels);
  };
  if (mode == BatchNormMode::frozen) logits = model.evaluation();
  return pgd(logits, batch, *options.adversarial, seed, number);
}

}  // namespace

void step_on_batch(const Classifier& model, Minimiser& minimiser, const Parameters& weights,
                   const AttackBatch& batch, const StepOptions& options, std::uint64_t seed,
                   const Tensor& number, const Tensor& sums) {
  const Tensor images = options.adversarial
                            ? adversarial_images(model, weights, batch, options, seed, number)
                            : batch.images;
  minimiser.apply(weights, [&](const Parameters& w, const Tensor& g, GradientAt at) {
    Tape tape;
    const Pass pass{
        tape, w, g, model.statistics, batch_norm_mode(options.sam_statistics, at), model.precision};
    const Var pixels = tape.input(images, Gradient::none);
    const CrossEntropy loss =
        cross_entropy(tape, model.logits(pass, pixels), batch.labels, LossReduction::mean);
    if (at == GradientAt::weights) {
      Device& device = model.device();
      launch(device, SumAll{loss.loss.value().array(), sums.slice(0, {1}).array(), 1, 0}, 1);
      launch(device, SumAll{loss.correct.array(), sums.slice(1, {1}).array(), 1, 0}, 1);
    }
    tape.backward(loss.loss);
  });
}

BatchSums PendingSums::wait() {
  std::array<float, 2> sums;
  readback_->wait(sums.data());
  return {sums[0], sums[1]};
}

struct TrainingStep::Captured {
  Tensor indices;  // i32 [N]
  Tensor sums;     // [2], a BatchSums
  Replay work;
};

TrainingStep::TrainingStep(Classifier& model, Minimiser& minimiser, const DeviceDataset& data,
                           const Augmentation& augmentation, const StepOptions& options,
                           std::uint64_t seed)
    : model_(model),
      minimiser_(minimiser),
      data_(data),
      augmentation_(augmentation),
      options_(options),
      seed_(seed),
      weights_(with_precision(model.weights, model.precision)),
      order_(model.device(), {data.size()}, DType::i32),
      numbers_(model.device(), {3}, DType::i32),
      first_(numbers_.slice(0, {1})),
      epoch_number_(numbers_.slice(1, {1})),
      number_(numbers_.slice(2, {1})) {
  if (options.adversarial) check(*options.adversarial);
}

void TrainingStep::begin_epoch(const std::vector<std::int32_t>& order, std::uint32_t epoch) {
  require(static_cast<std::int64_t>(order.size()) == data_.size(), "training: an order of ",
          order.size(), " examples for a data set of ", data_.size());
  order_.copy_from_host(order.data());
  epoch_ = epoch;
}

PendingSums TrainingStep::operator()(std::int64_t first, std::int64_t count, double lr,
                                     std::uint32_t number) {
  require(first >= 0 && count > 0 && first + count <= data_.size(), "training: examples ", first,
          " to ", first + count, " leave the ", data_.size(), " there are");
  Device& device = model_.device();
  std::shared_ptr<Captured>& at = captured_[count];
  if (!at) {
    at = std::make_shared<Captured>(
        Captured{Tensor(device, {count}, DType::i32), Tensor(device, {2}), {}});
  }
  const std::array<std::int32_t, 3> numbers = {static_cast<std::int32_t>(first),
                                               static_cast<std::int32_t>(epoch_),
                                               static_cast<std::int32_t>(number)};
  numbers_.copy_from_host(numbers.data());
  minimiser_.prepare(lr);
  at->work(device, [&] { work(*at); });

  model_.batches_tracked += minimiser_.gradients_per_step();
  if (options_.adversarial && options_.attack_batch_norm != BatchNormMode::frozen) {
    model_.batches_tracked += options_.adversarial->steps;
  }
  return PendingSums(device.read_back(at->sums.data<float>(), at->sums.bytes()));
}

void TrainingStep::work(const Captured& at) {
  launch(data_.device(),
         NextExamples{order_.array<std::int32_t>(), first_.array<std::int32_t>(),
                      at.indices.array<std::int32_t>()},
         at.indices.count());
  const AttackBatch batch = data_.batch(at.indices, augmentation_, seed_, epoch_number_);
  step_on_batch(model_, minimiser_, weights_, batch, options_, seed_, number_, at.sums);
}

}  // namespace saddle
