// Robust accuracy, on a linear classifier whose answers are known: z = x, two pixels, two classes.
#include "apps/common/evaluate.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

#include "tests/apps/data_files.h"

namespace saddle {
namespace {

// Images of 1 x 1 pixel and two channels. The margin of an example is the difference of its
// channels, and an l-inf attack of radius eps takes 2 eps off it.
Dataset four_examples() {
  Dataset data;
  data.name = "four";
  data.height = data.width = 1;
  data.channels = data.classes = 2;
  data.pixels = {110, 100,   // margin 10 / 255
                 100, 130,   // margin 30 / 255
                 200, 100,   // wrong
                 255, 0};    // margin 1
  data.labels = {0, 1, 1, 0};
  return data;
}

// z = W x with W [2, 2], row-major.
LogitsFunction linear_logits(const std::vector<float>& w) {
  const Tensor weights = Tensor::from_host(cpu_device(), {2, 1, 1, 2}, w);
  return [weights](Tape& tape, const Var& x) {
    return global_average_pool(tape, convolution(tape, x, Var(weights, Gradient::none), 1, 0));
  };
}

LogitsFunction identity_logits() { return linear_logits({1, 0, 0, 1}); }

Attack pgd_of(const PgdOptions& options, std::int64_t restarts = 1) {
  Attack attack;
  attack.against = [options](const LogitsFunction& logits) -> Attempt {
    return [=](const AttackBatch& batch, std::uint32_t restart, PassCounts& counts) {
      return pgd(logits, batch, options, 5, restart, &counts);
    };
  };
  attack.restarts = restarts;
  attack.ball = Ball{options.norm, options.eps};
  return attack;
}

// Every adversarial image is these two channels.
Attack always(float first, float second) {
  Attack attack;
  attack.against = [=](const LogitsFunction&) -> Attempt {
    return [=](const AttackBatch& batch, std::uint32_t, PassCounts&) {
      std::vector<float> values;
      for (std::int64_t i = 0; i < batch.images.shape()[0]; ++i)
        values.insert(values.end(), {first, second});
      return Tensor::from_host(cpu_device(), batch.images.shape(), values);
    };
  };
  return attack;
}

struct Victim {
  LogitsFunction logits = identity_logits();
  DeviceDataset data{cpu_device(), four_examples()};
  Evaluation clean = evaluate(logits, data, 3);

  AttackResult attack(const Attack& by, AttackedExamples which = AttackedExamples::correct_only,
                      std::int64_t batch_size = 3) const {
    return evaluate_attack(logits, data, clean, by, which, batch_size);
  }
};

TEST(Evaluate, counts_right_answers_in_percent_of_all) {
  const Victim victim;

  EXPECT_EQ(victim.clean.accuracy, 75.);
  EXPECT_EQ(victim.clean.predictions, (std::vector<std::int32_t>{0, 1, 0, 0}));
  EXPECT_EQ(victim.clean.classes, 2);
  EXPECT_EQ(victim.clean.logits.size(), 8u);
  EXPECT_FLOAT_EQ(victim.clean.logits[2], 100.f / 255);
}

TEST(Evaluate, takes_the_mean_cross_entropy) {
  const Victim victim;
  const auto loss = [](double margin) { return std::log1p(std::exp(-margin)); };

  const double expected = (loss(10. / 255) + loss(30. / 255) + loss(-100. / 255) + loss(1.)) / 4;

  EXPECT_NEAR(victim.clean.loss, expected, 1e-6);  // logits are rounded to float, 6e-8
}

TEST(Evaluate, does_not_depend_on_the_batch_size) {
  const Victim victim;

  const Evaluation one_by_one = evaluate(victim.logits, victim.data, 1);

  EXPECT_EQ(one_by_one.predictions, victim.clean.predictions);
  EXPECT_EQ(one_by_one.logits, victim.clean.logits);
}

TEST(Evaluate, names_the_example_whose_logits_are_not_finite) {
  const Victim victim;
  const LogitsFunction broken = linear_logits({std::numeric_limits<float>::quiet_NaN(), 0, 0, 1});

  expect_error("on the clean example 0", [&] { evaluate(broken, victim.data, 3); });
}

TEST(Evaluate, names_the_label_that_is_no_class) {
  Dataset data = four_examples();
  data.labels[2] = 2;

  expect_error("example 2 has label 2, the model has 2 classes",
               [&] { evaluate(identity_logits(), DeviceDataset(cpu_device(), data), 3); });
}

TEST(EvaluateAttack, breaks_exactly_the_margins_below_two_eps) {
  const Victim victim;

  EXPECT_EQ(victim.attack(pgd_of(fgsm(4.f / 255))).robust_accuracy, 75.);
  EXPECT_EQ(victim.attack(pgd_of(fgsm(8.f / 255))).robust_accuracy, 50.);
  EXPECT_EQ(victim.attack(pgd_of(fgsm(16.f / 255))).robust_accuracy, 25.);
}

TEST(EvaluateAttack, reports_norms_passes_and_predictions) {
  const Victim victim;

  const AttackResult result = victim.attack(pgd_of(fgsm(8.f / 255)));

  EXPECT_EQ(result.attacked, 3);
  EXPECT_EQ(result.passes.forward, 6);  // a gradient and a verdict each
  EXPECT_EQ(result.passes.backward, 3);
  EXPECT_NEAR(result.max_linf, 8. / 255, 1e-7);
  EXPECT_NEAR(result.max_l2, std::sqrt(2.) * 8 / 255, 1e-7);
  EXPECT_EQ(result.predictions, (std::vector<std::int32_t>{1, 1, 0, 0}));
  EXPECT_TRUE(result.warnings.empty());
}

TEST(EvaluateAttack, returns_clean_errors_unchanged_and_counts_them_as_failures) {
  const Victim victim;

  const AttackResult result =
      victim.attack(always(0.f, 1.f));  // predicts 1: right only for examples 1 and 2

  EXPECT_EQ(result.robust_accuracy, 25.);
  EXPECT_EQ(result.adversarial[4], 200.f / 255);
  EXPECT_EQ(result.adversarial[5], 100.f / 255);
}

TEST(EvaluateAttack, scores_a_repaired_error_as_robust_where_all_are_attacked) {
  const Victim victim;

  EXPECT_EQ(victim.attack(always(0.f, 1.f), AttackedExamples::all).robust_accuracy, 50.);
}

TEST(EvaluateAttack, attacks_again_only_what_withstood_and_keeps_the_first_success) {
  const Victim victim;
  std::vector<std::vector<std::int32_t>> seen;
  Attack attack;
  attack.restarts = 3;
  // Restart r breaks the examples of label r, and does nothing to others.
  const Attempt attempt = [&](const AttackBatch& batch, std::uint32_t restart, PassCounts&) {
    seen.push_back(batch.indices.to_host<std::int32_t>());
    std::vector<float> x = batch.images.to_host<float>();
    const std::vector<std::int32_t> labels = batch.labels.to_host<std::int32_t>();
    for (std::size_t i = 0; i < labels.size(); ++i) {
      if (labels[i] != static_cast<std::int32_t>(restart)) continue;
      x[2 * i] = static_cast<float>(
          labels[i]);  // below the other channel for label 0, above it for label 1
      x[2 * i + 1] = 0.5f;
    }
    return Tensor::from_host(cpu_device(), batch.images.shape(), x);
  };
  attack.against = [&](const LogitsFunction&) { return attempt; };

  const AttackResult result = victim.attack(attack);

  EXPECT_EQ(seen, (std::vector<std::vector<std::int32_t>>{{0, 1, 3}, {1}}));
  EXPECT_EQ(result.robust_accuracy, 0.);
  EXPECT_EQ(result.adversarial[0], 0.f);
  EXPECT_EQ(result.adversarial[1], 0.5f);
  EXPECT_EQ(result.adversarial[2], 1.f);
}

TEST(EvaluateAttack, finds_the_same_for_any_batch_size) {
  const Victim victim;
  const Attack attack = pgd_of({Norm::linf, 12.f / 255, 3.f / 255, 2, Start::random}, 2);

  const AttackResult one = victim.attack(attack, AttackedExamples::all, 1);
  const AttackResult four = victim.attack(attack, AttackedExamples::all, 4);

  EXPECT_EQ(one.adversarial, four.adversarial);
  EXPECT_EQ(one.robust_accuracy, four.robust_accuracy);
  EXPECT_EQ(one.passes.backward, four.passes.backward);
}

TEST(EvaluateAttack, fails_where_an_attack_leaves_the_pixel_range) {
  const Victim victim;

  expect_error("of adversarial example 0 is 1.5, outside [0, 1]",
               [&] { victim.attack(always(0.5f, 1.5f)); });
  expect_error("outside [0, 1]", [&] { victim.attack(always(std::nanf(""), 0.f)); });
}

TEST(EvaluateAttack, fails_where_an_attack_leaves_its_ball) {
  const Victim victim;
  Attack attack = always(0.5f, 0.5f);
  attack.ball = Ball{Norm::linf, 0.1};

  expect_error("linf norm", [&] { victim.attack(attack); });

  attack.ball = Ball{Norm::l2, 2.};
  EXPECT_NO_THROW(victim.attack(attack));
}

TEST(EvaluateAttack, takes_logits_that_are_not_finite_for_an_error_and_not_for_a_success) {
  const Victim victim;
  int forwards = 0;  // the clean images are answered, what comes after them is not
  const LogitsFunction fails_later = [&](Tape& tape, const Var& x) {
    return ++forwards == 1 ? identity_logits()(tape, x)
                           : linear_logits({std::nanf(""), 0, 0, 1})(tape, x);
  };
  const Evaluation clean = evaluate(fails_later, victim.data, 4);

  expect_error("on the adversarial example 0", [&] {
    evaluate_attack(fails_later, victim.data, clean, always(1.f, 0.f),
                    AttackedExamples::correct_only, 4);
  });
}

TEST(EvaluateAttack, warns_of_examples_that_a_zero_gradient_leaves_unmoved) {
  Victim victim;
  victim.logits = linear_logits({0, 0, 0, 0});
  victim.clean = evaluate(victim.logits, victim.data, 3);  // ties go to class 0

  const AttackResult result = victim.attack(pgd_of(fgsm(8.f / 255)));

  EXPECT_EQ(result.robust_accuracy, 50.);
  ASSERT_EQ(result.warnings.size(), 1u);
  expect_part("2 of 2 attacked examples were not moved at all", result.warnings[0]);
}

}  // namespace
}  // namespace saddle
