// Robust accuracy, on a linear classifier whose answers are known.
#include "apps/common/evaluate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/apps/data_files.h"
#include "tests/apps/identity_victim.h"

namespace saddle {
namespace {

using namespace testing_support;

TEST(Evaluate, counts_right_answers_in_percent_of_all) {
  const IdentityVictim victim;

  EXPECT_EQ(victim.clean.accuracy, 75.);
  EXPECT_EQ(victim.clean.predictions, (std::vector<std::int32_t>{0, 1, 0, 0}));
  EXPECT_EQ(victim.clean.classes, 2);
  EXPECT_EQ(victim.clean.logits.size(), 8u);
  EXPECT_FLOAT_EQ(victim.clean.logits[2], 100.f / 255);
}

TEST(Evaluate, takes_the_mean_cross_entropy) {
  const IdentityVictim victim;
  const auto loss = [](double margin) { return std::log1p(std::exp(-margin)); };

  const double expected = (loss(10. / 255) + loss(30. / 255) + loss(-100. / 255) + loss(1.)) / 4;

  EXPECT_NEAR(victim.clean.loss, expected, 1e-6);  // logits are rounded to float, 6e-8
}

TEST(Evaluate, does_not_depend_on_the_batch_size) {
  const IdentityVictim victim;

  const Evaluation one_by_one = evaluate(victim.logits, victim.data, 1);

  EXPECT_EQ(one_by_one.predictions, victim.clean.predictions);
  EXPECT_EQ(one_by_one.logits, victim.clean.logits);
}

TEST(Evaluate, names_the_example_whose_logits_are_not_finite) {
  const IdentityVictim victim;
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
  const IdentityVictim victim;

  EXPECT_EQ(victim.attack(pgd_of(fgsm(4.f / 255))).robust_accuracy, 75.);
  EXPECT_EQ(victim.attack(pgd_of(fgsm(8.f / 255))).robust_accuracy, 50.);
  EXPECT_EQ(victim.attack(pgd_of(fgsm(16.f / 255))).robust_accuracy, 25.);
}

TEST(EvaluateAttack, reports_norms_passes_and_predictions) {
  const IdentityVictim victim;

  const AttackResult result = victim.attack(pgd_of(fgsm(8.f / 255)));

  EXPECT_EQ(result.attacked, 3);
  EXPECT_EQ(result.passes.forward, 6);  // a gradient and a verdict each
  EXPECT_EQ(result.passes.backward, 3);
  EXPECT_NEAR(result.max_linf, 8. / 255, 1e-7);
  EXPECT_NEAR(result.max_l2, std::sqrt(2.) * 8 / 255, 1e-7);
  EXPECT_EQ(result.predictions(), (std::vector<std::int32_t>{1, 1, 0, 0}));
  EXPECT_TRUE(result.warnings.empty());
}

TEST(EvaluateAttack, returns_clean_errors_unchanged_and_counts_them_as_failures) {
  const IdentityVictim victim;

  const AttackResult result =
      victim.attack(always(0.f, 1.f));  // predicts 1: right only for examples 1 and 2

  EXPECT_EQ(result.robust_accuracy, 25.);
  EXPECT_EQ(result.adversarial[4], 200.f / 255);
  EXPECT_EQ(result.adversarial[5], 100.f / 255);
}

TEST(EvaluateAttack, scores_a_repaired_error_as_robust_where_all_are_attacked) {
  const IdentityVictim victim;

  EXPECT_EQ(victim.attack(always(0.f, 1.f), AttackedExamples::all).robust_accuracy, 50.);
}

TEST(EvaluateAttack, attacks_again_only_what_withstood_and_keeps_the_first_success) {
  const IdentityVictim victim;
  std::vector<std::vector<std::int32_t>> seen;
  // Attempt r breaks the examples of label r.
  const AttackFunction fake = [&](const Batch& batch, PassCounts& counts) {
    seen.push_back(batch.indices.to_host<std::int32_t>());
    const std::vector<std::int32_t> labels = four_examples().labels;
    return breaking([=](std::int32_t example, std::int32_t attempt) {
      return labels[static_cast<std::size_t>(example)] == attempt;
    })(batch, counts);
  };

  const AttackResult result = victim.attack(attack_of({member_of(fake, 3)}));

  // A batch of three is filled by the first attempt on examples 0, 1 and 3; only 1 is left.
  EXPECT_EQ(seen, (std::vector<std::vector<std::int32_t>>{{0, 1, 3}, {1, 1}}));
  EXPECT_EQ(result.robust_accuracy, 0.);
  EXPECT_EQ(result.adversarial[0], 0.25f);
  EXPECT_EQ(result.adversarial[1], 0.5f);
  EXPECT_EQ(result.adversarial[3], 0.5f + 1.f / 256);
}

TEST(EvaluateAttack, keeps_the_first_success_where_attempts_of_an_example_ride_together) {
  const IdentityVictim victim;
  const Attack attack =
      attack_of({member_of(breaking([](std::int32_t example, std::int32_t attempt) {
                             return example == 1 ? attempt >= 2 : attempt >= 1;
                           }),
                           7)});

  const AttackResult together = victim.attack(attack, AttackedExamples::correct_only, 100);
  const AttackResult alone = victim.attack(attack, AttackedExamples::correct_only, 1);

  EXPECT_EQ(together.adversarial, alone.adversarial);
  EXPECT_EQ(together.examples[0].attempt, 1);
  EXPECT_EQ(together.examples[1].attempt, 2);
  EXPECT_EQ(alone.examples[1].attempt, 2);
  EXPECT_EQ(together.robust_accuracy, 0.);
  // Alone nothing is tried in vain: two, three and two attempts of ten passes and a verdict each.
  EXPECT_EQ(alone.passes.forward, 7 * 11);
  EXPECT_EQ(together.passes.forward, 7 * 11);
}

TEST(EvaluateAttack, records_what_became_of_each_example) {
  const IdentityVictim victim;
  const Attack attack = attack_of(
      {member_of(breaking([](std::int32_t example, std::int32_t) { return example == 0; })),
       member_of(breaking([](std::int32_t example, std::int32_t) { return example == 3; }))});

  const AttackResult result = victim.attack(attack, AttackedExamples::correct_only, 1);

  const ExampleRecord& first = result.examples[0];
  EXPECT_EQ(first.member, 0);
  EXPECT_EQ(first.attempt, 0);
  EXPECT_EQ(first.clean_prediction, 0);
  EXPECT_EQ(first.prediction, 1);
  EXPECT_EQ(first.changed_pixels, 1);
  EXPECT_EQ(first.forward, 11);  // ten of the attack, one of the verdict
  const double moved = 110. / 255 - 0.25, risen = 0.5 - 100. / 255;
  EXPECT_NEAR(first.linf, moved, 1e-6);
  EXPECT_NEAR(first.l1, moved + risen, 1e-6);
  EXPECT_NEAR(first.l2, std::hypot(moved, risen), 1e-6);
  EXPECT_NEAR(first.margin, -0.25, 1e-6);
  EXPECT_NEAR(first.cross_entropy, std::log1p(std::exp(0.25)), 1e-6);
  EXPECT_EQ(result.examples[3].member, 1);
  EXPECT_FALSE(result.examples[1].broken());
  EXPECT_EQ(result.examples[1].forward, 22);
  EXPECT_EQ(result.examples[2].attacked, 0);  // wrong before
  EXPECT_EQ(result.examples[2].forward, 0);
  EXPECT_NEAR(result.examples[2].margin, -100. / 255, 1e-6);
}

TEST(EvaluateAttack, lets_members_see_what_is_left_or_everything) {
  const IdentityVictim victim;
  Attack attack = attack_of(
      {member_of(breaking([](std::int32_t example, std::int32_t) { return example == 0; })),
       member_of(breaking([](std::int32_t example, std::int32_t) { return example <= 1; }))});

  const AttackResult in_sequence = victim.attack(attack);
  attack.order = Members::each_alone;
  const AttackResult alone = victim.attack(attack);

  EXPECT_EQ(in_sequence.robust_accuracy, 25.);
  EXPECT_EQ(in_sequence.members[0].robust_accuracy, 50.);
  EXPECT_EQ(in_sequence.members[1].robust_accuracy, 25.);
  EXPECT_EQ(in_sequence.members[1].passes.forward, 2 * 11);
  EXPECT_EQ(alone.robust_accuracy, 25.);  // the worst case over the members
  EXPECT_EQ(alone.members[0].robust_accuracy, 50.);
  EXPECT_EQ(alone.members[1].robust_accuracy, 25.);
  EXPECT_EQ(alone.members[1].passes.forward, 3 * 11);
  EXPECT_EQ(alone.examples[0].member, 0);
  EXPECT_EQ(alone.adversarial, in_sequence.adversarial);
}

TEST(EvaluateAttack, tries_as_many_target_classes_as_the_model_has_and_says_so) {
  const IdentityVictim victim;
  std::int64_t targets_seen = 0;
  AttackMember member = member_of({});
  member.against = [&](const LogitsFunction&, std::int64_t targets) -> Attempt {
    targets_seen = targets;
    return breaking([](std::int32_t example, std::int32_t) { return example == 0; });
  };
  member.targets = 9;

  const AttackResult result = victim.attack(attack_of({member}));
  member.targets = kAllTargets;
  const AttackResult all = victim.attack(attack_of({member}));

  EXPECT_EQ(targets_seen, 1);
  EXPECT_EQ(result.passes.forward, 3 * 11);
  ASSERT_EQ(result.warnings.size(), 1u);
  expect_part("9 target classes were asked for, 1 is all that 2 classes have", result.warnings[0]);
  EXPECT_TRUE(all.warnings.empty());
}

TEST(EvaluateAttack, warns_of_attempts_that_began_with_a_zero_gradient) {
  const IdentityVictim victim;
  const Attack attack = attack_of({member_of([](const Batch& batch, PassCounts& counts) {
    for (std::int32_t row = 0; row < batch.inputs.shape()[0]; ++row) {
      counts.zero_gradients.push_back(row);
    }
    return breaking([](std::int32_t example, std::int32_t) { return example == 0; })(batch, counts);
  })});

  const AttackResult result = victim.attack(attack);

  ASSERT_EQ(result.warnings.size(), 1u);
  expect_part("fake: 3 attempts began with a gradient of exactly zero", result.warnings[0]);
}

// Examples 0, 1 and 3 need one, three and two attempts; attempt a of example e takes 10 e + a + 1
// passes forward and one backward.
Attack uneven_attack() {
  return attack_of({member_of(
      [](const Batch& batch, PassCounts& counts) {
        const std::vector<std::int32_t> examples = batch.indices.to_host<std::int32_t>(),
                                        attempts = batch.attempts.to_host<std::int32_t>();
        PassCounts ignored;
        const Tensor images = breaking([](std::int32_t example, std::int32_t attempt) {
          return attempt >= (example == 0 ? 0 : example == 1 ? 2 : 1);
        })(batch, ignored);
        for (std::size_t i = 0; i < examples.size(); ++i) {
          const auto row = static_cast<std::int32_t>(i);
          counts.add(row, {10 * examples[i] + attempts[i] + 1, 1});
          if (attempts[i] == 1) counts.zero_gradients.push_back(row);
          if (attempts[i] == 2) counts.repeated.push_back(row);
        }
        return images;
      },
      4)});
}

TEST(EvaluateAttack, counts_each_examples_own_passes_whatever_the_batch_size) {
  const IdentityVictim victim;
  for (std::int64_t batch_size : {1, 2, 7}) {
    const AttackResult result =
        victim.attack(uneven_attack(), AttackedExamples::correct_only, batch_size);

    EXPECT_EQ(result.examples[0].forward, 1 + 1) << batch_size;  // and a verdict each
    EXPECT_EQ(result.examples[1].forward, 11 + 12 + 13 + 3) << batch_size;
    EXPECT_EQ(result.examples[3].forward, 31 + 32 + 2) << batch_size;
    EXPECT_EQ(result.examples[1].backward, 3) << batch_size;
    EXPECT_EQ(result.passes.forward, 2 + 39 + 65) << batch_size;
    EXPECT_EQ(result.passes.backward, 1 + 3 + 2) << batch_size;
    EXPECT_EQ(result.members[0].passes.forward, result.passes.forward) << batch_size;
    EXPECT_EQ(result.members[0].zero_gradients, 2) << batch_size;
    EXPECT_EQ(result.members[0].repeated, 1) << batch_size;
  }
}

TEST(EvaluateAttack, warns_where_every_adversarial_image_is_the_clean_one) {
  const IdentityVictim victim;
  Attack attack =
      attack_of({member_of([](const Batch& batch, PassCounts&) { return batch.inputs; })});

  const AttackResult result = victim.attack(attack);
  attack.ball = Ball{Norm::linf, 0.};
  const AttackResult no_radius = victim.attack(attack);
  const AttackResult tiny_steps =
      victim.attack(attack_of({member_of([](const Batch& batch, PassCounts&) {
        std::vector<float> x = batch.inputs.to_host<float>();
        for (float& value : x) value *= 1 - 1e-7f;
        return Tensor::from_host(batch.inputs.device(), batch.inputs.shape(), x);
      })}));

  ASSERT_EQ(result.warnings.size(), 1u);
  expect_part("the attack did nothing: all 3 adversarial images are the clean ones",
              result.warnings[0]);
  EXPECT_TRUE(no_radius.warnings.empty());
  ASSERT_EQ(tiny_steps.warnings.size(), 1u);
  expect_part("the attack did nothing", tiny_steps.warnings[0]);
}

TEST(EvaluateAttack, warns_of_examples_that_lie_on_the_decision_boundary) {
  const IdentityVictim victim;

  // Equal logits are class 0: a success on the example of label 1 that was right, by no margin.
  const AttackResult tied = victim.attack(always(.5f, .5f));
  const AttackResult clear = victim.attack(always(.5f, .25f));

  ASSERT_EQ(tied.warnings.size(), 1u);
  expect_part("1 adversarial examples lie on the decision boundary", tied.warnings[0]);
  EXPECT_TRUE(clear.warnings.empty());
}

TEST(EvaluateAttack, refuses_a_model_of_too_few_classes) {
  const IdentityVictim victim;
  AttackMember member = member_of({});
  member.name = "apgd-t";
  member.least_classes = 4;

  expect_error("apgd-t: needs a model of at least 4 classes, this one has 2",
               [&] { victim.attack(attack_of({member})); });
}

TEST(EvaluateAttack, fails_where_an_attack_leaves_the_pixel_range) {
  const IdentityVictim victim;

  expect_error("of adversarial example 0 is 1.5, outside [0, 1]",
               [&] { victim.attack(always(0.5f, 1.5f)); });
  expect_error("adversarial example 0", [&] { victim.attack(always(std::nanf(""), 0.f)); });
}

TEST(EvaluateAttack, fails_where_an_attack_leaves_its_ball) {
  const IdentityVictim victim;
  Attack attack = always(0.5f, 0.5f);
  attack.ball = Ball{Norm::linf, 0.1};

  expect_error("linf norm", [&] { victim.attack(attack); });

  attack.ball = Ball{Norm::l2, 2.};
  EXPECT_NO_THROW(victim.attack(attack));
}

TEST(EvaluateAttack, takes_logits_that_are_not_finite_for_an_error_and_not_for_a_success) {
  const IdentityVictim victim;
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
  IdentityVictim victim;
  victim.logits = linear_logits({0, 0, 0, 0});
  victim.clean = evaluate(victim.logits, victim.data, 3);  // ties go to class 0

  const AttackResult result = victim.attack(pgd_of(fgsm(8.f / 255)));

  EXPECT_EQ(result.robust_accuracy, 50.);
  ASSERT_EQ(result.warnings.size(), 1u);
  expect_part("all 2 adversarial images are the clean ones", result.warnings[0]);
}

}  // namespace
}  // namespace saddle
