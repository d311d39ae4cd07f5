// APGD on models whose best attack is known.
#include "attacks/apgd.h"
#include "attacks/apgd_rows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
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
using Integers = std::vector<std::int32_t>;

constexpr double kPixel = 2 * kFloatEps;  // rounding of x + delta, of numbers up to 1

class ApgdOn : public ::testing::TestWithParam<std::string> {
 protected:
  Device& device() const { return device_named(GetParam()); }

  Floats attacked(const LogitsFunction& model, const Floats& x, const ApgdOptions& options,
                  std::uint64_t seed = 1, std::int32_t attempt = 0) const {
    Batch batch = single_image(device(), x);
    batch.attempts = row_numbers(device(), {attempt});
    return Apgd(model, options)(batch, seed).to_host<float>();
  }
  // The margin of the iterate of the highest loss.
  double best_margin(ApgdOptions options, std::uint64_t seed = 1, std::int32_t attempt = 0) const {
    options.answer = ApgdAnswer::best_loss;
    return lin_margin(attacked(lin4(device()), grey(), options, seed, attempt));
  }
};

INSTANTIATE_TEST_SUITE_P(Devices, ApgdOn, ::testing::ValuesIn(device_names()),
                         [](const auto& info) { return std::string(info.param); });

ApgdOptions options_of(Norm norm, float eps, ApgdLoss loss, int steps) {
  ApgdOptions options;
  options.norm = norm, options.eps = eps, options.loss = loss, options.steps = steps;
  options.targets = 3;
  return options;
}

TEST(apgd_checkpoints, are_those_of_the_paper) {
  EXPECT_EQ(apgd_checkpoints(100), (std::vector<int>{22, 41, 57, 70, 80, 87, 93, 99}));
  EXPECT_EQ(apgd_checkpoints(50), (std::vector<int>{11, 21, 30, 38, 45}));
  EXPECT_EQ(apgd_checkpoints(20),
            (std::vector<int>{4, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20}));
  EXPECT_EQ(apgd_checkpoints(10), (std::vector<int>{2, 3, 4, 5, 6, 7, 8, 9, 10}));
}

TEST_P(ApgdOn, linf_reaches_the_linear_models_least_margin_from_every_start) {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    expect_near(best_margin(options_of(Norm::linf, .03f, ApgdLoss::ce, 10), seed), .02, 1e-6,
                "margin, seed " + std::to_string(seed));
  }
}

// (The ratio aimed at the last of the four classes is (z_0 + 6) / (z_0 + 5.5), which falls as z_0
// rises: it leads away, so only two targets are asked for.)
TEST_P(ApgdOn, linf_reaches_it_on_every_loss_and_target) {
  for (ApgdLoss loss : {ApgdLoss::dlr, ApgdLoss::targeted_ce, ApgdLoss::targeted_dlr}) {
    for (std::int32_t attempt = 0; attempt < 2; ++attempt) {
      expect_near(best_margin(options_of(Norm::linf, .03f, loss, 10), 1, attempt), .02, 1e-6,
                  "margin, attempt " + std::to_string(attempt));
    }
  }
}

TEST_P(ApgdOn, l2_reaches_the_linear_models_least_margin) {
  const double least = .2 - .03 * std::sqrt(14.);

  for (ApgdLoss loss : {ApgdLoss::ce, ApgdLoss::dlr, ApgdLoss::targeted_dlr}) {
    expect_near(best_margin(options_of(Norm::l2, .03f, loss, 10)), least, 1e-6, "margin, n = 10");
    // (a tenth of 1e-6 asked for, plus the rounding of x + delta)
    expect_near(best_margin(options_of(Norm::l2, .03f, loss, 100)), least, 1e-7 + 6 * kPixel,
                "margin, n = 100");
  }
}

TEST_P(ApgdOn, l1_moves_the_most_telling_pixel_alone) {
  for (ApgdLoss loss : {ApgdLoss::ce, ApgdLoss::dlr, ApgdLoss::targeted_dlr}) {
    expect_near(best_margin(options_of(Norm::l1, .06f, loss, 50)), .2 - 3 * .06, 1e-5, "margin");
  }
}

TEST_P(ApgdOn, breaks_the_linear_model_just_beyond_its_distance_and_returns_the_image_before) {
  const auto broken = [&](Norm norm, double eps, ApgdLoss loss) {
    const Floats got =
        attacked(lin4(device()), grey(), options_of(norm, static_cast<float>(eps), loss, 50));
    EXPECT_EQ(got == grey(), lin_margin(got) > 0);
    return lin_margin(got) < 0;
  };
  const double l2 = .2 / std::sqrt(14.);
  for (ApgdLoss loss : {ApgdLoss::ce, ApgdLoss::dlr, ApgdLoss::targeted_dlr}) {
    EXPECT_FALSE(broken(Norm::linf, .0333, loss));
    EXPECT_TRUE(broken(Norm::linf, .0334, loss));
    EXPECT_FALSE(broken(Norm::l2, l2 * (1 - 1e-4), loss));
    EXPECT_TRUE(broken(Norm::l2, l2 * (1 + 1e-4), loss));
    EXPECT_FALSE(broken(Norm::l1, .2 / 3 * (1 - 1e-3), loss));
    EXPECT_TRUE(broken(Norm::l1, .2 / 3 * (1 + 1e-3), loss));
  }
}

TEST_P(ApgdOn, with_shrinking_l1_radii_stays_in_the_last_one_and_breaks_what_can_be_broken) {
  ApgdOptions options = options_of(Norm::l1, .07f, ApgdLoss::ce, 20);
  options.radius = ApgdRadius::shrinking;
  const Floats broken = attacked(lin4(device()), grey(), options);
  double moved = 0;
  for (std::size_t i = 0; i < 4; ++i) moved += std::abs(double{broken[i]} - grey()[i]);
  options.eps = .06f;

  EXPECT_LT(lin_margin(broken), 0);
  EXPECT_LE(moved, .07 * (1 + 1e-5) + 4 * kPixel);
  EXPECT_EQ(attacked(lin4(device()), grey(), options), grey());
}

TEST_P(ApgdOn, a_constant_model_returns_the_image_and_counts_the_zero_gradient) {
  const Floats x = {0, .3f, 1, .7f};
  for (Norm norm : {Norm::linf, Norm::l2, Norm::l1}) {
    for (ApgdLoss loss : {ApgdLoss::ce, ApgdLoss::dlr, ApgdLoss::targeted_dlr}) {
      Apgd apgd(constant_model(device()), options_of(norm, .1f, loss, 10));
      PassCounts counts;

      EXPECT_EQ(apgd(single_image(device(), x), 1, &counts).to_host<float>(), x);
      EXPECT_EQ(counts.zero_gradients, (std::vector<std::int32_t>{0}));
    }
  }
}

TEST_P(ApgdOn, a_linear_model_counts_no_zero_gradient) {
  Apgd apgd(lin4(device()), options_of(Norm::linf, .01f, ApgdLoss::dlr, 10));
  PassCounts counts;

  apgd(single_image(device(), grey()), 1, &counts);

  EXPECT_TRUE(counts.zero_gradients.empty());
}

TEST_P(ApgdOn, returns_clean_errors_as_they_are_and_asks_no_more_of_them) {
  Apgd apgd(lin4(device()), options_of(Norm::linf, .1f, ApgdLoss::ce, 10));
  PassCounts counts;

  const Floats got = apgd(single_image(device(), grey(), 1), 1, &counts).to_host<float>();

  EXPECT_EQ(got, grey());
  EXPECT_EQ(counts.forward, 1);
  EXPECT_EQ(counts.backward, 0);
}

TEST_P(ApgdOn, counts_a_pass_for_each_step_the_start_and_the_clean_image_but_no_last_backward) {
  PassCounts counts, eot;
  ApgdOptions options = options_of(Norm::linf, .01f, ApgdLoss::ce, 10);
  Apgd(lin4(device()), options)(single_image(device(), grey()), 1, &counts);
  options.eot = 3;
  Apgd(lin4(device()), options)(single_image(device(), grey()), 1, &eot);

  EXPECT_EQ(counts.forward, 12);
  EXPECT_EQ(counts.backward, 10);
  EXPECT_EQ(eot.forward, 1 + 3 * 10 + 1);
  EXPECT_EQ(eot.backward, 3 * 10);
}

TEST_P(ApgdOn, averaging_the_gradients_of_a_model_without_noise_changes_nothing) {
  for (Norm norm : {Norm::linf, Norm::l2}) {
    ApgdOptions options = options_of(norm, .03f, ApgdLoss::dlr, 10);
    options.answer = ApgdAnswer::best_loss;
    const Floats once = attacked(lin4(device()), grey(), options);
    options.eot = 2;  // a sum of two, halved, is exact

    EXPECT_EQ(attacked(lin4(device()), grey(), options), once);
  }
}

TEST_P(ApgdOn, takes_a_model_that_answers_no_numbers_for_no_success) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const LogitsFunction model = linear_model(device(), lin_weights(), {-1.8f, 0, nan, 0});
  for (ApgdLoss loss : {ApgdLoss::ce, ApgdLoss::dlr, ApgdLoss::targeted_dlr}) {
    EXPECT_EQ(attacked(model, grey(), options_of(Norm::linf, .1f, loss, 5)), grey());
  }
}

TEST_P(ApgdOn, draws_another_start_for_another_seed_or_attempt) {
  ApgdOptions options = options_of(Norm::linf, .1f, ApgdLoss::ce, 1);
  options.answer = ApgdAnswer::best_loss;  // a constant model never improves on its start
  for (Norm norm : {Norm::linf, Norm::l2, Norm::l1}) {
    options.norm = norm;
    const Floats first = attacked(constant_model(device()), grey(), options, 1, 0);

    EXPECT_EQ(attacked(constant_model(device()), grey(), options, 1, 0), first);
    EXPECT_NE(attacked(constant_model(device()), grey(), options, 2, 0), first);
    EXPECT_NE(attacked(constant_model(device()), grey(), options, 1, 1), first);
  }
}

// Starts: linf and l2 on the ball's surface, l1 too where the box does not bind.
TEST_P(ApgdOn, starts_on_the_surface_of_the_ball) {
  const auto start = [&](Norm norm) {
    ApgdOptions options = options_of(norm, .1f, ApgdLoss::ce, 1);
    options.answer = ApgdAnswer::best_loss;
    const Floats at = attacked(constant_model(device()), grey(), options);
    std::vector<double> delta;
    for (std::size_t i = 0; i < 4; ++i) delta.push_back(double{at[i]} - grey()[i]);
    return delta;
  };
  double largest = 0, squares = 0, sum = 0;
  for (double delta : start(Norm::linf)) largest = std::max(largest, std::abs(delta));
  for (double delta : start(Norm::l2)) squares += delta * delta;
  for (double delta : start(Norm::l1)) sum += std::abs(delta);

  expect_near(largest, .1, 2 * kPixel, "linf");
  expect_near(std::sqrt(squares), .1, 4 * kPixel, "l2");
  expect_near(sum, .1, 8 * kPixel, "l1");
}

// Independence ------------------------------------------------------------------------------------

constexpr std::int64_t kExamples = 33, kColumns = 3 * 5 * 5;

Batch examples(Device& device, const Integers& which) {
  return random_examples(device, which, kExamples, 3, 5, 5);
}

// Each example aims at the class so far behind its label, of five.
Tensor aims_behind(const Tensor& labels, std::int32_t by) {
  Integers aims = labels.to_host<std::int32_t>();
  for (std::int32_t& aim : aims) aim = (aim + by) % 5;
  return row_numbers(labels.device(), aims);
}

// Right and wrong ones, of five classes, some of which the attack breaks. `aim` as in aims_behind;
// 0: at no class.
void expect_independent_of_the_batch(Device& device, const ApgdOptions& options,
                                     std::int32_t aim = 0) {
  const LogitsFunction model = bit_stable_model(device, 5);
  constexpr std::int64_t kTried = 11;
  Integers which;
  for (std::int32_t i = 0; i < kTried; ++i) which.push_back((i * 10 + 4) % kExamples);
  Batch batch = examples(device, which);
  // Labels are the predictions, so that all but a few are right.
  batch.targets = predict(logits_of(model, batch.inputs));
  if (aim != 0) batch.aims = aims_behind(batch.targets, aim);
  const Batch tries = with_attempts(batch, 0, 2);
  Apgd apgd(model, options);
  const Tensor together = apgd(tries, 3);

  for (const Integers& rows : {Integers{7}, Integers{13, 3, 19}, Integers{21, 20, 8, 1, 0}}) {
    const Tensor alone = apgd(select(tries, rows), 3);
    EXPECT_EQ(bits_of(select_rows(together, row_numbers(device, rows)).to_host<float>()),
              bits_of(alone.to_host<float>()))
        << "beginning with row " << rows.front();
  }
  const std::vector<float> x = tries.inputs.to_host<float>(), x_hat = together.to_host<float>();
  std::int64_t moved = 0;
  for (std::size_t i = 0; i < x.size(); i += kColumns) moved += x[i] != x_hat[i] ? 1 : 0;
  EXPECT_GT(moved, 0) << "nothing was broken: the test says nothing";
  EXPECT_LT(moved, 2 * kTried) << "everything was broken: the test says little";
}

TEST_P(ApgdOn, linf_of_a_row_does_not_depend_on_who_else_is_in_the_batch) {
  expect_independent_of_the_batch(device(), options_of(Norm::linf, .03f, ApgdLoss::ce, 20));
}

TEST_P(ApgdOn, l2_of_a_row_does_not_depend_on_who_else_is_in_the_batch) {
  expect_independent_of_the_batch(device(), options_of(Norm::l2, .2f, ApgdLoss::dlr, 20));
}

TEST_P(ApgdOn, l1_of_a_row_does_not_depend_on_who_else_is_in_the_batch) {
  expect_independent_of_the_batch(device(), options_of(Norm::l1, 2.f, ApgdLoss::targeted_dlr, 6));
}

TEST_P(ApgdOn, aimed_at_a_class_does_not_depend_on_who_else_is_in_the_batch) {
  expect_independent_of_the_batch(device(), options_of(Norm::linf, .05f, ApgdLoss::ce, 20), 1);
}

// Class 1 of LIN4 begins at 1/30; class 2 is nowhere the largest, however wrong the answers are.
TEST_P(ApgdOn, succeeds_only_where_the_class_aimed_at_is_predicted) {
  const auto aimed = [&](std::int32_t aim, float eps) {
    Batch batch = single_image(device(), grey());
    batch.aims = row_numbers(device(), {aim});
    return Apgd(lin4(device()), options_of(Norm::linf, eps, ApgdLoss::ce, 10))(batch, 1)
        .to_host<float>();
  };

  EXPECT_LT(lin_margin(aimed(1, .035f)), 0);
  EXPECT_EQ(aimed(1, .033f), grey());
  EXPECT_EQ(aimed(2, .1f), grey());
}

TEST_P(ApgdOn, leaves_alone_what_is_taken_for_the_class_aimed_at) {
  Batch batch = single_image(device(), grey(), 1);  // a clean error: class 0 is predicted
  batch.aims = row_numbers(device(), {0});
  PassCounts counts;

  EXPECT_EQ(Apgd(lin4(device()), options_of(Norm::linf, .1f, ApgdLoss::ce, 10))(batch, 1, &counts)
                .to_host<float>(),
            grey());
  EXPECT_EQ(counts.forward, 1);
}

TEST_P(ApgdOn, aims_after_it_did_not) {
  Apgd apgd(lin4(device()), options_of(Norm::linf, .1f, ApgdLoss::ce, 10));
  Batch batch = single_image(device(), grey());

  EXPECT_LT(lin_margin(apgd(batch, 1).to_host<float>()), 0);
  batch.aims = row_numbers(device(), {2});
  EXPECT_EQ(apgd(batch, 1).to_host<float>(), grey());
}

TEST(apgd, aims_with_the_cross_entropy_alone) {
  Batch batch = single_image(cpu_device(), grey());
  batch.aims = row_numbers(cpu_device(), {1});
  ApgdOptions options;
  options.loss = ApgdLoss::dlr;

  EXPECT_CONTAINS(message_of<Error>([&] { Apgd(lin4(cpu_device()), options)(batch, 1); }),
                  "only the cross-entropy can be aimed");
}

TEST_P(ApgdOn, stays_in_the_ball_and_in_the_pixel_range) {
  const LogitsFunction model = bit_stable_model(device(), 5);
  Integers which(7);
  std::iota(which.begin(), which.end(), 0);
  const Batch batch = examples(device(), which);
  const Floats x = batch.inputs.to_host<float>();
  const auto largest_norm = [&](Norm norm, float eps) {
    ApgdOptions options = options_of(norm, eps, ApgdLoss::ce, 5);
    options.answer = ApgdAnswer::best_loss;
    const Floats x_hat = Apgd(model, options)(batch, 3).to_host<float>();
    double most = 0;
    for (std::size_t row = 0; row < which.size(); ++row) {
      double linf = 0, squares = 0, sum = 0;
      for (std::size_t i = row * kColumns; i < (row + 1) * kColumns; ++i) {
        EXPECT_TRUE(x_hat[i] >= 0 && x_hat[i] <= 1) << x_hat[i];
        const double delta = double{x_hat[i]} - x[i];
        linf = std::max(linf, std::abs(delta)), squares += delta * delta, sum += std::abs(delta);
      }
      most = std::max(most, norm == Norm::linf ? linf
                            : norm == Norm::l2 ? std::sqrt(squares)
                                               : sum);
    }
    return most;
  };

  EXPECT_LE(largest_norm(Norm::linf, .3f), .3 + 1e-6);
  EXPECT_LE(largest_norm(Norm::l2, 2.f), 2 * (1 + 1e-5) + 1e-6);
  EXPECT_LE(largest_norm(Norm::l1, 6.f), 6 * (1 + 1e-4));
}

// More attacks never make a model look better: those that stand after both stand after the first.
TEST_P(ApgdOn, targets_tried_after_cross_entropy_leave_a_subset_standing) {
  const LogitsFunction model = bit_stable_model(device(), 5);
  Integers which(kExamples);
  std::iota(which.begin(), which.end(), 0);
  Batch batch = examples(device(), which);
  batch.targets = predict(logits_of(model, batch.inputs));
  const Tensor first = Apgd(model, options_of(Norm::linf, .03f, ApgdLoss::ce, 10))(batch, 1);
  const Integers standing = rows_predicted_right(logits_of(model, first), batch.targets);

  const Batch left = select(batch, standing);
  const Tensor second =
      Apgd(model, options_of(Norm::linf, .03f, ApgdLoss::targeted_dlr, 10))(left, 1);

  const Floats x = batch.inputs.to_host<float>(), x_hat = first.to_host<float>();
  for (std::int32_t row : standing) {  // a failed attack returns the clean image
    const auto from = static_cast<std::ptrdiff_t>(row * kColumns);
    EXPECT_TRUE(std::equal(x.begin() + from, x.begin() + from + kColumns, x_hat.begin() + from));
  }
  EXPECT_LE(rows_predicted_right(logits_of(model, second), left.targets).size(), standing.size());
  EXPECT_LT(standing.size(), which.size());
}

TEST_P(ApgdOn, of_no_examples_is_no_images) {
  const Batch none = select(examples(device(), {0}), Integers{});

  EXPECT_EQ(Apgd(bit_stable_model(device(), 5), {})(none, 1).shape(), (Shape{0, 3, 5, 5}));
}

// Errors ------------------------------------------------------------------------------------------

std::string refusal(const ApgdOptions& options) {
  return message_of<Error>([&] { check(options); });
}

TEST(apgd, refuses_options_that_are_impossible) {
  ApgdOptions options;
  options.eps = -1;
  EXPECT_CONTAINS(refusal(options), "apgd: eps -1 must be finite and not negative");
  options.eps = 8;
  EXPECT_CONTAINS(refusal(options), "exceeds the pixel range [0, 1]. Did you mean 8/255?");
  options.norm = Norm::l1;
  EXPECT_EQ(refusal(options), "(nothing was thrown)");
  options.steps = 0;
  EXPECT_CONTAINS(refusal(options), "apgd: steps 0 is below 1");
  options.steps = 1, options.rho = 1.5f;
  EXPECT_CONTAINS(refusal(options), "apgd: rho 1.5 is outside [0, 1]");
  options.rho = 1, options.eot = 0;
  EXPECT_CONTAINS(refusal(options), "apgd: eot 0 is below 1");
  options.eot = 1, options.targets = 0;
  EXPECT_CONTAINS(refusal(options), "apgd: targets 0 is below 1");
}

TEST(apgd, refuses_radii_that_shrink_outside_l1) {
  ApgdOptions options;
  options.radius = ApgdRadius::shrinking;

  EXPECT_CONTAINS(refusal(options), "apgd: radii shrink in the l1 norm only");
}

TEST(apgd, refuses_more_targets_than_the_model_has_other_classes) {
  ApgdOptions options;
  options.loss = ApgdLoss::targeted_dlr;

  EXPECT_CONTAINS(message_of<Error>([&] {
                    Apgd(lin4(cpu_device()), options)(single_image(cpu_device(), grey()), 1);
                  }),
                  "9 target classes asked for, the model has 3 besides the label's");
}

TEST(apgd, refuses_the_ratio_of_logits_of_two_classes) {
  ApgdOptions options;
  options.loss = ApgdLoss::dlr;

  EXPECT_CONTAINS(message_of<Error>([&] {
                    Apgd(lin2(cpu_device()), options)(single_image(cpu_device(), grey()), 1);
                  }),
                  "at least 3 classes");
}

}  // namespace
}  // namespace saddle
