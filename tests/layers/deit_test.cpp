// Deit against timm's VisionTransformer, and what it has besides.
#include "layers/models/deit.h"

#include <numeric>
#include <set>

#include "layers/network.h"
#include "tests/layers/stored_pass.h"
#include "tests/support/devices.h"
#include "tests/support/expect_near.h"
#include "tests/support/random_values.h"

namespace saddle {
namespace {

using namespace testing_support;

const DeitShape kSmallShape{2, 24, 2, 4, 8, 12};

class DeitVectors : public testing::TestWithParam<std::string> {
 protected:
  const Deit model{kSmallShape, 3, 5};
  const StoredPass<Deit> stored{device_named(GetParam()), model, "deit.safetensors"};
};

INSTANTIATE_TEST_SUITE_P(Devices, DeitVectors, testing::ValuesIn(device_names()),
                         [](const auto& info) { return info.param; });

TEST_P(DeitVectors, training_forward_and_every_gradient_agree) { stored.expect_training(); }

TEST_P(DeitVectors, training_in_bf16_agrees_to_its_rounding) {
  stored.expect_training(Precision::bf16);
}

TEST_P(DeitVectors, evaluation_agrees) {
  Tape tape;
  stored.expect_evaluation(
      {tape, {stored.weights(), {}}, {}, stored.statistics(), BatchNormMode::frozen});
}

struct Counts {
  std::string model;
  std::int64_t classes, parameters;
};

TEST(deit, has_the_parameter_counts_of_timm) {
  for (const Counts& want :
       {Counts{"deit_tiny", 10, 5362762}, Counts{"deit_tiny", 100, 5380132},
        Counts{"deit_small", 10, 21342346}, Counts{"deit_small", 100, 21376996}}) {
    const Network network = make_network({want.model, 0, 3, 32, 32, want.classes});

    EXPECT_EQ(network.layout.weights.parameter_count(), want.parameters)
        << want.model << ", " << want.classes << " classes";
    EXPECT_EQ(network.layout.weights.slots().size(), 152u);
    EXPECT_EQ(network.options.patch, 4);
    EXPECT_TRUE(network.layout.norms.empty());
  }
}

TEST(deit, sees_8_x_8_patches_of_images_of_64_pixels_too) {
  const Network network = make_network({"deit_tiny", 0, 3, 64, 64, 200});

  EXPECT_EQ(network.options.patch, 8);
  for (const Slot& slot : network.layout.weights.slots()) {
    if (slot.name == "pos_embed") {
      EXPECT_EQ(slot.shape, (Shape{1, 65, 192}));
    }
    if (slot.name == "patch_embed.proj.weight") {
      EXPECT_EQ(slot.shape, (Shape{192, 8, 8, 3}));
    }
  }
}

TEST(deit, begins_with_small_normal_weights_and_zero_biases_as_timm) {
  const Network network = make_network({"deit_tiny", 0, 3, 32, 32, 10});
  const WeightLayout& layout = network.layout.weights;
  const std::vector<float> values = layout.initial(cpu_device(), 5).to_host<float>();

  double squares = 0, count = 0;
  for (const Slot& slot : layout.slots()) {
    const std::vector<float> own = WeightLayout::to_file_order(slot, values);
    const bool is_bias = slot.kind == SlotKind::bias && slot.name != "patch_embed.proj.bias";
    if (is_bias || slot.kind == SlotKind::norm_shift) {
      EXPECT_EQ(own, std::vector<float>(own.size(), 0.f)) << slot.name;
    }
    if (slot.kind == SlotKind::norm_scale) {
      EXPECT_EQ(own, std::vector<float>(own.size(), 1.f)) << slot.name;
    }
    if (slot.name == "cls_token") {
      for (const float value : own) EXPECT_LT(std::abs(value), 1e-5f);
    }
    if (slot.kind != SlotKind::weight || slot.shape.rank() != 2) continue;
    for (const float value : own) squares += double{value} * value;
    count += static_cast<double>(own.size());
  }

  // Five standard errors of a variance.
  EXPECT_NEAR(squares / count / (0.02 * 0.02), 1, 5 * std::sqrt(2 / count));
}

// Attention has no order of its own: without positions the patches may be exchanged.
TEST(deit, without_positions_does_not_see_the_order_of_patches) {
  const Deit model(kSmallShape, 3, 5);
  std::vector<float> values = random_values(model.layout.weights.size(), 1);
  for (const Slot& slot : model.layout.weights.slots()) {
    if (slot.name != "pos_embed") continue;
    std::fill_n(values.begin() + slot.offset, slot.shape.count(), 0.f);
  }
  const Tensor weights = Tensor::from_host(cpu_device(), {model.layout.weights.size()}, values);
  const std::vector<float> image = random_values(8 * 12 * 3, 2);
  std::vector<float> turned;  // upper and lower row of patches exchanged
  turned.insert(turned.end(), image.begin() + 4 * 12 * 3, image.end());
  turned.insert(turned.end(), image.begin(), image.begin() + 4 * 12 * 3);
  const auto logits = [&](const std::vector<float>& pixels) {
    Tape tape;
    const Var x(Tensor::from_host(cpu_device(), {1, 8, 12, 3}, pixels), Gradient::none);
    return model({tape, {weights, {}}, {}, {}}, x).value().to_host<float>();
  };

  EXPECT_LT(relative_error(logits(turned), logits(image)), 1e-5);
}

TEST(deit, leaves_whole_branches_out_of_examples_at_random) {
  const Deit model(kSmallShape, 3, 5);
  Device& device = cpu_device();
  const Tensor weights = Tensor::from_host(device, {model.layout.weights.size()},
                                           random_values(model.layout.weights.size(), 1));
  const std::int64_t batch = 64;
  std::vector<float> pixels;
  const std::vector<float> image = random_values(8 * 12 * 3, 2);
  for (std::int64_t i = 0; i < batch; ++i) pixels.insert(pixels.end(), image.begin(), image.end());
  std::vector<std::int32_t> numbers(64);
  std::iota(numbers.begin(), numbers.end(), 0);
  const auto distinct = [&](float rate) {
    Tape tape;
    Pass pass{tape, {weights, {}}, {}, {}};
    pass.random = PassRandom{7, Tensor::from_host(device, {1}, std::vector<std::int32_t>{3}),
                             Tensor::from_host(device, {batch}, numbers), 0, rate};
    const Var x(Tensor::from_host(device, {batch, 8, 12, 3}, pixels), Gradient::none);
    const std::vector<float> logits = model(pass, x).value().to_host<float>();
    // In thousandths: a matrix product rounds its rows differently.
    std::set<long> first;
    for (std::size_t i = 0; i < 64; ++i) first.insert(std::lround(1000 * logits[5 * i]));
    return first.size();
  };

  EXPECT_EQ(distinct(0.f), 1u);
  // The first block keeps its branches; the second has two, each there or not.
  EXPECT_EQ(distinct(0.5f), 4u);
}

TEST(deit, demands_patches_that_tile_the_image_and_whole_heads) {
  EXPECT_CONTAINS(message_of<Error>([] {
                    make_network({"deit_tiny", 0, 3, 30, 32, 10});
                  }),
                  "deit_tiny: patches of 4 pixels do not tile images of 30 x 32");
  EXPECT_CONTAINS(message_of<Error>([] {
                    make_network({"deit_tiny", 100, 3, 32, 32, 10});
                  }),
                  "deit_tiny: width 100 is not a multiple of 64");
  EXPECT_CONTAINS(message_of<Error>([] {
                    make_network({"preact_resnet18", 0, 3, 32, 32, 10, 4});
                  }),
                  "preact_resnet18: has no patches");
}

}  // namespace
}  // namespace saddle
