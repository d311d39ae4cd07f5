// Every loss that a training can descend against PyTorch: tests/vectors holds what
// make_loss_vectors.py computed there in double precision, from the same start and with the same
// random numbers.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "apps/train/mixing.h"
#include "tests/apps/training_runs.h"
#include "tests/layers/stored_vectors.h"
#include "tests/support/devices.h"
#include "tests/support/source_directory.h"

namespace saddle {
namespace {

using Json = nlohmann::json;

// What a training descends and climbs. `o` are a method's settings in the file.
ClassificationOptions options_of(const Json& o) {
  ClassificationOptions options;
  options.seed = o.at("seed");
  options.label_smoothing = o.value("label_smoothing", 0.f);
  options.free = o.contains("replays");
  if (o.contains("beta")) {
    options.trades_beta = o.at("beta");
    options.attack_batch_norm = BatchNormMode::frozen;
  }
  if (o.contains("eps")) {
    const float eps = o.at("eps");
    options.adversarial = PgdOptions{Norm::linf, eps, o.value("alpha", eps), o.value("climbs", 0),
                                     o.contains("deviation") ? Start::near : Start::random};
  }
  return options;
}

struct Taken {
  float loss;
  int forwards;  // of batch-norm in training
};

// A step on `batch` that `minimiser` has prepared, the step-th.
Taken take_step(const Model& model, const Task& task, Minimiser& minimiser, const Batch& batch,
                int step) {
  Device& device = model.device();
  const Tensor number = Tensor::from_host(device, {1}, std::vector<std::int32_t>{step});
  const Tensor sums(device, {3});
  const int forwards =
      step_on_batch(model, task, minimiser, {model.weights, {}}, batch, number, {}, sums);
  return {sums.to_host<float>()[0], forwards};
}

// The same losses by the command line; what the papers set is left to the program's defaults.
TrainOptions train_options(const std::string& method, const Json& o,
                           const std::filesystem::path& output) {
  TrainOptions options;
  options.common.quiet = true;
  options.common.seed = o.at("seed");
  options.dataset.name = "fashion-mnist";
  options.model = "preact_resnet10";
  options.width = 2;
  options.no_augment = options.no_shuffle = true;
  options.schedule = "constant";
  options.descent.lr = o.at("lr");
  options.descent.momentum = o.at("momentum");
  options.descent.weight_decay = o.at("weight_decay");
  options.label_smoothing = o.value("label_smoothing", 0.0);
  options.mixup = o.value("mixup", 0.0);
  options.cutmix = o.value("cutmix", 0.0);
  if (o.contains("eps")) options.adversarial = o.contains("beta") ? "trades" : method;
  if (o.contains("replays")) options.free_replays = o.at("replays");
  options.run.output = output.string();
  return options;
}

const SafetensorsFile& file() {
  static const SafetensorsFile loaded =
      SafetensorsFile::load(source_directory() / "tests/vectors/losses.safetensors");
  return loaded;
}

const Json& description() {
  static const Json parsed = Json::parse(file().metadata().at("vectors"));
  return parsed;
}

double largest_difference(const std::vector<float>& got, const std::vector<float>& want) {
  EXPECT_EQ(got.size(), want.size());
  double largest = 0;
  for (std::size_t i = 0; i < want.size(); ++i)
    largest = std::max(largest, std::abs(double{got[i]} - want[i]));
  return largest;
}

// ||got - want|| / ||want - init||: what training did to a tensor is small beside the tensor.
double error_of_move(const std::vector<float>& got, const std::vector<float>& want,
                     const std::vector<float>& init) {
  EXPECT_EQ(got.size(), want.size());
  double difference = 0, move = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    difference += (double{got[i]} - want[i]) * (double{got[i]} - want[i]);
    move += (double{want[i]} - init[i]) * (double{want[i]} - init[i]);
  }
  return std::sqrt(difference / move);
}

// A few times what float32 differs by in PyTorch, as make_loss_vectors.py prints it.
constexpr double kLossBound = 2e-6, kMoveBound = 2e-4, kPixelBound = 1e-6;

struct Case {
  std::string method, device;
};

class LossVectors : public testing::TestWithParam<Case> {
 protected:
  Device& device() const { return device_named(GetParam().device); }
  const std::string& method() const { return GetParam().method; }
  const Json& settings() const { return description().at("methods").at(method()); }
  int steps() const { return settings().at("steps"); }
  std::int64_t batch_size() const { return description().at("batch"); }
  std::string name_of(const std::string& tensor) const { return method() + "." + tensor; }
  bool holds(const std::string& tensor) const { return file().contains(name_of(tensor)); }
  std::vector<float> values(const std::string& tensor) const {
    return file().read_f32(name_of(tensor));
  }

  Model start() const {
    Model model(
        device(),
        {{"preact_resnet10", 2, 1, 12, 12, 10}, file().read_f32("mean"), file().read_f32("std")},
        0);
    load_values(model, file(), "init.");
    return model;
  }
  Minimiser minimiser(const Model& model) const {
    const std::int64_t size = model.network.layout.weights.size();
    return {Sgd(device(), size, {settings().at("momentum"), settings().at("weight_decay"), false}),
            device(), size, std::nullopt};
  }
  Batch batch(std::int64_t first = 0) const {
    const Tensor images = nhwc(device(), file(), "images");
    const std::vector<std::int64_t> labels = file().read_i64("labels");
    std::vector<std::int32_t> own, indices;
    for (std::int64_t i = first; i < first + batch_size(); ++i) {
      own.push_back(static_cast<std::int32_t>(labels.at(static_cast<std::size_t>(i))));
      indices.push_back(static_cast<std::int32_t>(i));
    }
    const Shape& shape = images.shape();
    const std::int64_t image = shape[1] * shape[2] * shape[3];
    return {images.slice(first * image, {batch_size(), shape[1], shape[2], shape[3]}),
            Tensor::from_host(device(), {batch_size()}, own),
            Tensor::from_host(device(), {batch_size()}, indices)};
  }
  // FreeAT goes on to the next batch after its replays, all others stay with the first.
  Batch batch_of(int step) const {
    const std::int64_t replays = settings().value("replays", 1 << 20);
    return batch(step / replays * batch_size());
  }
  Mix stored_mix(int step) const {
    const auto at = static_cast<std::size_t>(step);
    const float share = values("shares").at(at);
    if (!holds("boxes")) return {share, share, {}};
    Mix cut{1, share, {}};
    const std::vector<std::int64_t> boxes = file().read_i64(name_of("boxes"));
    for (std::size_t i = 0; i < 4; ++i)
      cut.box[i] = static_cast<std::int32_t>(boxes.at(at * 4 + i));
    return cut;
  }
  // Nothing where the method mixes nothing.
  void mix_as_stored(Batch& examples, int step) const {
    if (!holds("shares")) return;
    DeviceMix mix(device());
    mix.set(stored_mix(step));
    mix.mix(examples);
  }
  std::int64_t batches_tracked() const { return file().read_i64(name_of("batches_tracked")).at(0); }

  void expect_final(const Model& model) const {
    expect_moved(model.network.layout.weights, model.weights);
    expect_moved(model.network.layout.statistics, model.statistics);
  }
  void expect_moved(const WeightLayout& layout, const Tensor& buffer) const {
    const std::vector<float> host = buffer.to_host<float>();
    for (const Slot& slot : layout.slots()) {
      EXPECT_LT(error_of_move(WeightLayout::to_file_order(slot, host), values("final." + slot.name),
                              file().read_f32("init." + slot.name)),
                kMoveBound)
          << slot.name;
    }
  }
};

// The file's images as a data set of one batch, or of all that FreeAT sees.
Dataset data_set(std::size_t size) {
  Dataset data;
  data.name = "vectors";
  data.height = data.width = 12;
  data.channels = 1;
  data.classes = 10;
  data.mean = file().read_f32("mean");
  data.std = file().read_f32("std");
  data.class_names = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};
  const std::vector<float> pixels = file().read_f32("images");
  for (std::size_t i = 0; i < size * 144; ++i)
    data.pixels.push_back(static_cast<std::uint8_t>(std::lround(255 * pixels.at(i))));
  for (std::size_t i = 0; i < size; ++i)
    data.labels.push_back(static_cast<std::int32_t>(file().read_i64("labels").at(i)));
  return data;
}

TEST_P(LossVectors, agree_on_every_step) {
  Model model = start();
  Minimiser sgd = minimiser(model);
  const DeviceDataset unread(device(), data_set(1));  // the batches are the file's
  const Task task = classification_task(unread, options_of(settings()), batch_size());
  std::vector<float> losses;
  int forwards = 0;

  for (int step = 0; step < steps(); ++step) {
    Batch examples = batch_of(step);
    mix_as_stored(examples, step);
    sgd.prepare(settings().at("lr"));
    const Taken taken = take_step(model, task, sgd, examples, step);
    losses.push_back(taken.loss);
    forwards += taken.forwards;
  }

  EXPECT_LT(relative_error(losses, values("losses")), kLossBound);
  expect_final(model);
  EXPECT_EQ(forwards, batches_tracked());
  if (holds("delta")) {
    EXPECT_LT(largest_difference(task.kept.front().tensor.to_host<float>(), values("delta")),
              kPixelBound);
  }
}

// `trades` is none: no training steps from where the climb starts.
class WholeTrainings : public LossVectors {};
TEST_P(WholeTrainings, with_the_programs_defaults_agree) {
  const TemporaryDirectory directory;
  TrainOptions options = train_options(method(), settings(), directory.path() / "run");
  options.common.device = GetParam().device;
  options.batch_size = batch_size();
  const bool free = method() == "free";
  options.epochs = free ? 1 : steps();
  options.init_from = (directory.path() / "start.safetensors").string();
  save_checkpoint(options.init_from, start());
  const Dataset data = data_set(static_cast<std::size_t>(batch_size()) * (free ? 2 : 1));

  train(resolved(options), data, data);

  const std::filesystem::path run = directory.path() / "run";
  std::vector<float> losses, want = values("losses");
  for (const Json& epoch : timeless_metrics(run)) losses.push_back(epoch.at("train_loss"));
  if (free)
    want = {std::accumulate(want.begin(), want.end(), 0.f) / static_cast<float>(want.size())};
  EXPECT_LT(relative_error(losses, want), kLossBound);
  const Model model = load_checkpoint(run / "last.safetensors", device(), {}, {});
  expect_final(model);
  EXPECT_EQ(model.batches_tracked, batches_tracked());
  if (free) {
    const SafetensorsFile state = SafetensorsFile::load(run / "state.safetensors");
    EXPECT_LT(largest_difference(state.read_f32("kept.delta"), values("delta")), kPixelBound);
  }
}

class RandomStarts : public LossVectors {};
TEST_P(RandomStarts, are_drawn_as_stored) {
  PgdOptions options = *options_of(settings()).adversarial;
  options.steps = 0;
  const Batch data = batch();
  const std::vector<float> x = data.inputs.to_host<float>();

  for (int step = 0; step < steps(); ++step) {
    std::vector<float> moved = pgd(LogitsFunction(), data, options, settings().at("seed"),
                                   static_cast<std::uint32_t>(step))
                                   .to_host<float>();
    for (std::size_t i = 0; i < x.size(); ++i) moved[i] -= x[i];
    EXPECT_LT(largest_difference(moved, values("start." + std::to_string(step))), 1e-7) << step;
  }
}

class MixedBatches : public LossVectors {};
TEST_P(MixedBatches, are_drawn_as_stored) {
  const Json& o = settings();
  for (int step = 0; step < steps(); ++step) {
    const Mix drawn = draw_mix(o.value("mixup", 0.0), o.value("cutmix", 0.0), 12, 12, o.at("seed"),
                               static_cast<std::uint32_t>(step));
    const Mix want = stored_mix(step);
    EXPECT_NEAR(drawn.share, want.share, 1e-6) << step;
    EXPECT_NEAR(drawn.blend, want.blend, 1e-6) << step;
    EXPECT_EQ(drawn.box, want.box) << step;
  }
}

TEST_P(MixedBatches, look_as_stored) {
  Batch examples = batch();
  std::vector<std::int32_t> reversed = examples.targets.to_host<std::int32_t>();
  std::reverse(reversed.begin(), reversed.end());

  mix_as_stored(examples, 0);

  const Tensor want = nhwc(device(), file(), name_of("images"));
  EXPECT_LT(largest_difference(examples.inputs.to_host<float>(), want.to_host<float>()),
            kPixelBound);
  EXPECT_EQ(examples.mixed.other.to_host<std::int32_t>(), reversed);
  EXPECT_EQ(examples.mixed.share.to_host<float>(),
            std::vector<float>(reversed.size(), values("shares").at(0)));
}

class TradesClimbs : public LossVectors {};
TEST_P(TradesClimbs, end_where_stored) {
  const Model model = start();
  const Batch data = batch();
  const LogitsFunction logits = model.evaluation();
  Tape tape;
  const Tensor natural = logits(tape, tape.input(data.inputs, Gradient::none)).value();
  const Tensor number = Tensor::from_host(device(), {1}, std::vector<std::int32_t>{0});

  const Tensor adversarial =
      pgd(logits, divergence_from(natural), data, *options_of(settings()).adversarial,
          settings().at("seed"), number);

  const Tensor want = nhwc(device(), file(), name_of("adversarial"));
  EXPECT_LT(largest_difference(adversarial.to_host<float>(), want.to_host<float>()), kPixelBound);
}

auto on_every_device(const std::vector<std::string>& methods) {
  std::vector<Case> all;
  for (const std::string& method : methods)
    for (const std::string& device : testing_support::device_names())
      all.push_back({method, device});
  return testing::ValuesIn(all);
}

std::string case_name(const testing::TestParamInfo<Case>& info) {
  return info.param.method + "_" + info.param.device;
}

INSTANTIATE_TEST_SUITE_P(Methods, LossVectors,
                         on_every_device({"label_smoothing", "mixup", "cutmix", "fgsm_rs", "free",
                                          "trades", "trades_smoothed"}),
                         case_name);
INSTANTIATE_TEST_SUITE_P(Methods, WholeTrainings,
                         on_every_device({"label_smoothing", "mixup", "cutmix", "fgsm_rs", "free",
                                          "trades_smoothed"}),
                         case_name);
INSTANTIATE_TEST_SUITE_P(Methods, RandomStarts,
                         on_every_device({"fgsm_rs", "trades", "trades_smoothed"}), case_name);
INSTANTIATE_TEST_SUITE_P(Methods, MixedBatches, on_every_device({"mixup", "cutmix"}), case_name);
INSTANTIATE_TEST_SUITE_P(Methods, TradesClimbs, on_every_device({"trades_smoothed"}), case_name);

}  // namespace
}  // namespace saddle
