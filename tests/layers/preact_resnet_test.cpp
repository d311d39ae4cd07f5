// PreActResNet against the reference in PyTorch: tests/vectors holds what make_vectors.py computed
// there in double precision for the same weights and the same batch.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/common/checkpoint.h"
#include "apps/training/training_step.h"
#include "attacks/pgd.h"
#include "core/json_text.h"
#include "tests/layers/stored_vectors.h"
#include "tests/support/devices.h"
#include "tests/support/source_directory.h"

namespace saddle {
namespace {

const SafetensorsFile& vectors(const std::string& model) {
  static std::map<std::string, SafetensorsFile> files;
  const auto found = files.find(model);
  if (found != files.end()) return found->second;
  const auto path = source_directory() / "tests/vectors" / (model + ".safetensors");
  return files.emplace(model, SafetensorsFile::load(path)).first->second;
}

double largest_difference(const Tensor& a, const Tensor& b) {
  const std::vector<float> x = a.to_host<float>(), y = b.to_host<float>();
  double largest = 0;
  for (std::size_t i = 0; i < x.size(); ++i)
    largest = std::max(largest, std::abs(double{x[i]} - y.at(i)));
  return largest;
}

struct Case {
  std::string model, device;
};

class PreActResNetVectors : public testing::TestWithParam<Case> {
 protected:
  Device& device() const { return device_named(GetParam().device); }
  const SafetensorsFile& file() const { return vectors(GetParam().model); }

  Model start() const {
    const Shape& images = file().tensor("images").shape;
    NetworkOptions options{GetParam().model, 4, images[1], images[2], images[3], 10};
    Model model(device(), {options, file().read_f32("mean"), file().read_f32("std")}, 0);
    load_values(model, file(), "init.");
    return model;
  }
  Batch batch() const {
    const Tensor images = nhwc(device(), file(), "images");
    const std::vector<std::int64_t> labels = file().read_i64("labels");
    const std::vector<std::int32_t> narrow(labels.begin(), labels.end());
    const auto n = static_cast<std::int64_t>(labels.size());
    std::vector<std::int32_t> indices(labels.size());
    for (std::size_t i = 0; i < indices.size(); ++i) indices[i] = static_cast<std::int32_t>(i);
    return {images, Tensor::from_host(device(), {n}, narrow),
            Tensor::from_host(device(), {n}, indices)};
  }
  // Every tensor `prefix` + name of the file against the slots of `buffer`.
  void expect_slots(const WeightLayout& layout, const Tensor& buffer, const std::string& prefix,
                    double bound) const {
    const std::vector<float> host = buffer.to_host<float>();
    for (const Slot& slot : layout.slots()) {
      EXPECT_LT(relative_error(WeightLayout::to_file_order(slot, host),
                               file().read_f32(prefix + slot.name)),
                bound)
          << prefix << slot.name;
    }
  }
};

// The engine works in float32, the vectors come from float64: a forward and backward through some
// twenty layers keeps about five digits.
constexpr double kBound = 1e-4;

TEST_P(PreActResNetVectors, training_forward_and_every_gradient_agree) {
  Model model = start();
  const Batch data = batch();
  const Tensor g = model.network.layout.weights.zeros(device());
  Tape tape;
  const Var pixels = tape.input(data.inputs, Gradient::wanted);
  const Var logits =
      model.logits({tape, {model.weights, {}}, g, model.statistics, BatchNormMode::update}, pixels);
  const LossValue loss = cross_entropy(tape, logits, data.targets, LossReduction::mean);
  const float loss_value = loss.loss.value().item();

  tape.backward(loss.loss);

  EXPECT_LT(relative_error(logits.value().to_host<float>(), file().read_f32("train.logits")),
            kBound);
  EXPECT_NEAR(loss_value, file().read_f32("train.loss").at(0), kBound);
  expect_slots(model.network.layout.weights, g, "grad.", kBound);
  expect_slots(model.network.layout.statistics, model.statistics, "after_forward.", kBound);
  const Tensor want = nhwc(device(), file(), "grad.images");
  EXPECT_LT(relative_error(pixels.gradient().to_host<float>(), want.to_host<float>()), kBound);
}

TEST_P(PreActResNetVectors, evaluation_forward_and_input_gradient_agree) {
  const Model model = start();
  const Batch data = batch();

  Tape tape;
  const Var logits = model.evaluation()(tape, tape.input(data.inputs, Gradient::none));
  const Tensor dx = input_gradient(cross_entropy_loss(), model.evaluation(), data.inputs, data);

  EXPECT_LT(relative_error(logits.value().to_host<float>(), file().read_f32("eval.logits")),
            kBound);
  const Tensor want = nhwc(device(), file(), "eval.grad.images");
  EXPECT_LT(relative_error(dx.to_host<float>(), want.to_host<float>()), kBound);
}

TEST_P(PreActResNetVectors, pgd_finds_the_same_adversarial_examples_from_the_same_start) {
  const Model model = start();
  const Batch data = batch();
  const Tensor start_linf = nhwc(device(), file(), "pgd_linf.start");
  const Tensor start_l2 = nhwc(device(), file(), "pgd_l2.start");

  const Tensor linf =
      pgd(model.evaluation(), data, {Norm::linf, 8.f / 255, 2.f / 255, 10, Start::random}, 0, 0,
          nullptr, &start_linf);
  const Tensor l2 =
      pgd(model.evaluation(), data, {Norm::l2, 128.f / 255, 15.f / 255, 10, Start::random}, 0, 0,
          nullptr, &start_l2);

  const Tensor want_linf = nhwc(device(), file(), "pgd_linf.adversarial");
  const Tensor want_l2 = nhwc(device(), file(), "pgd_l2.adversarial");
  EXPECT_LT(largest_difference(linf, want_linf), 1e-5);
  EXPECT_LT(largest_difference(l2, want_l2), 1e-5);
}

BaseOptimizer base_optimizer(const std::string& name, const nlohmann::json& options, Device& device,
                             std::int64_t size) {
  const double weight_decay = options.at("weight_decay");
  if (name == "adam" || name == "adamw") {
    return Adam(device, size,
                {0.9, 0.999, 1e-8, weight_decay,
                 name == "adam" ? WeightDecay::coupled : WeightDecay::decoupled});
  }
  return Sgd(device, size, {options.at("momentum"), weight_decay, name == "nesterov"});
}

TEST_P(PreActResNetVectors, five_steps_of_every_optimiser_agree) {
  const auto optimisers = parse_json(file().metadata().at("vectors")).at("optimizers");
  int compared = 0;
  for (const auto& [name, options] : optimisers.items()) {
    if (!file().contains(name + ".losses")) continue;
    SCOPED_TRACE(name);
    ++compared;
    Model model = start();
    const Batch data = batch();
    const WeightLayout& layout = model.network.layout.weights;
    std::optional<double> rho;
    if (options.contains("rho")) rho = options.at("rho").get<double>();
    Minimiser minimiser(base_optimizer(name, options, device(), layout.size()), device(),
                        layout.size(), rho);

    Task task;
    task.loss = cross_entropy_loss();
    const Tensor sums(device(), {3});
    std::vector<float> losses;
    for (int step = 0; step < 5; ++step) {
      minimiser.prepare(options.at("lr"));
      step_on_batch(model, task, minimiser, {model.weights, {}}, data, {}, {}, sums);
      losses.push_back(sums.to_host<float>()[0]);
    }

    EXPECT_LT(relative_error(losses, file().read_f32(name + ".losses")), kBound);
    expect_slots(layout, model.weights, name + ".final.", kBound);
    expect_slots(model.network.layout.statistics, model.statistics, name + ".final.", kBound);
  }
  EXPECT_GE(compared, 3);
}

// The larger network not on the emulator, whose fibers take their time.
std::vector<Case> cases() {
  std::vector<Case> all;
  for (const std::string& device : testing_support::device_names()) {
    all.push_back({"preact_resnet10", device});
    if (device != "emulated") all.push_back({"preact_resnet18", device});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Models, PreActResNetVectors, testing::ValuesIn(cases()),
                         [](const auto& info) {
                           return info.param.model + "_" + info.param.device;
                         });

TEST(preact_resnet, takes_images_of_64_x_64_with_the_weights_of_smaller_ones) {
  const SafetensorsFile& weights = vectors("preact_resnet18");
  const SafetensorsFile& want = vectors("preact_resnet18_64");
  Device& device = cpu_device();
  Model model(
      device,
      {{"preact_resnet18", 4, 3, 64, 64, 10}, weights.read_f32("mean"), weights.read_f32("std")},
      0);
  load_values(model, weights, "init.");
  const Tensor images = nhwc(device, want, "images");
  const std::vector<std::int32_t> label = {
      static_cast<std::int32_t>(want.read_i64("labels").at(0))};
  const Tensor labels = Tensor::from_host(device, {1}, label);

  Tape tape;
  const Var logits = model.evaluation()(tape, tape.input(images, Gradient::none));
  const Tensor dx =
      input_gradient(cross_entropy_loss(), model.evaluation(), images, {images, labels, {}});

  EXPECT_LT(relative_error(logits.value().to_host<float>(), want.read_f32("eval.logits")), kBound);
  EXPECT_LT(
      relative_error(dx.to_host<float>(), nhwc(device, want, "eval.grad.images").to_host<float>()),
      kBound);
}

TEST(preact_resnet, has_the_parameter_counts_of_the_reference) {
  const Network ten = make_network({"preact_resnet18", 0, 3, 32, 32, 10});
  const Network hundred = make_network({"preact_resnet18", 0, 3, 32, 32, 100});
  const Network two_hundred = make_network({"preact_resnet18", 0, 3, 64, 64, 200});

  EXPECT_EQ(ten.layout.weights.parameter_count(), 11172170);
  EXPECT_EQ(hundred.layout.weights.parameter_count(), 11218340);
  EXPECT_EQ(two_hundred.layout.weights.parameter_count(), 11269640);
  EXPECT_EQ(ten.layout.weights.slots().size(), 56u);
  EXPECT_EQ(ten.layout.statistics.slots().size(), 34u);  // mean and variance of 17 layers
  EXPECT_EQ(ten.layout.statistics.parameter_count() + 17, 7825);
}

}  // namespace
}  // namespace saddle
