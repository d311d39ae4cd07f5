#include "apps/train/training_step.h"

#include <array>

#include "kernels/images.h"
#include "kernels/weight_buffers.h"

namespace saddle {
std::vector<NamedState> KeptState::tensors() const {
  std::vector<NamedState> all;
  if (averaged) {
    all.push_back({"averaged.weights", averaged->weights});
    all.push_back({"averaged.statistics", averaged->statistics});
  }
  if (delta) all.push_back({"delta", delta});
  return all;
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
  int forwards = 0;  // as step_on_batch counts them
};

TrainingStep::TrainingStep(Classifier& model, Minimiser& minimiser, const DeviceDataset& data,
                           const Augmentation& augmentation, const StepOptions& options,
                           std::uint64_t seed, const KeptState& kept)
    : model_(model),
      minimiser_(minimiser),
      data_(data),
      augmentation_(augmentation),
      options_(options),
      seed_(seed),
      averaged_(kept.averaged.get()),
      delta_(kept.delta),
      weights_(with_precision(model.weights, model.precision)),
      order_(model.device(), {data.size()}, DType::i32),
      numbers_(model.device(), {3}, DType::i32),
      first_(numbers_.slice(0, {1})),
      epoch_number_(numbers_.slice(1, {1})),
      number_(numbers_.slice(2, {1})) {
  if (options.adversarial) check(*options.adversarial);
  if (options.mixup > 0 || options.cutmix > 0) mix_ = DeviceMix(model.device());
  require(!options.free || delta_, "training: FreeAT needs a delta that is kept");
}

void TrainingStep::begin_epoch(const std::vector<std::int32_t>& order, std::uint32_t epoch) {
  require(static_cast<std::int64_t>(order.size()) == data_.size(), "training: an order of ",
          order.size(), " examples for a data set of ", data_.size());
  order_.copy_from_host(order.data());
  epoch_ = epoch;
  minimiser_.begin_epoch(epoch, data_.size(), [this](std::int64_t example, const Tensor& g) {
    example_gradient(example, g);
  });
}

void TrainingStep::example_gradient(std::int64_t example, const Tensor& g) {
  const std::array<std::int32_t, 3> numbers = {static_cast<std::int32_t>(example),
                                               static_cast<std::int32_t>(epoch_), 0};
  numbers_.copy_from_host(numbers.data());
  const Tensor index(model_.device(), {1}, DType::i32);
  launch(model_.device(),
         NextExamples{order_.array<std::int32_t>(), first_.array<std::int32_t>(),
                      index.array<std::int32_t>()},
         1);
  const AttackBatch batch = data_.batch(index, augmentation_, seed_, epoch_number_);
  Tape tape;
  const Pass pass{tape, weights_, g, model_.statistics, BatchNormMode::frozen, model_.precision};
  const Var pixels = tape.input(batch.images, Gradient::none);
  tape.backward(
      cross_entropy(tape, model_.logits(pass, pixels), batch.labels, LossReduction::mean).loss);
}

PendingSums TrainingStep::operator()(std::int64_t first, std::int64_t count, double lr,
                                     std::uint32_t number) {
  require(first >= 0 && count > 0 && first + count <= data_.size(), "training: examples ", first,
          " to ", first + count, " leave the ", data_.size(), " there are");
  Device& device = model_.device();
  minimiser_.prepare(lr);
  std::shared_ptr<Captured>& at = captured_[{count, minimiser_.phase()}];
  if (!at) {
    at = std::make_shared<Captured>(
        Captured{Tensor(device, {count}, DType::i32), Tensor(device, {2}), {}, 0});
  }
  const std::array<std::int32_t, 3> numbers = {static_cast<std::int32_t>(first),
                                               static_cast<std::int32_t>(epoch_),
                                               static_cast<std::int32_t>(number)};
  numbers_.copy_from_host(numbers.data());
  if (mix_) {
    const Shape shape = data_.image_shape();
    mix_.set(draw_mix(options_.mixup, options_.cutmix, shape[0], shape[1], seed_, number));
  }
  at->work(device, [&] { work(*at); });

  model_.batches_tracked += at->forwards;
  if (averaged_) averaged_->batches_tracked = model_.batches_tracked;
  return PendingSums(device.read_back(at->sums.data<float>(), at->sums.bytes()));
}

void TrainingStep::work(Captured& at) {
  launch(data_.device(),
         NextExamples{order_.array<std::int32_t>(), first_.array<std::int32_t>(),
                      at.indices.array<std::int32_t>()},
         at.indices.count());
  StepBatch batch{data_.batch(at.indices, augmentation_, seed_, epoch_number_), {}, number_, {}};
  if (mix_) batch.mixed = mix_.mix(batch.examples);
  if (delta_) batch.delta = delta_.slice(0, batch.examples.images.shape());
  at.forwards = step_on_batch(model_, minimiser_, weights_, batch, options_, seed_, at.sums);
  if (averaged_) {
    const auto follow = [&](const Tensor& average, const Tensor& value) {
      launch(model_.device(), MovingAverage{value.array(), average.array(), options_.ema_decay},
             value.count());
    };
    follow(averaged_->weights, model_.weights);
    follow(averaged_->statistics, model_.statistics);
  }
}

}  // namespace saddle
