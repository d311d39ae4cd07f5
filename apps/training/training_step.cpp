#include "apps/training/training_step.h"

#include <array>

#include "kernels/rows.h"
#include "optim/moving_average.h"

namespace saddle {

BatchSums PendingSums::wait() {
  std::array<float, 3> sums;
  readback_->wait(sums.data());
  return {sums[0], sums[1], sums[2]};
}

AveragedModel::AveragedModel(const Model& trained, float decay_) : model(trained), decay(decay_) {
  model.weights = trained.weights.clone();
  model.statistics = trained.statistics.clone();
}

struct TrainingStep::Captured {
  Tensor indices;  // i32 [N]
  Tensor sums;     // [3], a BatchSums
  Replay work;
  int forwards = 0;  // as step_on_batch counts them
};

TrainingStep::TrainingStep(Model& model, Minimiser& minimiser, const Task& task,
                           const StepOptions& options, AveragedModel* averaged)
    : model_(model),
      minimiser_(minimiser),
      task_(task),
      options_(options),
      averaged_(averaged),
      weights_(with_precision(model.weights, model.precision)),
      order_(model.device(), {task.examples}, DType::i32),
      numbers_(model.device(), {3}, DType::i32),
      first_(numbers_.slice(0, {1})),
      epoch_number_(numbers_.slice(1, {1})),
      number_(numbers_.slice(2, {1})) {}

void TrainingStep::begin_epoch(const std::vector<std::int32_t>& order, std::uint32_t epoch) {
  require(static_cast<std::int64_t>(order.size()) == task_.examples, "training: an order of ",
          order.size(), " examples for a data set of ", task_.examples);
  order_on_host_ = order;
  order_.copy_from_host(order.data());
  epoch_ = epoch;
  minimiser_.begin_epoch(epoch, task_.examples, [this](std::int64_t example, const Tensor& g) {
    example_gradient(example, g);
  });
}

std::int64_t TrainingStep::prepare_batch(std::span<const std::int32_t> indices,
                                         std::uint32_t number) {
  return task_.prepare ? task_.prepare({indices, epoch_, number}) : 0;
}

void TrainingStep::example_gradient(std::int64_t example, const Tensor& g) {
  const std::array<std::int32_t, 3> numbers = {static_cast<std::int32_t>(example),
                                               static_cast<std::int32_t>(epoch_), 0};
  numbers_.copy_from_host(numbers.data());
  prepare_batch(std::span(order_on_host_).subspan(static_cast<std::size_t>(example), 1), 0);
  const Tensor index(model_.device(), {1}, DType::i32);
  launch(model_.device(),
         NextExamples{order_.array<std::int32_t>(), first_.array<std::int32_t>(),
                      index.array<std::int32_t>()},
         1);
  const Batch batch = task_.batch(index, epoch_number_);
  const LogitsFunction f = [&](Tape& tape, const Var& x) {
    return model_.logits(
        {tape, weights_, g, model_.statistics, BatchNormMode::frozen, model_.precision}, x);
  };
  Tape tape;
  const Var x = tape.input(batch.inputs, Gradient::none);
  tape.backward(task_.likelihood(tape, f, x, batch, LossReduction::mean).loss);
}

PendingSums TrainingStep::operator()(std::int64_t first, std::int64_t count, double lr,
                                     std::uint32_t number) {
  require(first >= 0 && count > 0 && first + count <= task_.examples, "training: examples ", first,
          " to ", first + count, " leave the ", task_.examples, " there are");
  Device& device = model_.device();
  minimiser_.prepare(lr);
  const std::int64_t shape =
      prepare_batch(std::span(order_on_host_)
                        .subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count)),
                    number);
  std::shared_ptr<Captured>& at = captured_[{count, shape, minimiser_.phase()}];
  if (!at) {
    at = std::make_shared<Captured>(
        Captured{Tensor(device, {count}, DType::i32), Tensor(device, {3}), {}, 0});
  }
  const std::array<std::int32_t, 3> numbers = {static_cast<std::int32_t>(first),
                                               static_cast<std::int32_t>(epoch_),
                                               static_cast<std::int32_t>(number)};
  numbers_.copy_from_host(numbers.data());
  at->work(device, [&] { work(*at); });

  model_.batches_tracked += at->forwards;
  if (averaged_) averaged_->model.batches_tracked = model_.batches_tracked;
  return PendingSums(device.read_back(at->sums.data<float>(), at->sums.bytes()));
}

void TrainingStep::work(Captured& at) {
  launch(model_.device(),
         NextExamples{order_.array<std::int32_t>(), first_.array<std::int32_t>(),
                      at.indices.array<std::int32_t>()},
         at.indices.count());
  Batch batch = task_.batch(at.indices, epoch_number_);
  if (task_.mix) task_.mix(batch);
  at.forwards =
      step_on_batch(model_, task_, minimiser_, weights_, batch, number_, options_, at.sums);
  if (!averaged_) return;
  follow(averaged_->model.weights, model_.weights, averaged_->decay);
  follow(averaged_->model.statistics, model_.statistics, averaged_->decay);
}

}  // namespace saddle
