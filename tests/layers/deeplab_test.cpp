// DeepLabv3 against the same networks in PyTorch: tests/vectors/deeplab.safetensors holds what
// make_deeplab_vectors.py computed there in double precision for the same weights and batch.
#include "layers/models/deeplab.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/training/training_step.h"
#include "core/json_text.h"
#include "tests/layers/stored_vectors.h"
#include "tests/support/devices.h"
#include "tests/support/expect_near.h"
#include "tests/support/random_values.h"
#include "tests/support/source_directory.h"

namespace saddle {
namespace {

using namespace testing_support;

const SafetensorsFile& vectors() {
  static const SafetensorsFile file =
      SafetensorsFile::load(source_directory() / "tests/vectors/deeplab.safetensors");
  return file;
}
const nlohmann::json& description() {
  static const nlohmann::json vectors_json = parse_json(vectors().metadata().at("vectors"));
  return vectors_json;
}

// A network of any kind as Model takes it.
template <class Net>
Network network_of(Net built, std::int64_t classes) {
  const auto shared = std::make_shared<const Net>(std::move(built));
  Network network;
  network.options.classes = classes;
  network.layout = shared->layout;
  network.forward = [shared](const Pass& pass, const Var& x) { return (*shared)(pass, x); };
  return network;
}

// A variant of the file's, with its weights.
Model stored_model(Device& device, const std::string& variant) {
  const nlohmann::json& how = description().at("variants").at(variant);
  const std::string name = how.at("network");
  const nlohmann::json& options = description().at("networks").at(name);
  const DeepLabHeadShape head{how.at("rates"), options.at("aspp_channels"), 0.f};
  const std::int64_t classes = description().at("classes"), stride = how.at("output_stride");
  Network network =
      name == "mobilenetv2"
          ? network_of(DeepLabMobileNetV2({options.at("width"), stride,
                                           how.at("padding") == "before" ? BlockPadding::before
                                                                         : BlockPadding::inside},
                                          head, 3, classes),
                       classes)
          : network_of(DeepLabResNet50({options.at("planes"), stride}, head, 3, classes), classes);
  Model model(device, std::move(network), 0);
  load_values(model, vectors(), name + ".init.");
  return model;
}

constexpr double kBound = 1e-4;  // float32 against float64, through up to fifty layers

// [N, H, W, K] on the device -> [N, K, h, w] of every `every`-th row and column.
std::vector<float> nchw(const Tensor& images, std::int64_t every = 1) {
  const Shape& s = images.shape();
  const std::vector<float> from = images.to_host<float>();
  std::vector<float> to;
  for (std::int64_t n = 0; n < s[0]; ++n)
    for (std::int64_t k = 0; k < s[3]; ++k)
      for (std::int64_t y = 0; y < s[1]; y += every)
        for (std::int64_t x = 0; x < s[2]; x += every) {
          to.push_back(from[static_cast<std::size_t>(((n * s[1] + y) * s[2] + x) * s[3] + k)]);
        }
  return to;
}

Tensor labels_on(Device& device) {
  const std::vector<std::int64_t> wide = vectors().read_i64("labels");
  return Tensor::from_host(device, vectors().tensor("labels").shape,
                           std::vector<std::uint8_t>(wide.begin(), wide.end()));
}

Loss pixel_loss() {
  return [](Tape& tape, const LogitsFunction& f, const Var& x, const Batch& batch,
            LossReduction reduction) {
    return pixel_cross_entropy(tape, f(tape, x), batch.targets, reduction);
  };
}

struct Case {
  std::string variant, device;
};

class DeepLabVectors : public testing::TestWithParam<Case> {
 protected:
  Device& device = device_named(GetParam().device);
  const std::string prefix = GetParam().variant + ".";

  std::vector<float> stored(const std::string& name) const {
    return vectors().read_f32(prefix + name);
  }
  void expect_counts(const Tensor& got, const std::string& name) const {
    const std::vector<std::int64_t> want = vectors().read_i64(prefix + name);
    EXPECT_EQ(got.to_host<float>(), std::vector<float>(want.begin(), want.end())) << name;
  }
  // Those slots of `buffer` that the file has.
  int expect_slots(const WeightLayout& layout, const Tensor& buffer, const std::string& kind,
                   double bound = kBound) const {
    const std::vector<float> host = buffer.to_host<float>();
    int compared = 0;
    for (const Slot& slot : layout.slots()) {
      const std::string name = kind + slot.name;
      if (!vectors().contains(prefix + name)) continue;
      ++compared;
      EXPECT_LT(relative_error(WeightLayout::to_file_order(slot, host), stored(name)), bound)
          << name;
    }
    return compared;
  }
  // How far the weights that the file has moved, beside which the weights are large.
  void expect_moves(const Model& model, const std::string& kind) const {
    const std::vector<float> after = model.weights.to_host<float>(),
                             before =
                                 stored_model(device, GetParam().variant).weights.to_host<float>();
    for (const Slot& slot : model.network.layout.weights.slots()) {
      if (!vectors().contains(prefix + kind + slot.name)) continue;
      std::vector<float> got = WeightLayout::to_file_order(slot, after),
                         want = stored(kind + slot.name);
      const std::vector<float> start = WeightLayout::to_file_order(slot, before);
      for (std::size_t i = 0; i < start.size(); ++i) got[i] -= start[i], want[i] -= start[i];
      EXPECT_LT(relative_error(got, want), 2e-3) << kind << slot.name;
    }
  }
  Batch batch() const {
    return {nhwc(device, vectors(), "images"), labels_on(device),
            Tensor::from_host(device, {2}, std::vector<std::int32_t>{0, 1})};
  }
};

std::string name_of(const testing::TestParamInfo<Case>& info) {
  return info.param.variant + "_" + info.param.device;
}
std::vector<Case> cases(const std::vector<std::string>& devices) {
  std::vector<Case> all;
  for (const std::string& device : devices) {
    for (const char* variant :
         {"mobilenetv2_os16_before", "mobilenetv2_os8_inside", "resnet50_os16", "resnet50_os8"}) {
      all.push_back({variant, device});
    }
  }
  return all;
}
INSTANTIATE_TEST_SUITE_P(Variants, DeepLabVectors, testing::ValuesIn(cases(device_names())),
                         name_of);

TEST_P(DeepLabVectors, training_forward_statistics_and_gradients_agree) {
  Model model = stored_model(device, GetParam().variant);
  const WeightLayout& layout = model.network.layout.weights;
  const Batch data = batch();
  const Tensor g = layout.zeros(device);
  Tape tape;
  const Var x = tape.input(data.inputs, Gradient::wanted);
  const Var logits =
      model.logits({tape, {model.weights, {}}, g, model.statistics, BatchNormMode::update}, x);
  const LossValue loss = pixel_cross_entropy(tape, logits, data.targets, LossReduction::mean);
  const float value = loss.loss.value().item();
  tape.backward(loss.loss);

  EXPECT_LT(
      relative_error(nchw(logits.value(), description().at("every_logit")), stored("train.logits")),
      kBound);
  EXPECT_NEAR(value, stored("train.loss").at(0), kBound);
  expect_counts(loss.right, "train.right");
  expect_counts(loss.counted, "train.valid");
  EXPECT_LT(relative_error(nchw(x.gradient()), stored("grad.images")), kBound);
  EXPECT_GT(expect_slots(layout, g, "grad."), 50);
  EXPECT_EQ(expect_slots(model.network.layout.statistics, model.statistics, "after_forward."),
            static_cast<int>(model.network.layout.statistics.slots().size()));
}

TEST_P(DeepLabVectors, evaluation_and_its_gradient_agree_folded_and_not) {
  const Model model = stored_model(device, GetParam().variant);
  const Batch data = batch();
  const LogitsFunction unfolded = [&](Tape& tape, const Var& x) {
    return model.logits({tape, {model.weights, {}}, {}, model.statistics}, x);
  };
  for (const LogitsFunction& f : {model.evaluation(), unfolded}) {
    Tape tape;
    const Var x = tape.input(data.inputs, Gradient::wanted);
    const Var logits = f(tape, x);
    const LossValue loss = pixel_cross_entropy(tape, logits, data.targets, LossReduction::sum);
    tape.backward(loss.loss);

    EXPECT_LT(relative_error(nchw(logits.value(), description().at("every_logit")),
                             stored("eval.logits")),
              kBound);
    EXPECT_LT(relative_error(loss.losses.to_host<float>(), stored("eval.losses")), kBound);
    expect_counts(loss.right, "eval.right");
    EXPECT_LT(relative_error(nchw(x.gradient(), description().at("every_pixel")),
                             stored("eval.grad.images")),
              kBound);
  }
}

// One variant on the emulator, whose fibers take their time.
class DeepLabSteps : public DeepLabVectors {};
std::vector<Case> cases_of_steps() {
  std::vector<std::string> devices = device_names();
  std::erase(devices, "emulated");
  std::vector<Case> all = cases(devices);
  all.push_back({"resnet50_os16", "emulated"});
  return all;
}
INSTANTIATE_TEST_SUITE_P(Variants, DeepLabSteps, testing::ValuesIn(cases_of_steps()), name_of);

TEST_P(DeepLabSteps, three_steps_of_sgd_and_of_sam_agree) {
  const nlohmann::json& optimizers =
      description().at("variants").at(GetParam().variant).at("optimizers");
  for (const std::string name : {"sgd3", "sam3"}) {
    SCOPED_TRACE(name);
    const nlohmann::json& options = optimizers.at(name);
    Model model = stored_model(device, GetParam().variant);
    const WeightLayout& layout = model.network.layout.weights;
    const Batch data = batch();
    std::optional<double> rho;
    if (options.contains("rho")) rho = options.at("rho").get<double>();
    Minimiser minimiser(
        Sgd(device, layout.size(), {options.at("momentum"), options.at("weight_decay"), false}),
        device, layout.size(), rho);
    Task task;
    task.loss = pixel_loss();
    const Tensor sums(device, {3});
    std::vector<float> losses;
    for (int step = 0; step < description().at("steps"); ++step) {
      minimiser.prepare(options.at("lr"));
      step_on_batch(model, task, minimiser, {model.weights, {}}, data, {}, {}, sums);
      losses.push_back(sums.to_host<float>()[0]);
    }

    EXPECT_LT(relative_error(losses, stored(name + ".losses")), kBound);
    EXPECT_GE(expect_slots(layout, model.weights, "after_" + name + "."), 4);
    expect_moves(model, "after_" + name + ".");
    EXPECT_EQ(
        expect_slots(model.network.layout.statistics, model.statistics, "after_" + name + "."), 4);
  }
}

// As published, and as the reference has them.

TEST(deeplab, has_the_parameter_counts_of_the_reference) {
  const DeepLabMobileNetV2 mobile({}, {}, 3, 21);
  EXPECT_EQ(mobile.layout.weights.parameter_count(), 5'113'877);
  EXPECT_EQ(mobile.layout.weights.slots().size(), 176u);
  const DeepLabResNet50 resnet({}, {}, 3, 9);
  EXPECT_EQ(resnet.layout.weights.parameter_count(), 39'635'785);
  EXPECT_EQ(resnet.layout.weights.slots().size(), 182u);
  // Every batch-norm stands behind a convolution, so all of them fold.
  for (const NetworkLayout* layout : {&mobile.layout, &resnet.layout}) {
    for (const NormSlots& norm : layout->norms) EXPECT_TRUE(norm.convolution) << norm.weight.name;
  }
  // A narrow one for small images.
  const DeepLabMobileNetV2 narrow({0.5, 8, BlockPadding::inside}, {{2, 4, 6}, 64}, 3, 11);
  EXPECT_EQ(narrow.layout.weights.parameter_count(), 833'003);
}

TEST(deeplab, stores_depthwise_weights_as_pytorch_does) {
  const DeepLabMobileNetV2 network({}, {}, 3, 21);
  const std::vector<Slot>& slots = network.layout.weights.slots();
  const auto slot =
      std::ranges::find(slots, "backbone.high_level_features.15.conv.1.0.weight", &Slot::name);
  ASSERT_NE(slot, slots.end());
  EXPECT_EQ(slot->shape, (Shape{3, 3, 960}));
  EXPECT_EQ(slot->file_shape(), (Shape{960, 1, 3, 3}));
}

std::pair<std::int64_t, std::int64_t> features(const MobileNetV2Shape& shape, std::int64_t height,
                                               std::int64_t width) {
  NetworkLayout layout;
  const MobileNetV2 backbone(layout, "backbone", shape, 3);
  const Tensor weights = layout.weights.initial(cpu_device(), 1),
               statistics = layout.statistics.initial(cpu_device(), 1);
  Tape tape;
  const Var x(Tensor::filled(cpu_device(), {1, height, width, 3}, 0.5f), Gradient::none);
  const Var y = backbone({tape, {weights, {}}, {}, statistics}, x);
  return {y.shape()[1], y.shape()[2]};
}

TEST(deeplab, has_features_of_the_documented_sizes) {
  using Size = std::pair<std::int64_t, std::int64_t>;
  const auto narrow = [](std::int64_t stride, BlockPadding padding) {
    return MobileNetV2Shape{0.0625, stride, padding};
  };
  EXPECT_EQ(features(narrow(16, BlockPadding::before), 513, 240), (Size{32, 15}));
  EXPECT_EQ(features(narrow(16, BlockPadding::before), 375, 500), (Size{24, 32}));
  EXPECT_EQ(features(narrow(8, BlockPadding::inside), 96, 96), (Size{12, 12}));
  EXPECT_EQ(features(narrow(8, BlockPadding::before), 96, 96), (Size{12, 12}));
  EXPECT_EQ(features(narrow(4, BlockPadding::inside), 32, 32), (Size{8, 8}));
}

TEST(deeplab, names_what_of_its_shape_is_impossible) {
  EXPECT_CONTAINS(message_of<Error>([] {
                    DeepLabMobileNetV2({1, 12}, {}, 3, 21);
                  }),
                  "mobilenetv2: an output stride of 12 is not to be had. Take 8 or 16");
  EXPECT_CONTAINS(message_of<Error>([] {
                    DeepLabResNet50({64, 2}, {}, 3, 21);
                  }),
                  "resnet50: an output stride of 2 is not to be had. Take 8 or 16");
  EXPECT_CONTAINS(message_of<Error>([] { DeepLabMobileNetV2({0.01}, {}, 3, 21); }),
                  "mobilenetv2: width 0.01 leaves no channels. The least is 0.0625");
}

TEST(deeplab, refuses_to_train_on_one_image) {
  const DeepLabMobileNetV2 network({0.0625, 8, BlockPadding::inside}, {{2, 4, 6}, 8}, 3, 5);
  const Tensor weights = network.layout.weights.initial(cpu_device(), 1),
               statistics = network.layout.statistics.initial(cpu_device(), 1);
  const Tensor g = network.layout.weights.zeros(cpu_device());
  EXPECT_CONTAINS(message_of<Error>([&] {
                    Tape tape;
                    const Var x(Tensor::filled(cpu_device(), {1, 32, 32, 3}, 0.5f), Gradient::none);
                    network({tape, {weights, {}}, g, statistics, BatchNormMode::update}, x);
                  }),
                  "batch_norm: one value per channel has no variance");
}

// What a step draws changes the logits, and is the same again for the same step.
TEST(deeplab, drops_out_where_the_pass_draws) {
  const DeepLabMobileNetV2 network({0.125, 8, BlockPadding::inside}, {{2, 4, 6}, 16, 0.5f}, 3, 5);
  const Tensor weights = network.layout.weights.initial(cpu_device(), 1),
               statistics = network.layout.statistics.initial(cpu_device(), 1);
  const Tensor images =
      Tensor::from_host(cpu_device(), {2, 32, 32, 3}, random_values(2 * 32 * 32 * 3, 1, 0.f, 1.f));
  const auto logits = [&](std::optional<std::int32_t> step) {
    Tape tape;
    Pass pass{tape, {weights, {}}, {}, statistics, BatchNormMode::batch_only};
    if (step) {
      pass.random =
          PassRandom{1, Tensor::from_host(cpu_device(), {1}, std::vector<std::int32_t>{*step}),
                     Tensor::from_host(cpu_device(), {2}, std::vector<std::int32_t>{0, 1}), 0, 0.f};
    }
    return network(pass, Var(images, Gradient::none)).value().to_host<float>();
  };
  EXPECT_EQ(logits(3), logits(3));
  EXPECT_NE(logits(3), logits(4));
  EXPECT_NE(logits(3), logits({}));
}

// The reference's: He et al. 2015 by the outputs in the backbone, by the inputs in the head. An
// output of a depthwise convolution is counted for each channel, as PyTorch counts it.
TEST(deeplab, begins_with_the_deviations_of_the_reference) {
  const DeepLabMobileNetV2 network({}, {}, 3, 21);
  const WeightLayout& layout = network.layout.weights;
  const std::vector<float> values = layout.initial(cpu_device(), 5).to_host<float>();
  double squares = 0, count = 0;
  for (const Slot& slot : layout.slots()) {
    if (slot.kind != SlotKind::weight) continue;
    const Shape s = slot.file_shape();  // [out, in, kernel, kernel]
    const std::int64_t fan = s[2] * s[3] * (slot.name.starts_with("backbone") ? s[0] : s[1]);
    for (const float value : WeightLayout::to_file_order(slot, values)) {
      squares += value * value * static_cast<double>(fan) / 2;
      ++count;
    }
  }
  EXPECT_NEAR(squares / count, 1, 5 * std::sqrt(2 / count));  // five standard errors
}

// What changes from step to step, the step's number, lies on the device.
TEST(deeplab, replays_a_captured_step_bit_for_bit) {
  Device& device = emulated_device();
  const DeepLabMobileNetV2 network({0.0625, 8, BlockPadding::before}, {{1, 2, 9}, 8, 0.5f}, 3, 4);
  const WeightLayout& layout = network.layout.weights;
  const Tensor weights = layout.initial(device, 1), g = layout.zeros(device),
               statistics = network.layout.statistics.initial(device, 1);
  const Tensor images =
      Tensor::from_host(device, {2, 17, 15, 3}, random_values(2 * 17 * 15 * 3, 1, 0.f, 1.f));
  std::vector<std::uint8_t> labels(2 * 17 * 15, 255);
  for (std::size_t i = 0; i < labels.size(); i += 2) labels[i] = static_cast<std::uint8_t>(i % 4);
  const Tensor targets = Tensor::from_host(device, {2, 17, 15}, labels);
  Tensor step = Tensor::from_host(device, {1}, std::vector<std::int32_t>{0});
  const Tensor examples = Tensor::from_host(device, {2}, std::vector<std::int32_t>{5, 6});
  const auto work = [&] {
    Tape tape;
    Pass pass{tape, {weights, {}}, g, statistics, BatchNormMode::batch_only};
    pass.random = PassRandom{3, step, examples, 0, 0.f};
    const Var logits = network(pass, Var(images, Gradient::none));
    tape.backward(pixel_cross_entropy(tape, logits, targets, LossReduction::mean).loss);
  };
  const auto at_step = [&](std::int32_t number, const std::function<void()>& run) {
    step.copy_from_host(&number);
    run();
    return bits_of(g.to_host<float>());
  };
  const auto first = at_step(1, work), second = at_step(2, work);
  const std::unique_ptr<Graph> graph = device.capture(work);
  const auto replay = [&] { graph->replay(); };

  EXPECT_NE(first, second);
  EXPECT_EQ(at_step(1, replay), first);
  EXPECT_EQ(at_step(2, replay), second);
}

}  // namespace
}  // namespace saddle
