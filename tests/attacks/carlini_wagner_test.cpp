// Carlini and Wagner's attack on models whose boundary is known.
#include "attacks/carlini_wagner.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "attacks/rows.h"
#include "tests/support/devices.h"
#include "tests/support/expect_near.h"
#include "tests/support/linear_models.h"

namespace saddle {
namespace {

using namespace testing_support;
using Floats = std::vector<float>;
using Rows = std::vector<std::int32_t>;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
const double kL2 = .2 / std::sqrt(14.);  // distance of LIN2's boundary from the grey image

CarliniWagnerOptions searching(int searches, int iterations) {
  CarliniWagnerOptions options;
  options.searches = searches;
  options.iterations = iterations;
  return options;
}

class CarliniWagnerAttack : public ::testing::TestWithParam<std::string> {
 protected:
  Device& device() const { return device_named(GetParam()); }
  MinimalNorm found(const LogitsFunction& model, const CarliniWagnerOptions& options) const {
    return CarliniWagner(model, options).nearest(single_image(device(), grey()));
  }
};

INSTANTIATE_TEST_SUITE_P(Devices, CarliniWagnerAttack, ::testing::ValuesIn(device_names()),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(CarliniWagnerAttack, comes_within_2_percent_of_lin2s_distance) {
  const MinimalNorm nearest = found(lin2(device()), searching(9, 200));

  EXPECT_GT(nearest.distances.item(), kL2 - 1e-6);
  EXPECT_LT(nearest.distances.item(), 1.02 * kL2);
  EXPECT_LT(lin_margin(nearest.images.to_host<float>()), 0);
}

TEST_P(CarliniWagnerAttack, misclassifies_by_kappa_at_least) {
  CarliniWagnerOptions options = searching(6, 200);
  options.kappa = .1f;
  const MinimalNorm nearest = found(lin2(device()), options);

  EXPECT_LE(lin_margin(nearest.images.to_host<float>()), -.1 + 1e-6);
  EXPECT_LT(nearest.distances.item(), 1.05 * .3 / std::sqrt(14.));
}

TEST_P(CarliniWagnerAttack, finds_nothing_with_too_small_a_weight_and_more_by_searching) {
  // c ||w|| must exceed 2 ||delta||: .0286.
  CarliniWagnerOptions options = searching(1, 100);
  options.c = .01f;
  EXPECT_EQ(found(lin2(device()), options).distances.item(), kInfinity);
  options.searches = 2;  // .1
  EXPECT_LT(found(lin2(device()), options).distances.item(), kInfinity);
}

TEST_P(CarliniWagnerAttack, of_a_constant_model_is_the_clean_image) {
  const MinimalNorm nearest = found(constant_model(device()), searching(3, 20));

  EXPECT_EQ(nearest.images.to_host<float>(), grey());
  EXPECT_EQ(nearest.distances.item(), kInfinity);
}

TEST_P(CarliniWagnerAttack, leaves_a_clean_error_as_it_is_at_distance_0) {
  const MinimalNorm nearest =
      CarliniWagner(lin2(device()), searching(2, 20)).nearest(single_image(device(), grey(), 1));

  EXPECT_EQ(nearest.images.to_host<float>(), grey());
  EXPECT_EQ(nearest.distances.item(), 0.f);
}

TEST_P(CarliniWagnerAttack, moves_black_and_white_pixels) {
  // Margin .3 at the image; pixel 0 is white and pixel 1 black, and only they can lower it.
  const LogitsFunction model = linear_model(device(), {3, -3, 0, 0}, {-2.7f, 0});
  const MinimalNorm nearest =
      CarliniWagner(model, searching(6, 400)).nearest(single_image(device(), {1, 0, .5f, .5f}));

  EXPECT_LT(nearest.distances.item(), 1.1 * .3 / std::sqrt(18.));
}

// z = (x_0 + .1, x_1 + .08, x_2): from the grey image class 2 is reached in l2 along s = .06, where
// 3 s = .1 + .08: delta = (s - .1, s - .08, s).
LogitsFunction three_pixels(Device& device) {
  return linear_model(device, {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0}, {.1f, .08f, 0});
}

Batch aimed_at(Batch batch, std::int32_t aim) {
  batch.aims = row_numbers(batch.inputs.device(), {aim});
  return batch;
}

TEST_P(CarliniWagnerAttack, comes_near_the_distance_of_the_class_aimed_at) {
  CarliniWagner attack(three_pixels(device()), searching(9, 300));
  const double distance = std::sqrt(.04 * .04 + .02 * .02 + .06 * .06);

  const MinimalNorm nearest = attack.nearest(aimed_at(single_image(device(), grey()), 2));

  EXPECT_GT(nearest.distances.item(), distance - 1e-6);
  EXPECT_LT(nearest.distances.item(), 1.03 * distance);
  EXPECT_EQ(predict(logits_of(three_pixels(device()), nearest.images)).to_host<std::int32_t>(),
            Rows{2});
}

TEST_P(CarliniWagnerAttack, leads_to_the_class_aimed_at_with_a_margin_of_kappa) {
  CarliniWagnerOptions options = searching(9, 300);
  options.kappa = .03f;  // 3 s = .13 + .11
  const double distance = std::sqrt(.05 * .05 + .03 * .03 + .08 * .08);

  const MinimalNorm nearest = CarliniWagner(three_pixels(device()), options)
                                  .nearest(aimed_at(single_image(device(), grey()), 2));

  EXPECT_GT(nearest.distances.item(), distance - 1e-6);
  EXPECT_LT(nearest.distances.item(), 1.03 * distance);
}

TEST_P(CarliniWagnerAttack, does_not_take_another_wrong_class_for_the_one_aimed_at) {
  const MinimalNorm nearest = CarliniWagner(lin4(device()), searching(9, 100))
                                  .nearest(aimed_at(single_image(device(), grey()), 2));

  EXPECT_EQ(nearest.images.to_host<float>(), grey());
  EXPECT_EQ(nearest.distances.item(), kInfinity);
}

constexpr std::int64_t kExamples = 11, kChannels = 4, kColumns = 3 * 5 * kChannels;

TEST_P(CarliniWagnerAttack, does_not_depend_on_who_else_is_in_the_batch) {
  const LogitsFunction model = bit_stable_model(device(), kChannels);
  Batch together = random_examples(device(), {4, 0, 9, 2, 7, 1}, kExamples, 3, 5, kChannels);
  together.targets = predict(logits_of(model, together.inputs));
  CarliniWagnerOptions options = searching(3, 30);
  options.abort_early = true;  // rows leave at different times
  CarliniWagner attack(model, options);

  const Floats images = attack(together, 1).to_host<float>();
  for (std::int32_t row = 0; row < 6; ++row) {
    const auto first = images.begin() + row * kColumns;
    EXPECT_EQ(bits_of({first, first + kColumns}),
              bits_of(attack(select(together, Rows{row}), 1).to_host<float>()))
        << "row " << row;
  }
}

TEST(carlini_wagner, breaks_just_those_whose_distance_it_tells) {
  Device& device = cpu_device();
  const LogitsFunction model = bit_stable_model(device, kChannels);
  Batch batch = random_examples(device, {4, 0, 9, 2, 7, 1}, kExamples, 3, 5, kChannels);
  batch.targets = predict(logits_of(model, batch.inputs));
  const MinimalNorm nearest = CarliniWagner(model, searching(6, 100)).nearest(batch);

  const Floats distances = nearest.distances.to_host<float>();
  Rows unbroken;
  for (std::size_t i = 0; i < distances.size(); ++i) {
    if (distances[i] == kInfinity) unbroken.push_back(static_cast<std::int32_t>(i));
  }
  EXPECT_EQ(rows_predicted_right(logits_of(model, nearest.images), batch.targets), unbroken);
  EXPECT_LT(unbroken.size(), distances.size());
}

TEST(carlini_wagner, stops_an_example_whose_objective_has_ceased_to_fall) {
  Device& device = cpu_device();
  PassCounts counts;
  // Nothing moves: the check after 10 of 100 iterations finds the objective where it was.
  CarliniWagnerOptions options = searching(1, 100);
  options.abort_early = true;
  CarliniWagner(constant_model(device), options)(single_image(device, grey()), 1, &counts);

  EXPECT_EQ(counts.forward, 1 + 11);
  EXPECT_EQ(counts.backward, 11);
}

TEST(carlini_wagner, goes_on_to_the_last_iteration_unless_told_to_stop) {
  Device& device = cpu_device();
  PassCounts counts;
  CarliniWagner(constant_model(device), searching(1, 100))(single_image(device, grey()), 1,
                                                           &counts);

  EXPECT_EQ(counts.backward, 100);
}

TEST(carlini_wagner, refuses_options_that_make_no_sense) {
  const auto refusal = [](const CarliniWagnerOptions& options) {
    return message_of<Error>([&] { CarliniWagner(lin2(cpu_device()), options); });
  };
  EXPECT_CONTAINS(refusal(searching(0, 10)), "cw: searches 0 is below 1");
  EXPECT_CONTAINS(refusal(searching(1, 0)), "cw: iterations 0 is below 1");
  CarliniWagnerOptions options;
  options.c = 0;
  EXPECT_CONTAINS(refusal(options), "cw: c 0 must be positive");
  options = {};
  options.lr = -1;
  EXPECT_CONTAINS(refusal(options), "cw: lr -1 must be positive");
  options = {};
  options.kappa = -1;
  EXPECT_CONTAINS(refusal(options), "cw: kappa -1 must be finite");
  options = {};
  options.eps = std::numeric_limits<float>::quiet_NaN();
  EXPECT_CONTAINS(refusal(options), "cw: eps nan must not be negative");
}

}  // namespace
}  // namespace saddle
