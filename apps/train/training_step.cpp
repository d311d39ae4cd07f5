#include "apps/train/training_step.h"

#include <array>

#include "attacks/rows.h"
#include "kernels/images.h"
#include "kernels/pgd.h"
#include "kernels/reductions.h"
#include "kernels/weight_buffers.h"

namespace saddle {
namespace {

// What the forwards of one step draw from, each anew.
class Draws {
 public:
  Draws(const StepOptions& options, std::uint64_t seed, const Tensor& number)
      : drop_path_(options.drop_path), seed_(seed), number_(number) {}
  std::optional<PassRandom> next(const Tensor& examples) {
    if (drop_path_ == 0) return {};
    return PassRandom{seed_, number_, examples, pass_++, drop_path_};
  }

 private:
  float drop_path_;
  std::uint64_t seed_;
  Tensor number_;
  std::uint32_t pass_ = 0;
};

BatchNormMode batch_norm_mode(SamStatistics statistics, GradientAt at) {
  const bool at_weights = at == GradientAt::weights;
  const bool update = statistics == SamStatistics::both ||
                      (statistics == SamStatistics::first && at_weights) ||
                      (statistics == SamStatistics::second && !at_weights);
  return update ? BatchNormMode::update : BatchNormMode::batch_only;
}

// The batch's images after PGD ascent on the loss at the current weights.
Tensor adversarial_images(const Classifier& model, const Parameters& weights,
                          const AttackBatch& batch, const StepOptions& options, std::uint64_t seed,
                          const Tensor& number, Draws& draws) {
  const BatchNormMode mode = options.attack_batch_norm;
  LogitsFunction logits = [&](Tape& tape, const Var& pixels) {
    Pass pass{tape, weights, {}, model.statistics, mode, model.precision};
    pass.random = draws.next(batch.indices);
    return model.logits(pass, pixels);
  };
  if (mode == BatchNormMode::frozen) logits = model.evaluation();
  if (!options.trades_beta) return pgd(logits, batch, *options.adversarial, seed, number);
  // Where the natural logits are fixed, the divergence is all of the loss that delta moves.
  const Tensor natural = logits_of(logits, batch.images);
  const auto divergence = [&](Tape& tape, const Var& z) {
    return trades_loss(tape, tape.input(natural, Gradient::none), z, batch.labels, 1,
                       LossReduction::sum)
        .loss;
  };
  return pgd(logits, divergence, batch, *options.adversarial, seed, number);
}

// FreeAT: delta steps by alpha along the signs of g and back into the ball and the pixel range;
// returns x + delta. A step of 0 fits the delta of another batch to this one's images.
Tensor move_delta(const AttackBatch& batch, const Tensor& delta, float alpha, float eps,
                  const Tensor& g) {
  const Tensor images(batch.images.device(), batch.images.shape());
  launch(images.device(),
         PgdStepLinf{delta.array(), g.array(), batch.images.array(), images.array(), alpha, eps},
         images.count());
  return images;
}

Tensor attacked_images(const Classifier& model, const Parameters& weights, const AttackBatch& batch,
                       const StepOptions& options, std::uint64_t seed, const Tensor& number,
                       const Tensor& delta, Draws& draws) {
  if (options.free) return move_delta(batch, delta, 0, options.adversarial->eps, delta);
  if (!options.adversarial) return batch.images;
  return adversarial_images(model, weights, batch, options, seed, number, draws);
}

}  // namespace

void step_on_batch(const Classifier& model, Minimiser& minimiser, const Parameters& weights,
                   const AttackBatch& batch, const StepOptions& options, std::uint64_t seed,
                   const Tensor& number, const Tensor& sums, const Tensor& delta) {
  Draws draws(options, seed, number);
  const Tensor images = attacked_images(model, weights, batch, options, seed, number, delta, draws);
  struct Loss {
    CrossEntropy loss;
    Var pixels;  // of `images`
  };
  // Of all rows, or of some, at w, with the gradient where g is given.
  const auto loss_at = [&](Tape& tape, const Parameters& w, const Tensor& g,
                           const GradientRequest& request) -> Loss {
    const BatchNormMode mode = batch_norm_mode(options.sam_statistics, request.at);
    Pass pass{tape, w, g, model.statistics, mode, model.precision};
    const auto chosen = [&](const Tensor& all) {
      return request.rows ? select_rows(all, request.rows) : all;
    };
    const Tensor labels = chosen(batch.labels), examples = chosen(batch.indices);
    Var natural;
    if (options.trades_beta) {
      pass.random = draws.next(examples);
      natural = model.logits(pass, tape.input(chosen(batch.images), Gradient::none));
    }
    pass.random = draws.next(examples);
    const Var pixels = tape.input(chosen(images), options.free ? Gradient::wanted : Gradient::none);
    const Var logits = model.logits(pass, pixels);
    return {options.trades_beta
                ? trades_loss(tape, natural, logits, labels, *options.trades_beta,
                              LossReduction::mean, options.label_smoothing)
                : cross_entropy(tape, logits, labels, LossReduction::mean, options.label_smoothing),
            pixels};
  };
  const auto gradient = [&](const Parameters& w, const Tensor& g, const GradientRequest& request) {
    Tape tape;
    const auto [loss, pixels] = loss_at(tape, w, g, request);
    if (request.at == GradientAt::weights) {
      Device& device = model.device();
      launch(device, SumAll{loss.loss.value().array(), sums.slice(0, {1}).array(), 1, 0}, 1);
      launch(device, SumAll{loss.correct.array(), sums.slice(1, {1}).array(), 1, 0}, 1);
    }
    if (request.losses) Tensor(request.losses).copy_from(loss.losses);
    tape.backward(loss.loss);
    if (options.free) {
      const float eps = options.adversarial->eps;
      move_delta(batch, delta, eps, eps, pixels.gradient());
    }
  };
  const auto losses = [&](const Parameters& w, const Tensor& to) {
    Tape tape;
    Tensor(to).copy_from(loss_at(tape, w, {}, {GradientAt::perturbed_weights}).loss.losses);
  };
  minimiser.apply(weights, {gradient, losses, batch.labels.count()});
}

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
        Captured{Tensor(device, {count}, DType::i32), Tensor(device, {2}), {}});
  }
  const std::array<std::int32_t, 3> numbers = {static_cast<std::int32_t>(first),
                                               static_cast<std::int32_t>(epoch_),
                                               static_cast<std::int32_t>(number)};
  numbers_.copy_from_host(numbers.data());
  at->work(device, [&] { work(*at); });

  // TRADES looks at both images in each pass, and at the natural ones before it attacks.
  const bool two_images = options_.trades_beta.has_value();
  model_.batches_tracked += minimiser_.forwards() * (two_images ? 2 : 1);
  if (options_.adversarial && !options_.free &&
      options_.attack_batch_norm != BatchNormMode::frozen) {
    model_.batches_tracked += options_.adversarial->steps + (two_images ? 1 : 0);
  }
  if (averaged_) averaged_->batches_tracked = model_.batches_tracked;
  return PendingSums(device.read_back(at->sums.data<float>(), at->sums.bytes()));
}

void TrainingStep::work(const Captured& at) {
  launch(data_.device(),
         NextExamples{order_.array<std::int32_t>(), first_.array<std::int32_t>(),
                      at.indices.array<std::int32_t>()},
         at.indices.count());
  const AttackBatch batch = data_.batch(at.indices, augmentation_, seed_, epoch_number_);
  const Tensor delta = delta_ ? delta_.slice(0, batch.images.shape()) : Tensor();
  step_on_batch(model_, minimiser_, weights_, batch, options_, seed_, number_, at.sums, delta);
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
