// A network with its batch-norms folded away computes what it computed before.
#include <gtest/gtest.h>

#include "layers/model.h"
#include "kernels/elementwise.h"
#include "tests/support/devices.h"
#include "tests/support/random_values.h"

namespace saddle {
namespace {

using namespace testing_support;

class Fold : public testing::TestWithParam<std::string> {
 protected:
  Device& device() const { return device_named(GetParam()); }

  // Statistics and affine parameters far from where they begin, as after training.
  Model model() const {
    Model model(device(),
                {{"preact_resnet10", 8, 3, 9, 7, 5}, {0.4f, 0.5f, 0.6f}, {0.2f, 0.25f, 0.3f}}, 3);
    std::vector<float> weights = model.weights.to_host<float>(),
                       statistics = model.statistics.to_host<float>();
    for (const NormSlots& norm : model.network.layout.norms) {
      for (std::int64_t c = 0; c < norm.weight.shape.count(); ++c) {
        const auto at = [&](const Slot& slot) { return static_cast<std::size_t>(slot.offset + c); };
        weights[at(norm.weight)] = 0.5f + 0.1f * static_cast<float>(c % 7);
        weights[at(norm.bias)] = 0.2f * static_cast<float>(c % 5) - 0.4f;
        statistics[at(norm.running_mean)] = 0.05f * static_cast<float>(c % 9) - 0.2f;
        statistics[at(norm.running_var)] = 0.1f + 0.3f * static_cast<float>(c % 4);
      }
    }
    model.weights.copy_from_host(weights.data());
    model.statistics.copy_from_host(statistics.data());
    return model;
  }
  Tensor images() const {
    return Tensor::from_host(device(), {4, 9, 7, 3}, random_values(4 * 9 * 7 * 3, 1, 0.f, 1.f));
  }
};

INSTANTIATE_TEST_SUITE_P(Devices, Fold, testing::ValuesIn(device_names()),
                         [](const auto& info) { return info.param; });

struct Answer {
  std::vector<float> logits, gradient;
};

// Logits, and the gradient of their sum, weighted, with respect to the pixels.
Answer answer(const LogitsFunction& logits, const Tensor& images) {
  Tape tape;
  const Var x = tape.input(images, Gradient::wanted);
  const Var z = logits(tape, x);
  const Tensor labels = Tensor::from_host(images.device(), {4}, std::vector{0, 1, 2, 4});
  tape.backward(cross_entropy(tape, z, labels, LossReduction::sum).loss);
  return {z.value().to_host<float>(), x.gradient().to_host<float>()};
}

double relative_distance(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
    norm += double{b[i]} * b[i];
  }
  return std::sqrt(difference / norm);
}

TEST_P(Fold, changes_logits_and_pixel_gradients_by_rounding_only) {
  const Model model = this->model();
  const LogitsFunction unfolded = [&](Tape& tape, const Var& x) {
    return model.logits({tape, {model.weights, {}}, {}, model.statistics, BatchNormMode::frozen},
                        x);
  };

  const Answer got = answer(model.evaluation(), images()), want = answer(unfolded, images());

  EXPECT_LT(relative_distance(got.logits, want.logits), 1e-5);
  EXPECT_LT(relative_distance(got.gradient, want.gradient), 1e-4);
}

TEST_P(Fold, leaves_weights_and_statistics_as_they_are) {
  const Model model = this->model();
  const std::vector<float> weights = model.weights.to_host<float>(),
                           statistics = model.statistics.to_host<float>();

  answer(model.evaluation(), images());

  EXPECT_EQ(model.weights.to_host<float>(), weights);
  EXPECT_EQ(model.statistics.to_host<float>(), statistics);
}

TEST_P(Fold, keeps_what_the_model_was_when_evaluation_began) {
  Model model = this->model();
  const LogitsFunction before = model.evaluation();
  const Answer want = answer(before, images());

  launch(device(), Fill{model.weights.array(), 0.f}, model.weights.count());

  EXPECT_EQ(answer(before, images()).logits, want.logits);
}

TEST(fold, knows_which_convolution_stands_before_which_norm) {
  const Network network = make_network({"preact_resnet10", 4, 3, 32, 32, 10});

  std::vector<std::string> pairs;
  for (const NormSlots& norm : network.layout.norms) {
    if (norm.convolution) pairs.push_back(norm.convolution->name + " " + norm.weight.name);
  }

  EXPECT_EQ(pairs, (std::vector<std::string>{"layer1.0.conv1.weight layer1.0.bn2.weight",
                                             "layer2.0.conv1.weight layer2.0.bn2.weight",
                                             "layer3.0.conv1.weight layer3.0.bn2.weight",
                                             "layer4.0.conv1.weight layer4.0.bn2.weight"}));
  EXPECT_EQ(network.layout.norms.size(), 9u);
}

}  // namespace
}  // namespace saddle
