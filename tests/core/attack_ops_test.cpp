// The losses that attacks climb: values by hand, gradients against central differences in double.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "core/ops.h"
#include "tests/support/devices.h"
#include "tests/support/differences.h"
#include "tests/support/expect_near.h"
#include "tests/support/random_values.h"
#include "tests/support/reference.h"

namespace saddle {
namespace {

using namespace testing_support;
using Floats = std::vector<float>;
using Integers = std::vector<std::int32_t>;

class AttackLosses : public ::testing::TestWithParam<std::string> {
 protected:
  Device& device() const { return device_named(GetParam()); }
  Tensor integers(const Integers& values) const {
    return Tensor::from_host(device(), {static_cast<std::int64_t>(values.size())}, values);
  }
};

INSTANTIATE_TEST_SUITE_P(Devices, AttackLosses, ::testing::ValuesIn(device_names()),
                         [](const auto& info) { return std::string(info.param); });

struct Answer {
  Floats losses, gradient;
  Integers prediction;
  float sum;
};

// loss(tape, logits) of rows of `classes` logits.
Answer answer_of(Device& device, const Floats& z, std::int64_t classes,
                 const std::function<RowLosses(Tape&, const Var&)>& loss) {
  Tape tape;
  const auto rows = static_cast<std::int64_t>(z.size()) / classes;
  const Var logits = tape.input(Tensor::from_host(device, {rows, classes}, z), Gradient::wanted);
  const RowLosses found = loss(tape, logits);
  tape.backward(found.loss);
  return {found.losses.to_host<float>(), logits.gradient().to_host<float>(),
          found.prediction.to_host<std::int32_t>(), found.loss.value().item()};
}

const Floats kLadder = {2, 1, 0, -1};

TEST_P(AttackLosses, dlr_is_minus_a_half_on_the_ladder_of_logits_and_plus_a_half_where_wrong) {
  Floats both = kLadder;
  both.insert(both.end(), kLadder.begin(), kLadder.end());

  const Answer got = answer_of(device(), both, 4, [&](Tape& tape, const Var& z) {
    return dlr_loss(tape, z, integers({0, 1}));
  });

  EXPECT_EQ(got.losses, (Floats{-.5f, .5f}));
  EXPECT_EQ(got.prediction, (Integers{0, 0}));
  EXPECT_EQ(got.sum, 0.f);
  const Floats first(got.gradient.begin(), got.gradient.begin() + 4);
  EXPECT_EQ(first, (Floats{-.25f, .5f, -.25f, 0}));
}

TEST_P(AttackLosses, dlr_does_not_see_the_scale_of_the_logits) {
  const Answer got = answer_of(device(), {14, 7, 0, -7}, 4, [&](Tape& tape, const Var& z) {
    return dlr_loss(tape, z, integers({0}));
  });

  EXPECT_EQ(got.losses[0], -.5f);
}

TEST_P(AttackLosses, targeted_dlr_is_minus_four_fifths_on_the_ladder_of_logits) {
  const Answer got = answer_of(device(), kLadder, 4, [&](Tape& tape, const Var& z) {
    return targeted_dlr_loss(tape, z, integers({0}), integers({2}));
  });

  expect_near(got.losses[0], -.8, 2 * kFloatEps, "loss");
}

TEST_P(AttackLosses, give_equal_logits_to_the_lower_class_first) {
  // pi = 0, 2, 3, 1; with y = 2 the competitor is 0.
  const Answer got = answer_of(device(), {3, 1, 3, 3}, 4, [&](Tape& tape, const Var& z) {
    return dlr_loss(tape, z, integers({2}));
  });

  EXPECT_EQ(got.losses[0], 0.f);
  EXPECT_EQ(got.prediction[0], 0);
  EXPECT_GT(got.gradient[0], 0.f);
  EXPECT_EQ(got.gradient[1], 0.f);
  EXPECT_LT(got.gradient[2], 0.f);
  EXPECT_EQ(got.gradient[3], 0.f);
}

TEST_P(AttackLosses, of_equal_logits_are_numbers) {
  const Answer dlr = answer_of(device(), {0, 0, 0, 0}, 4, [&](Tape& tape, const Var& z) {
    return dlr_loss(tape, z, integers({1}));
  });
  const Answer targeted = answer_of(device(), {0, 0, 0, 0}, 4, [&](Tape& tape, const Var& z) {
    return targeted_dlr_loss(tape, z, integers({1}), integers({2}));
  });

  EXPECT_EQ(dlr.losses[0], 0.f);
  EXPECT_EQ(targeted.losses[0], 0.f);
  for (float g : dlr.gradient) EXPECT_TRUE(std::isfinite(g));
  for (float g : targeted.gradient) EXPECT_TRUE(std::isfinite(g));
}

TEST_P(AttackLosses, of_a_row_with_a_logit_that_is_no_number_are_none_and_leave_the_others_alone) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Floats z = {2, 1, 0, nan, 2, 1, 0, -1};
  const Integers labels = {0, 0}, targets = {2, 2};
  const std::vector<std::function<RowLosses(Tape&, const Var&)>> losses = {
      [&](Tape& t, const Var& v) { return dlr_loss(t, v, integers(labels)); },
      [&](Tape& t, const Var& v) {
        return targeted_dlr_loss(t, v, integers(labels), integers(targets));
      },
      [&](Tape& t, const Var& v) { return targeted_cross_entropy_loss(t, v, integers(targets)); }};
  for (std::size_t i = 0; i < losses.size(); ++i) {
    const Answer got = answer_of(device(), z, 4, losses[i]);
    EXPECT_TRUE(std::isnan(got.losses[0])) << "loss " << i;
    EXPECT_TRUE(std::isfinite(got.losses[1])) << "loss " << i;
    for (std::size_t k = 4; k < 8; ++k) EXPECT_TRUE(std::isfinite(got.gradient[k])) << "loss " << i;
  }
}

// Gradients ---------------------------------------------------------------------------------------

constexpr std::int64_t kRows = 7, kClasses = 5;

// A row's logits in double by falling value.
Values sorted(Values z) {
  std::sort(z.begin(), z.end(), std::greater<>());
  return z;
}

double largest_other(const Values& z, std::size_t y) {
  double other = -1e300;
  for (std::size_t k = 0; k < z.size(); ++k) {
    if (k != y) other = std::max(other, z[k]);
  }
  return other;
}

// The loss of one row with label y and target t.
using RowLoss = std::function<double(const Values& z, std::size_t y, std::size_t t)>;

double dlr_reference(const Values& z, std::size_t y, std::size_t) {
  const Values pi = sorted(z);
  return -(z[y] - largest_other(z, y)) / (pi[0] - pi[2] + 1e-12);
}
double targeted_dlr_reference(const Values& z, std::size_t y, std::size_t t) {
  const Values pi = sorted(z);
  return -(z[y] - z[t]) / (pi[0] - .5 * (pi[2] + pi[3]) + 1e-12);
}
double targeted_cross_entropy_reference(const Values& z, std::size_t, std::size_t t) {
  double sum = 0;
  for (double value : z) sum += std::exp(value - z[t]);
  return -std::log(sum);
}

void expect_agreement(Device& device, const RowLoss& reference,
                      const std::function<RowLosses(Tape&, const Var&, const Tensor& labels,
                                                    const Tensor& targets)>& loss) {
  const Floats z = random_values(kRows * kClasses, 41, -2.f, 2.f);
  const Integers labels = random_labels(kRows, 42, kClasses);
  Integers targets;
  for (std::int32_t y : labels) targets.push_back((y + 2) % static_cast<std::int32_t>(kClasses));
  const Answer got = answer_of(device, z, kClasses, [&](Tape& tape, const Var& logits) {
    return loss(tape, logits, Tensor::from_host(device, {kRows}, labels),
                Tensor::from_host(device, {kRows}, targets));
  });

  for (std::size_t row = 0; row < kRows; ++row) {
    const auto first = z.begin() + static_cast<std::ptrdiff_t>(row * kClasses);
    const Values of_row(first, first + kClasses);
    const auto y = static_cast<std::size_t>(labels[row]),
               t = static_cast<std::size_t>(targets[row]);
    const Values gradient =
        central_differences([&](const Values& at) { return reference(at, y, t); }, of_row);
    // The quotients divide by numbers near 1, so a handful of roundings of numbers up to 10.
    expect_near(got.losses[row], reference(of_row, y, t), 60 * kFloatEps,
                "loss " + std::to_string(row));
    for (std::size_t k = 0; k < kClasses; ++k) {
      expect_near(got.gradient[row * kClasses + k], gradient[k], 200 * kFloatEps,
                  "dz[" + std::to_string(row) + ", " + std::to_string(k) + "]");
    }
  }
}

TEST_P(AttackLosses, dlr_and_its_gradient_agree_with_double) {
  expect_agreement(device(), dlr_reference,
                   [](Tape& tape, const Var& z, const Tensor& y, const Tensor&) {
                     return dlr_loss(tape, z, y);
                   });
}

TEST_P(AttackLosses, targeted_dlr_and_its_gradient_agree_with_double) {
  expect_agreement(device(), targeted_dlr_reference,
                   [](Tape& tape, const Var& z, const Tensor& y, const Tensor& t) {
                     return targeted_dlr_loss(tape, z, y, t);
                   });
}

TEST_P(AttackLosses, targeted_cross_entropy_and_its_gradient_agree_with_double) {
  expect_agreement(device(), targeted_cross_entropy_reference,
                   [](Tape& tape, const Var& z, const Tensor&, const Tensor& t) {
                     return targeted_cross_entropy_loss(tape, z, t);
                   });
}

// Errors ------------------------------------------------------------------------------------------

TEST(attack_losses, refuse_models_of_too_few_classes) {
  Tape tape;
  const Var z = tape.input(Tensor::filled(cpu_device(), {1, 2}, 0.f), Gradient::none);
  const Var z3 = tape.input(Tensor::filled(cpu_device(), {1, 3}, 0.f), Gradient::none);
  const Tensor label = Tensor::from_host(cpu_device(), {1}, Integers{0});

  EXPECT_CONTAINS(message_of<Error>([&] { dlr_loss(tape, z, label); }),
                  "dlr_loss: logits [1, 2] must be [N, classes] of at least 3 classes");
  EXPECT_CONTAINS(message_of<Error>([&] { targeted_dlr_loss(tape, z3, label, label); }),
                  "at least 4 classes. With fewer, use cross-entropy");
}

TEST(attack_losses, refuse_labels_that_do_not_match_the_logits) {
  Tape tape;
  const Var z = tape.input(Tensor::filled(cpu_device(), {2, 4}, 0.f), Gradient::none);
  const Tensor label = Tensor::from_host(cpu_device(), {1}, Integers{0});

  EXPECT_CONTAINS(message_of<Error>([&] { dlr_loss(tape, z, label); }),
                  "dlr_loss: 2 rows of logits, 1 labels or targets");
}

}  // namespace
}  // namespace saddle
