// The register of networks: what labels pixels beside what names images; models of it.
#include <gtest/gtest.h>

#include "core/ops.h"
#include "layers/model.h"
#include "tests/support/devices.h"
#include "tests/support/expect_near.h"
#include "tests/support/random_values.h"

namespace saddle {
namespace {

using namespace testing_support;

NetworkOptions narrow(const std::string& model, std::int64_t output_stride, BlockPadding padding) {
  NetworkOptions options;
  options.model = model;
  options.classes = 5;
  options.deeplab.width = 0.125;
  options.deeplab.output_stride = output_stride;
  options.deeplab.rates = {1, 2, 3};
  options.deeplab.head_channels = 8;
  options.deeplab.padding = padding;
  return options;
}

TEST(network_register, knows_deeplab_with_both_backbones) {
  NetworkOptions options;
  options.classes = 21;
  options.model = "deeplabv3_mobilenetv2";
  EXPECT_EQ(make_network(options).layout.weights.parameter_count(), 5'113'877);
  options.model = "deeplabv3_resnet50";
  options.classes = 9;
  EXPECT_EQ(make_network(options).layout.weights.parameter_count(), 39'635'785);
  EXPECT_TRUE(labels_pixels("deeplabv3_resnet50"));
  EXPECT_FALSE(labels_pixels("preact_resnet18"));
}

TEST(network_register, refuses_impossible_deeplabs) {
  const auto message = [](auto change) {
    NetworkOptions options = narrow("deeplabv3_resnet50", 8, BlockPadding::before);
    change(options.deeplab);
    return message_of<Error>([&] { make_network(options); });
  };
  EXPECT_CONTAINS(message([](DeepLabOptions& o) { o.width = -1; }), "width -1 is outside 0 to 4");
  EXPECT_CONTAINS(message([](DeepLabOptions& o) { o.width = 0.001; }), "leaves no channels");
  EXPECT_CONTAINS(message([](DeepLabOptions& o) { o.head_channels = 0; }), "channels of the head");
  EXPECT_CONTAINS(message([](DeepLabOptions& o) { o.rates[1] = 0; }), "a rate of 0");
  EXPECT_CONTAINS(message([](DeepLabOptions& o) { o.dropout = 1; }), "dropout 1 is outside [0, 1)");
  EXPECT_CONTAINS(message([](DeepLabOptions& o) { o.output_stride = 12; }), "output stride of 12");
}

// As the features of MobileNetV2 are in deeplab_test.cpp, and ResNet-50's where published.
TEST(network_register, knows_the_extent_of_features) {
  const auto extent = [](const std::string& model, std::int64_t stride, BlockPadding padding,
                         std::int64_t pixels) {
    return feature_extent(narrow(model, stride, padding), pixels);
  };
  const std::string mobile = "deeplabv3_mobilenetv2", resnet = "deeplabv3_resnet50";
  EXPECT_EQ(extent(mobile, 16, BlockPadding::before, 513), 32);
  EXPECT_EQ(extent(mobile, 16, BlockPadding::before, 240), 15);
  EXPECT_EQ(extent(mobile, 16, BlockPadding::before, 375), 24);
  EXPECT_EQ(extent(mobile, 16, BlockPadding::before, 500), 32);
  EXPECT_EQ(extent(mobile, 8, BlockPadding::inside, 96), 12);
  EXPECT_EQ(extent(mobile, 8, BlockPadding::before, 96), 12);
  EXPECT_EQ(extent(mobile, 4, BlockPadding::inside, 32), 8);
  EXPECT_EQ(extent(resnet, 16, BlockPadding::before, 240), 15);
  EXPECT_EQ(extent(mobile, 8, BlockPadding::before, 2), 0);
}

struct Trained {
  Tensor before, after;  // running statistics
  NetworkLayout layout;
};

Trained train_one_step(bool frozen) {
  NetworkOptions options = narrow("deeplabv3_mobilenetv2", 8, BlockPadding::inside);
  options.deeplab.frozen_backbone = frozen;
  const Network network = make_network(options);
  Device& device = cpu_device();
  const Tensor weights = network.layout.weights.initial(device, 1),
               statistics = network.layout.statistics.initial(device, 1);
  const Trained trained{statistics.clone(), statistics, network.layout};
  Tape tape;
  const Tensor g = network.layout.weights.zeros(device);
  const Var x(Tensor::from_host(device, {2, 32, 32, 3}, random_values(2 * 32 * 32 * 3, 2)),
              Gradient::none);
  network.forward({tape, {weights, {}}, g, statistics, BatchNormMode::update}, x);
  return trained;
}

TEST(network_register, keeps_the_statistics_of_a_frozen_backbone) {
  for (const bool frozen : {false, true}) {
    const Trained trained = train_one_step(frozen);
    int of_backbone = 0, of_head = 0;
    for (const Slot& slot : trained.layout.statistics.slots()) {
      const bool moved =
          view(trained.before, slot).to_host<float>() != view(trained.after, slot).to_host<float>();
      const bool backbone = slot.name.starts_with("backbone.");
      EXPECT_EQ(moved, !(backbone && frozen)) << slot.name;
      ++(backbone ? of_backbone : of_head);
    }
    EXPECT_GT(of_backbone, 10);
    EXPECT_GT(of_head, 10);
  }
}

TEST(model, without_a_seed_holds_zeros_for_a_file_to_fill) {
  const ModelDescription description{{"preact_resnet10", 4, 3, 8, 8, 5}, {0, 0, 0}, {1, 1, 1}};
  const Model model(cpu_device(), description, {});

  for (const Tensor& values : {model.weights, model.statistics}) {
    EXPECT_EQ(values.to_host<float>(),
              std::vector<float>(static_cast<std::size_t>(values.count()), 0.f));
  }
}

}  // namespace
}  // namespace saddle
