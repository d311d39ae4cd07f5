// WideResNet against the same network in PyTorch: tests/vectors holds what make_wrn_vectors.py
// computed there in double precision for the same weights and the same batch.
#include "layers/models/wide_resnet.h"

#include "layers/network.h"
#include "tests/layers/stored_pass.h"
#include "tests/support/devices.h"
#include "tests/support/expect_near.h"

namespace saddle {
namespace {

using namespace testing_support;

class WideResNetVectors : public testing::TestWithParam<std::string> {
 protected:
  const WideResNet model{{16, 2, 2}, 3, 5};
  const StoredPass<WideResNet> stored{device_named(GetParam()), model, "wide_resnet.safetensors"};
};

INSTANTIATE_TEST_SUITE_P(Devices, WideResNetVectors, testing::ValuesIn(device_names()),
                         [](const auto& info) { return info.param; });

TEST_P(WideResNetVectors, training_forward_and_every_gradient_agree) { stored.expect_training(); }

TEST_P(WideResNetVectors, evaluation_agrees_with_its_batch_norms_folded_and_not) {
  const Tensor& weights = stored.weights();
  const Tensor& statistics = stored.statistics();
  Tape tape;
  stored.expect_evaluation({tape, {weights, {}}, {}, statistics, BatchNormMode::frozen});

  Tape folded_tape;
  Pass folded{folded_tape,
              {fold_batch_norm(model.layout, weights, statistics), {}},
              {},
              statistics,
              BatchNormMode::frozen};
  folded.folded = true;
  stored.expect_evaluation(folded);
}

TEST(wide_resnet, has_the_parameter_counts_of_the_reference) {
  const Network ten = make_network({"wrn_28_10", 0, 3, 32, 32, 10});
  const Network hundred = make_network({"wrn_28_10", 0, 3, 32, 32, 100});

  EXPECT_EQ(ten.options.width, 160);
  EXPECT_EQ(ten.layout.weights.parameter_count(), 36479194);
  EXPECT_EQ(hundred.layout.weights.parameter_count(), 36536884);
  EXPECT_EQ(ten.layout.weights.slots().size(), 80u);
  EXPECT_EQ(ten.layout.norms.size(), 25u);
  EXPECT_EQ(ten.layout.statistics.parameter_count() + 25, 17977);
}

TEST(wide_resnet, begins_with_normal_convolutions_of_variance_two_over_fan_out) {
  const WideResNet model({10, 2, 16}, 3, 10);
  const WeightLayout& layout = model.layout.weights;
  const std::vector<float> values = layout.initial(cpu_device(), 5).to_host<float>();

  double sum = 0, squares = 0, fourths = 0, count = 0;
  for (const Slot& slot : layout.slots()) {
    const std::vector<float> own = WeightLayout::to_file_order(slot, values);
    if (slot.name == "fc.bias") {
      EXPECT_EQ(own, std::vector<float>(10, 0.f));
    }
    if (slot.shape.rank() != 4) continue;
    const double sigma =
        std::sqrt(2. / static_cast<double>(slot.shape[0] * slot.shape[1] * slot.shape[2]));
    for (const float value : own) {
      const double z = value / sigma;
      sum += z;
      squares += z * z;
      fourths += z * z * z * z;
      ++count;
    }
  }

  // Five standard errors of the moments 0, 1 and 3 of a standard normal.
  EXPECT_NEAR(sum / count, 0, 5 / std::sqrt(count));
  EXPECT_NEAR(squares / count, 1, 5 * std::sqrt(2 / count));
  EXPECT_NEAR(fourths / count, 3, 5 * std::sqrt(96 / count));
}

TEST(wide_resnet, demands_a_width_that_is_a_multiple_of_the_stem) {
  EXPECT_CONTAINS(message_of<Error>([] {
                    make_network({"wrn_28_10", 40, 3, 32, 32, 10});
                  }),
                  "wrn_28_10: width 40 is not a multiple of 16 in 16 to 1024");
  EXPECT_EQ(make_network({"wrn_28_10", 32, 3, 32, 32, 10}).options.width, 32);
}

TEST(wide_resnet, demands_a_depth_of_whole_blocks) {
  EXPECT_CONTAINS(message_of<Error>([] {
                    WideResNet({15, 1, 16}, 3, 10);
                  }),
                  "wide resnet: depth 15 is not 6 n + 4");
}

}  // namespace
}  // namespace saddle
