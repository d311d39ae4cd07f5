#include "apps/bench/workload.h"

#include "kernels/philox.h"

namespace saddle::bench {
namespace {

constexpr double kSamRho = 0.1;
const PgdOptions kAttack{Norm::linf, 8.f / 255, 2.f / 255, 10, Start::random};

ModelDescription describe(const BenchModel& bench) {
  const auto channels = static_cast<std::size_t>(bench.channels);
  ModelDescription description;
  description.network = {bench.name,   bench.width,       bench.channels,
                         bench.height, bench.input_width, 10};
  description.mean.assign(channels, 0.5f);
  description.std.assign(channels, 0.25f);
  return description;
}

Dataset random_bytes(const BenchModel& bench, std::int64_t batch) {
  Dataset dataset{.name = "random",
                  .height = bench.height,
                  .width = bench.input_width,
                  .channels = bench.channels,
                  .classes = 10,
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
    dataset.labels.push_back(static_cast<std::int32_t>(image % 10));
  }
  return dataset;
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
  if (mode == "pgd") {
    logits_ = model_.evaluation();
    attack_.emplace(logits_, kAttack);
    return;
  }
  ClassificationOptions options;
  if (mode == "at") options.adversarial = kAttack;
  task_ = classification_task(data_, options, batch);
  training_.emplace(model_, minimiser_, task_, StepOptions{});
  training_->begin_epoch(epoch_order(batch, 0, 0), 0);
}

void Workload::step() {
  if (training_) {
    (*training_)(0, batch_, 0.1, number_++);
    return;
  }
  const Tensor adversarial = (*attack_)(data_.batch(0, batch_), 0, number_++);
  Tape tape;
  predict(logits_(tape, tape.input(adversarial, Gradient::none)).value());
}

}  // namespace saddle::bench
