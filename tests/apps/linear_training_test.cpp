// Saddle's own training of the toy model's classifier against the theorems it is well specified
// for.
#include "apps/theory/linear_training.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "tests/support/expect_near.h"

namespace saddle::theory {
namespace {

using namespace testing_support;

const ToyModel kModel{0.8, 0.5, 4};

struct Learnt {
  double mean, standard_error;
};

Learnt learn(ToyTraining method, double radius) {
  constexpr int kSeeds = 6;
  double weights[kSeeds], mean = 0, variance = 0;
  for (int i = 0; i < kSeeds; ++i) {
    ToyTrainingOptions options;
    options.method = method;
    options.radius = radius;
    options.examples = 8000;
    options.epochs = 12;
    options.seed = static_cast<std::uint64_t>(i);
    weights[i] = learnt_weight(cpu_device(), kModel, options);
    mean += weights[i] / kSeeds;
  }
  for (const double w : weights) variance += (w - mean) * (w - mean) / (kSeeds - 1);
  return {mean, std::sqrt(variance / kSeeds)};
}

// The error of six draws has five degrees of freedom: six of it are passed once in a thousand.
TEST(linear_training, learns_the_optimum_of_theorem_4_1) {
  const Learnt learnt = learn(ToyTraining::standard, 0);

  EXPECT_NEAR(learnt.mean, standard_optimum(kModel), 6 * learnt.standard_error);
  EXPECT_LT(learnt.standard_error, 0.05 * learnt.mean);
}

TEST(linear_training, under_attack_learns_the_optimum_of_theorem_4_2) {
  const double eps = 0.2;
  const Learnt learnt = learn(ToyTraining::adversarial, eps);

  const double want = adversarial_optimum_without_robust(kModel, eps);
  EXPECT_NEAR(learnt.mean, want, 6 * learnt.standard_error);
  EXPECT_GT(learnt.mean - 6 * learnt.standard_error, standard_optimum(kModel));
}

TEST(linear_training, without_radius_is_standard_training) {
  ToyTrainingOptions options;
  options.examples = 2000;
  options.epochs = 2;
  const double standard = learnt_weight(cpu_device(), kModel, options);
  options.method = ToyTraining::sam;
  EXPECT_EQ(learnt_weight(cpu_device(), kModel, options), standard);
  options.method = ToyTraining::adversarial;
  EXPECT_EQ(learnt_weight(cpu_device(), kModel, options), standard);
}

TEST(linear_training, depends_on_its_seed_alone) {
  ToyTrainingOptions options;
  options.examples = 2000;
  options.epochs = 2;
  const double once = learnt_weight(cpu_device(), kModel, options);
  EXPECT_EQ(learnt_weight(cpu_device(), kModel, options), once);
  options.seed = 1;
  EXPECT_NE(learnt_weight(cpu_device(), kModel, options), once);
}

TEST(linear_training, refuses_to_train_on_nothing) {
  ToyTrainingOptions options;
  options.examples = 10;
  EXPECT_CONTAINS(message_of<Error>([&] { learnt_weight(cpu_device(), kModel, options); }),
                  "toy training: needs");
}

}  // namespace
}  // namespace saddle::theory
