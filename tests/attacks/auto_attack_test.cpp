// AutoAttack: the parameters of its members, as the authors' code has them.
#include "attacks/auto_attack.h"

#include <gtest/gtest.h>

#include "tests/support/expect_near.h"

namespace saddle {
namespace {

using namespace testing_support;

AutoAttackOptions l2_options() {
  AutoAttackOptions options;
  options.norm = Norm::l2;
  options.eps = 0.5f;
  return options;
}

const ApgdOptions& apgd_of(const AutoAttackPart& part) {
  return std::get<ApgdOptions>(part.options);
}
const FabOptions& fab_of(const AutoAttackPart& part) { return std::get<FabOptions>(part.options); }
const SquareOptions& square_of(const AutoAttackPart& part) {
  return std::get<SquareOptions>(part.options);
}

TEST(AutoAttack, has_the_parameters_of_the_authors) {
  const auto parts = auto_attack_parts(l2_options(), 7);

  ASSERT_EQ(parts.size(), 4u);
  EXPECT_EQ(apgd_of(parts[0]).loss, ApgdLoss::ce);
  EXPECT_EQ(apgd_of(parts[0]).norm, Norm::l2);
  EXPECT_EQ(apgd_of(parts[0]).eps, 0.5f);
  EXPECT_EQ(apgd_of(parts[0]).steps, 100);
  EXPECT_EQ(apgd_of(parts[0]).radius, ApgdRadius::fixed);
  EXPECT_EQ(parts[0].tries.restarts, 1);
  EXPECT_EQ(parts[0].tries.seed, 7u);
  EXPECT_EQ(apgd_of(parts[1]).loss, ApgdLoss::targeted_dlr);
  EXPECT_EQ(parts[1].tries.targets, 9);
  EXPECT_EQ(fab_of(parts[2]).boundary, Boundary::ranked);
  EXPECT_EQ(fab_of(parts[2]).steps, 100);
  EXPECT_EQ(parts[2].tries.targets, 9);
  EXPECT_EQ(square_of(parts[3]).queries, 5000);
  EXPECT_FALSE(square_of(parts[3]).rescale_schedule);
}

TEST(AutoAttack, is_weaker_in_the_form_of_torchattacks) {
  AutoAttackOptions options = l2_options();
  options.preset = AutoAttackPreset::torchattacks;

  const auto parts = auto_attack_parts(options, 0);

  EXPECT_EQ(apgd_of(parts[0]).steps, 10);
  EXPECT_EQ(parts[1].tries.targets, kAllTargets);
  EXPECT_EQ(fab_of(parts[2]).steps, 10);
  EXPECT_EQ(parts[2].tries.targets, kAllTargets);
  EXPECT_TRUE(square_of(parts[3]).rescale_schedule);
  options.norm = Norm::l1;
  EXPECT_CONTAINS(message_of<Error>([&] { auto_attack_parts(options, 0); }), "has no l1");
}

TEST(AutoAttack, shrinks_radii_and_restarts_in_l1) {
  AutoAttackOptions options = l2_options();
  options.norm = Norm::l1;

  const auto parts = auto_attack_parts(options, 0);

  EXPECT_EQ(parts[0].tries.restarts, 5);
  EXPECT_EQ(apgd_of(parts[0]).radius, ApgdRadius::shrinking);
  EXPECT_EQ(parts[1].tries.restarts, 1);
  EXPECT_EQ(parts[1].tries.targets, 5);
  EXPECT_EQ(apgd_of(parts[1]).radius, ApgdRadius::shrinking);
  EXPECT_EQ(parts[2].tries.targets, 9);
}

TEST(AutoAttack, averages_gradients_of_models_that_draw_random_numbers) {
  AutoAttackOptions options = l2_options();
  options.version = AutoAttackVersion::rand;

  const auto parts = auto_attack_parts(options, 0);

  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(apgd_of(parts[0]).eot, 20);
  EXPECT_EQ(apgd_of(parts[1]).eot, 20);
  EXPECT_EQ(apgd_of(parts[1]).loss, ApgdLoss::dlr);
  options.queries = 5;
  EXPECT_CONTAINS(message_of<Error>([&] { auto_attack_parts(options, 0); }),
                  "has neither square nor target classes");
}

TEST(AutoAttack, has_a_stand_in_for_the_ratio_of_logits) {
  const std::vector<AttackMember> members = auto_attack(l2_options(), 0);

  EXPECT_FALSE(members[0].stand_in);
  ASSERT_TRUE(members[1].stand_in);
  EXPECT_EQ(members[1].stand_in->name, "apgd-t:loss=ce");
  EXPECT_EQ(members[1].stand_in->targets, kAllTargets);
  EXPECT_EQ(members[1].stand_in->least_classes, 2);
}

}  // namespace
}  // namespace saddle
