// Softmax cross-entropy row by row: the formula in double, large logits, ties and NaN.
#include "kernels/loss.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "tests/support/expect_near.h"
#include "tests/support/random_values.h"
#include "tests/support/view.h"

namespace saddle {
namespace {

using namespace testing_support;

struct Result {
  std::vector<float> loss, correct, dlogits;
};

Result run(const std::vector<float>& logits, const std::vector<std::int32_t>& labels,
           std::int64_t classes, float scale = 1.f, float smoothing = 0.f) {
  Result result{std::vector<float>(labels.size(), -7.f), std::vector<float>(labels.size(), -7.f),
                std::vector<float>(logits.size(), -7.f)};
  const SoftmaxCrossEntropy kernel{
      view(logits), view(labels), view(result.loss), view(result.correct), view(result.dlogits),
      classes,      scale,        smoothing};
  for (std::size_t row = 0; row < labels.size(); ++row) {
    kernel.reference(static_cast<std::int64_t>(row));
  }
  return result;
}

struct Size {
  std::int64_t rows, classes;
};

class SoftmaxCrossEntropySizes : public ::testing::TestWithParam<Size> {};

INSTANTIATE_TEST_SUITE_P(Sizes, SoftmaxCrossEntropySizes,
                         ::testing::Values(Size{0, 10}, Size{1, 1}, Size{7, 2}, Size{31, 10},
                                           Size{33, 33}, Size{3, 1025}),
                         [](const auto& info) {
                           return std::to_string(info.param.rows) + "x" +
                                  std::to_string(info.param.classes);
                         });

TEST_P(SoftmaxCrossEntropySizes, equals_the_formula_in_double) {
  const auto [rows, classes] = GetParam();
  const float scale = 0.25f;
  const std::vector<float> logits = random_values(rows * classes, 1, -4.f, 4.f);
  const std::vector<std::int32_t> labels =
      random_labels(rows, 2, static_cast<std::int32_t>(classes));

  const Result got = run(logits, labels, classes, scale);

  for (std::int64_t row = 0; row < rows; ++row) {
    const float* z = logits.data() + row * classes;
    const float largest = *std::max_element(z, z + classes);
    const std::int32_t y = labels[row];
    double sum = 0;
    for (std::int64_t k = 0; k < classes; ++k) sum += std::exp(double{z[k]});
    const std::string place = "row " + std::to_string(row);
    // exp(z - largest) errs by up to eps |z - largest| <= 8 eps, relative; then a sum of `classes`
    // terms.
    const double n = static_cast<double>(classes);
    expect_near(got.loss[row], std::log(sum) - z[y], summation_bound(n, 8 + 1), place);
    for (std::int64_t k = 0; k < classes; ++k) {
      const double p = std::exp(double{z[k]}) / sum;
      expect_near(got.dlogits[row * classes + k], scale * (p - (k == y)),
                  summation_bound(n, scale * (9 * p + (k == y))),
                  place + " class " + std::to_string(k));
    }
    EXPECT_EQ(got.correct[row], z[y] == largest ? 1.f : 0.f) << place;
  }
}

// Source: PyTorch's label_smoothing, target (1 - s) onehot + s / K.
TEST_P(SoftmaxCrossEntropySizes, with_smoothing_equals_the_formula_in_double) {
  const auto [rows, classes] = GetParam();
  const float scale = 0.25f, s = 0.2f;
  const std::vector<float> logits = random_values(rows * classes, 1, -4.f, 4.f);
  const std::vector<std::int32_t> labels =
      random_labels(rows, 2, static_cast<std::int32_t>(classes));

  const Result got = run(logits, labels, classes, scale, s);

  const double n = static_cast<double>(classes);
  for (std::int64_t row = 0; row < rows; ++row) {
    const float* z = logits.data() + row * classes;
    double sum = 0, target_logit = 0;
    const auto target = [&](std::int64_t k) { return (k == labels[row] ? 1. - s : 0.) + s / n; };
    for (std::int64_t k = 0; k < classes; ++k) {
      sum += std::exp(double{z[k]});
      target_logit += target(k) * z[k];
    }
    const std::string place = "row " + std::to_string(row);
    expect_near(got.loss[row], std::log(sum) - target_logit, summation_bound(n, 8 + 9), place);
    for (std::int64_t k = 0; k < classes; ++k) {
      const double p = std::exp(double{z[k]}) / sum;
      expect_near(got.dlogits[row * classes + k], scale * (p - target(k)),
                  summation_bound(n, scale * (9 * p + 2)), place + " class " + std::to_string(k));
    }
  }
}

TEST(softmax_cross_entropy, is_exact_where_one_logit_is_1e4_and_the_others_are_minus_1e4) {
  const std::vector<float> logits = {1e4f, -1e4f, -1e4f, 1e4f, -1e4f, -1e4f};

  const Result got = run(logits, {0, 1}, 3);

  EXPECT_EQ(got.loss, (std::vector<float>{0.f, 2e4f}));
  EXPECT_EQ(got.dlogits, (std::vector<float>{0.f, 0.f, 0.f, 1.f, -1.f, 0.f}));
  EXPECT_EQ(got.correct, (std::vector<float>{1.f, 0.f}));
}

// z + c - max(z + c) = z - max z: a shift that is exact in float changes no bit of the loss.
TEST(softmax_cross_entropy, does_not_change_by_a_bit_when_all_logits_are_shifted_by_1e4) {
  std::vector<float> logits(33 * 7);
  for (std::size_t i = 0; i < logits.size(); ++i)
    logits[i] = static_cast<float>(i * 37 % 41) / 8 - 2.5f;
  std::vector<float> above = logits, below = logits;
  for (float& z : above) z += 1e4f;
  for (float& z : below) z -= 1e4f;
  const std::vector<std::int32_t> labels = random_labels(33, 3, 7);

  const Result got = run(logits, labels, 7);

  EXPECT_EQ(bits_of(run(above, labels, 7).loss), bits_of(got.loss));
  EXPECT_EQ(bits_of(run(below, labels, 7).loss), bits_of(got.loss));
  EXPECT_EQ(bits_of(run(above, labels, 7).dlogits), bits_of(got.dlogits));
}

TEST(softmax_cross_entropy, has_gradients_that_add_to_zero_in_each_row) {
  const std::vector<float> logits = random_values(31 * 10, 4, -4.f, 4.f);

  const Result got = run(logits, random_labels(31, 5, 10), 10);

  for (std::size_t row = 0; row < 31; ++row) {
    double sum = 0;
    for (std::size_t k = 0; k < 10; ++k) sum += got.dlogits[row * 10 + k];
    expect_near(sum, 0, summation_bound(10, 2), "row " + std::to_string(row));
  }
}

TEST(softmax_cross_entropy, of_a_nan_logit_is_nan_and_not_correct) {
  const float nan = std::nanf("");

  const Result got = run({nan, 1.f, 2.f, 1.f, nan, 2.f, 1.f, 2.f, nan}, {0, 1, 2}, 3);

  for (float loss : got.loss) EXPECT_TRUE(std::isnan(loss));
  EXPECT_EQ(got.correct, (std::vector<float>{0.f, 0.f, 0.f}));
}

TEST(argmax, prefers_the_lowest_class_among_equals) {
  const std::vector<float> z = {1.f, 3.f, 2.f, 3.f, 3.f};

  EXPECT_EQ(argmax(z.data(), 5), 1);
}

TEST(argmax, takes_minus_zero_and_zero_for_equals) {
  const std::vector<float> z = {-0.f, 0.f};

  EXPECT_EQ(argmax(z.data(), 2), 0);
}

TEST(argmax, never_predicts_a_nan_over_a_number) {
  const float nan = std::nanf("");
  const std::vector<float> first = {nan, -5.f, -6.f}, middle = {-5.f, nan, -6.f},
                           last = {-6.f, -5.f, nan};

  EXPECT_EQ(argmax(first.data(), 3), 1);
  EXPECT_EQ(argmax(middle.data(), 3), 0);
  EXPECT_EQ(argmax(last.data(), 3), 1);
}

TEST(argmax, of_nothing_but_nan_is_class_zero) {
  const std::vector<float> z(3, std::nanf(""));

  EXPECT_EQ(argmax(z.data(), 3), 0);
}

TEST(predict, writes_the_argmax_of_every_row) {
  const std::vector<float> logits = {1.f, 2.f, 2.f, 0.f, -1.f, -1.f};
  std::vector<std::int32_t> prediction(3, -1);
  const Predict kernel{view(logits), view(prediction), 2};
  for (std::int64_t row = 0; row < 3; ++row) kernel.reference(row);

  EXPECT_EQ(prediction, (std::vector<std::int32_t>{1, 0, 0}));
}

}  // namespace
}  // namespace saddle
