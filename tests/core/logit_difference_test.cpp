// The difference of two logits: values, gradient against central differences in double, errors.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/attack_ops.h"
#include "core/ops.h"
#include "kernels/logit_difference.h"
#include "tests/support/devices.h"
#include "tests/support/differences.h"
#include "tests/support/expect_near.h"
#include "tests/support/random_values.h"

namespace saddle {
namespace {

using namespace testing_support;
using Floats = std::vector<float>;
using Labels = std::vector<std::int32_t>;

constexpr std::int64_t kRows = 7, kClasses = 5;

struct Arguments {
  Floats logits = random_values(kRows * kClasses, 1);
  Labels plus = random_labels(kRows, 2, kClasses), minus = random_labels(kRows, 3, kClasses);
  Floats weights = random_values(kRows, 4);
};

class LogitDifference : public ::testing::TestWithParam<std::string> {
 protected:
  Device& device() const { return device_named(GetParam()); }
  Tensor labels(const Labels& values) const { return Tensor::from_host(device(), {kRows}, values); }
  Var logits(const Floats& values) const {
    return Var(Tensor::from_host(device(), {kRows, kClasses}, values), Gradient::wanted);
  }
};

INSTANTIATE_TEST_SUITE_P(Devices, LogitDifference, ::testing::ValuesIn(device_names()),
                         [](const auto& info) { return std::string(info.param); });

double weighted_sum(const Arguments& with, const std::vector<double>& z) {
  double sum = 0;
  for (std::size_t i = 0; i < kRows; ++i) {
    const auto plus = static_cast<std::size_t>(with.plus[i]),
               minus = static_cast<std::size_t>(with.minus[i]);
    sum += with.weights[i] * (z[i * kClasses + plus] - z[i * kClasses + minus]);
  }
  return sum;
}

TEST_P(LogitDifference, is_the_weighted_sum_and_its_gradient_that_of_central_differences) {
  const Arguments with;
  const std::vector<double> z(with.logits.begin(), with.logits.end());
  Tape tape;
  const Var x = logits(with.logits);

  const LogitDifferences got = logit_difference(tape, x, labels(with.plus), labels(with.minus),
                                                Tensor::from_host(device(), {kRows}, with.weights));
  const float sum = got.sum.value().item();
  tape.backward(got.sum);

  expect_near(sum, weighted_sum(with, z), summation_bound(2 * kRows, 2 * kRows), "sum");
  const std::vector<double> want =
      central_differences([&](const auto& at) { return weighted_sum(with, at); }, z);
  const Floats gradient = x.gradient().to_host<float>();
  for (std::size_t i = 0; i < want.size(); ++i) {
    expect_near(gradient[i], want[i], 1e-8, "dz[" + std::to_string(i) + "]");
  }
}

TEST_P(LogitDifference, without_weights_counts_every_row_once) {
  const Arguments with;
  Tape tape;
  const Var x = logits(with.logits);

  const LogitDifferences got = logit_difference(tape, x, labels(with.plus), labels(with.minus));
  tape.backward(got.sum);

  const Floats differences = got.differences.to_host<float>(), dz = x.gradient().to_host<float>();
  for (std::int64_t i = 0; i < kRows; ++i) {
    const std::int64_t plus = i * kClasses + with.plus[i], minus = i * kClasses + with.minus[i];
    EXPECT_EQ(differences[i], with.logits[plus] - with.logits[minus]) << "row " << i;
    for (std::int64_t at = i * kClasses; at < (i + 1) * kClasses; ++at) {
      EXPECT_EQ(dz[at], static_cast<float>(at == plus) - static_cast<float>(at == minus)) << at;
    }
  }
}

TEST_P(LogitDifference, is_walked_back_as_often_as_the_tape_is_copied) {
  const Arguments with;
  const Labels first(kRows, 0), second(kRows, 1);
  Tape tape;
  const Var x = logits(with.logits);
  const Var z = relu(tape, add(tape, x, x));
  const auto gradient_on = [&](Tape on, const Labels& plus) {
    on.backward(logit_difference(on, z, labels(plus), labels(with.minus)).sum);
    return x.take_gradient().to_host<float>();
  };

  const Floats once = gradient_on(tape, first), other = gradient_on(tape, second),
               again = gradient_on(tape, first);

  EXPECT_EQ(again, once);
  EXPECT_NE(other, once);
}

TEST(logit_difference, names_shapes_that_do_not_match) {
  const Arguments with;
  Device& device = cpu_device();
  Tape tape;
  const Var z(Tensor::from_host(device, {kRows, kClasses}, with.logits), Gradient::wanted);
  const Tensor classes = Tensor::from_host(device, {kRows}, with.plus),
               fewer = Tensor::from_host(device, {2}, Labels{0, 1});

  EXPECT_CONTAINS(message_of<Error>([&] { logit_difference(tape, z, classes, fewer); }),
                  "logit_difference: 7 rows of logits, 7 and 2 classes");
  EXPECT_CONTAINS(message_of<Error>([&] {
                    logit_difference(tape, z, classes, classes, Tensor::filled(device, {3}, 1.f));
                  }),
                  "logit_difference: 7 rows of logits, 3 weights");
}

}  // namespace
}  // namespace saddle
