// Attacks that aim at a class, on a linear model of four.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "apps/attack/report.h"
#include "tests/apps/data_files.h"
#include "tests/apps/linear_target.h"
#include "tests/support/devices.h"

namespace saddle {
namespace {

using namespace testing_support;

// x + eps sign(d log p_t / dx) = x + eps sign(w_t - sum over k of p_k w_k), in double.
std::vector<double> one_step_towards(const Dataset& data, std::size_t example, std::size_t target,
                                     double eps) {
  std::vector<double> p = logits_of_example(data, example);
  double sum = 0;
  for (double& value : p) sum += value = std::exp(value);
  std::vector<double> moved;
  for (std::size_t i = 0; i < kPixels; ++i) {
    double g = weights()[target * kPixels + i];
    for (std::size_t k = 0; k < kClasses; ++k) g -= p[k] / sum * weights()[k * kPixels + i];
    moved.push_back(data.pixels[example * kPixels + i] / 255. + eps * (g > 0 ? 1 : -1));
  }
  return moved;
}

std::size_t least_likely(const Dataset& data, std::size_t example) {
  std::vector<double> z = logits_of_example(data, example);
  z[static_cast<std::size_t>(data.labels[example])] = std::numeric_limits<double>::infinity();
  return static_cast<std::size_t>(std::min_element(z.begin(), z.end()) - z.begin());
}

TEST(TargetedAttack, takes_a_step_along_the_gradient_of_the_targets_probability) {
  for (const std::string& name : device_names()) {
    const Target target(device_named(name), 12);
    for (const char* spec : {"fgsm:eps=0.05,target=least",
                             "mifgsm:eps=0.05,alpha=0.05,steps=1,"
                             "target=least",
                             "pgd:eps=0.05,alpha=0.05,steps=1,start=zero,"
                             "target=least"}) {
      const AttackResult result = target.attack(spec);
      for (std::size_t n = 0; n < 12; ++n) {
        if (result.examples[n].attacked == 0) continue;
        const std::vector<double> want =
            one_step_towards(target.examples, n, least_likely(target.examples, n), 0.05);
        for (std::size_t i = 0; i < kPixels; ++i) {
          EXPECT_NEAR(result.adversarial[n * kPixels + i], want[i], 1e-6) << spec << " " << n;
        }
      }
    }
  }
}

TEST(TargetedAttack, succeeds_where_the_target_is_predicted_and_nowhere_else) {
  const Target target(cpu_device(), 60);

  const AttackResult result = target.attack("pgd:eps=0.1,steps=20,target=least");

  int hits = 0, others = 0;
  for (std::size_t n = 0; n < 60; ++n) {
    const ExampleRecord& record = result.examples[n];
    if (record.attacked == 0) continue;
    const auto aim = static_cast<std::int32_t>(least_likely(target.examples, n));
    EXPECT_EQ(record.broken(), record.prediction == aim) << n;
    hits += record.broken() ? 1 : 0;
    others += !record.broken() && record.prediction != record.label ? 1 : 0;
  }
  EXPECT_GT(hits, 0);
  EXPECT_GT(others, 0);  // misled, but not to the target: no success, and no right answer either
  EXPECT_EQ(target_success(result), 100. * hits / static_cast<double>(result.attacked));
  std::int64_t right = 0;
  for (const ExampleRecord& record : result.examples) right += record.prediction == record.label;
  EXPECT_EQ(result.robust_accuracy, 100. * static_cast<double>(right) / 60);
}

TEST(TargetedAttack, of_apgd_and_cw_succeeds_where_the_target_is_predicted) {
  const Target target(cpu_device(), 40);
  for (const char* spec :
       {"apgd-ce:eps=0.1,steps=20,target=2", "cw:searches=4,iterations=60,target=2"}) {
    const AttackResult result = target.attack(spec);

    int hits = 0;
    for (const ExampleRecord& record : result.examples) {
      if (record.attacked == 0) continue;
      EXPECT_EQ(record.broken(), record.prediction == 2) << spec;
      EXPECT_TRUE(record.broken() || record.linf == 0) << spec;  // failures are the clean image
      hits += record.broken() ? 1 : 0;
    }
    EXPECT_GT(hits, 0) << spec;
  }
}

TEST(TargetedAttack, leaves_alone_what_is_of_the_class_already) {
  const Target target(cpu_device(), 30);

  const AttackResult result = target.attack("fgsm:eps=0.05,target=1");

  for (const ExampleRecord& record : result.examples) {
    EXPECT_TRUE(record.label != 1 || record.attacked == 0);
  }
  EXPECT_GT(result.attacked, 0);
  expect_error("target=4 is no class of the model, which has 4",
               [&] { target.attack("fgsm:target=4"); });
}

TEST(TargetedAttack, draws_the_same_targets_whatever_the_batch) {
  const Target target(cpu_device(), 30);
  const std::string spec = "pgd:eps=0.3,steps=30,start=zero,target=random";

  const AttackResult one = target.attack(spec, 1), many = target.attack(spec, 16);

  EXPECT_EQ(one.adversarial, many.adversarial);
  EXPECT_EQ(one.predictions(), many.predictions());
  EXPECT_NE(target.attack(spec + ",seed=4").adversarial, one.adversarial);
}

}  // namespace
}  // namespace saddle
