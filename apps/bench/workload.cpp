#include "apps/bench/workload.h"

#include <memory>

#include "attacks/pixel_losses.h"
#include "core/ops.h"
#include "kernels/philox.h"

namespace saddle::bench {
namespace {

constexpr double kSamRho = 0.1;
const PgdOptions kAttack{Norm::linf, 8.f / 255, 2.f / 255, 10, Start::random};

ModelDescription describe(const BenchModel& bench) {
  const auto channels = static_cast<std::size_t>(bench.channels);
  ModelDescription description;
  description.network = {bench.name,   bench.width,       bench.channels,
                         bench.height, bench.input_width, bench.classes};
  description.mean.assign(channels, 0.5f);
  description.std.assign(channels, 0.25f);
  return description;
}

Dataset random_bytes(const BenchModel& bench, std::int64_t batch) {
  Dataset dataset{.name = "random",
                  .height = bench.height,
                  .width = bench.input_width,
                  .channels = bench.channels,
                  .classes = bench.classes,
                  .pixels = {},
                  .labels = {},
                  .mean = {},
                  .std = {},
                  .class_names = {}};
  const Stream stream{1, Purpose::initial_weights, 0};
  const std::int64_t values = bench.height * bench.input_width * bench.channels;
  for (std::int64_t image = 0; image < batch; ++image) {
    for (std::int64_t value = 0; value < values; ++value) {
      const Random4 bits =
          stream.bits(static_cast<std::uint32_t>(image), static_cast<std::uint32_t>(value));
      dataset.pixels.push_back(static_cast<std::uint8_t>(bits.v[0] >> 24));
    }
    dataset.labels.push_back(static_cast<std::int32_t>(image % bench.classes));
  }
  return dataset;
}

// A random class for each pixel.
Tensor random_labels(Device& device, const BenchModel& bench, std::int64_t batch) {
  std::vector<std::uint8_t> labels;
  const Stream stream{2, Purpose::initial_weights, 0};
  const auto classes = static_cast<std::uint32_t>(bench.classes);
  for (std::int64_t i = 0; i < batch * bench.height * bench.input_width; ++i) {
    const Random4 bits = stream.bits(0, static_cast<std::uint32_t>(i));
    labels.push_back(static_cast<std::uint8_t>(uniform_below(bits.v[0], classes)));
  }
  return Tensor::from_host(device, {batch, bench.height, bench.input_width}, labels);
}

Loss pixel_loss_of_training() {
  return [](Tape& tape, const LogitsFunction& f, const Var& x, const Batch& batch,
            LossReduction reduction) {
    return pixel_cross_entropy(tape, f(tape, x), batch.targets, reduction);
  };
}

}  // namespace

const std::vector<std::string>& bench_modes() {
  static const std::vector<std::string> modes = {"sgd", "sam", "at", "pgd"};
  return modes;
}

Workload::Workload(Device& device, const BenchModel& model, const std::string& mode,
                   std::int64_t batch, Precision precision)
    : model_(device, describe(model), 0, precision),
      minimiser_(Sgd(device, model_.network.layout.weights.size(), {}), device,
                 model_.network.layout.weights.size(),
                 mode == "sam" ? std::optional(kSamRho) : std::nullopt),
      data_(device, random_bytes(model, batch)),
      batch_(batch) {
  if (model.of_pixels()) pixel_labels_ = random_labels(device, model, batch);
  if (mode == "pgd") {
    logits_ = model_.evaluation();
    if (model.of_pixels()) {
      PgdClimb climb;
      climb.loss = pixel_loss("ce");
      attack_ = [this, climb](const Batch& of, std::uint32_t number) {
        return pgd(logits_, climb, of, kAttack, 0, number);
      };
    } else {
      const auto attack = std::make_shared<Pgd>(logits_, kAttack);
      attack_ = [attack](const Batch& of, std::uint32_t number) {
        return (*attack)(of, 0, number);
      };
    }
    return;
  }
  make_task(model, mode);
  StepOptions options;
  options.draws = model.of_pixels();
  training_.emplace(model_, minimiser_, task_, options);
  training_->begin_epoch(epoch_order(batch, 0, 0), 0);
}

void Workload::make_task(const BenchModel& model, const std::string& mode) {
  ClassificationOptions options;
  if (mode == "at" && !model.of_pixels()) options.adversarial = kAttack;
  task_ = classification_task(data_, options, batch_);
  if (!model.of_pixels()) return;
  task_.batch = [this](const Tensor& indices, const Tensor& epoch) {
    return with_labels(data_.batch(indices, {}, 0, epoch));
  };
  task_.loss = task_.likelihood = pixel_loss_of_training();
  if (mode != "at") return;
  task_.climb.before = [](const LogitsFunction& f, const Batch& batch, const Tensor& number,
                          std::int64_t) {
    return pgd(f, pixel_loss_of_training(), batch, kAttack, 0, number);
  };
}

Batch Workload::with_labels(Batch batch) const {
  if (pixel_labels_) batch.targets = pixel_labels_;
  return batch;
}

void Workload::step() {
  if (training_) {
    (*training_)(0, batch_, 0.1, number_++);
    return;
  }
  const Tensor adversarial = attack_(with_labels(data_.batch(0, batch_)), number_++);
  Tape tape;
  const Tensor z = logits_(tape, tape.input(adversarial, Gradient::none)).value();
  pixel_labels_ ? predict_pixels(z) : predict(z);
}

}  // namespace saddle::bench
