// What is said of models and attacks whose numbers should not be trusted.
#include "apps/attack/checks.h"

#include <gtest/gtest.h>

#include "tests/apps/data_files.h"
#include "tests/support/devices.h"
#include "tests/support/linear_models.h"

namespace saddle {
namespace {

using testing_support::constant_model;
using testing_support::device_names;
using testing_support::grey;
using testing_support::lin4;
using testing_support::linear_model;
using testing_support::single_image;

std::vector<std::string> check(Device& device, const LogitsFunction& logits,
                               RandomModels random = RandomModels::unexpected) {
  return check_model(logits, single_image(device, grey()), random);
}

TEST(CheckModel, finds_nothing_wrong_with_an_honest_model) {
  for (const std::string& name : device_names()) {
    Device& device = device_named(name);

    EXPECT_TRUE(check(device, lin4(device)).empty()) << name;
  }
}

TEST(CheckModel, warns_of_a_gradient_of_exactly_zero) {
  for (const std::string& name : device_names()) {
    Device& device = device_named(name);

    const std::vector<std::string> warnings = check(device, constant_model(device));

    ASSERT_EQ(warnings.size(), 1u) << name;
    expect_part("exactly zero on 1 of the first 1 images", warnings[0]);
  }
}

TEST(CheckModel, warns_of_probabilities) {
  Device& device = cpu_device();
  // (x_0, 0.5, 0, 0) at x_0 = 0.5: what a softmax could have answered.
  const std::vector<std::string> warnings =
      check(device, linear_model(device, {1, 0, 0, 0}, {0, .5f, 0, 0}));

  ASSERT_EQ(warnings.size(), 1u);
  expect_part("probabilities, not logits", warnings[0]);
}

TEST(CheckModel, warns_of_answers_that_change_from_pass_to_pass) {
  Device& device = cpu_device();
  int passes = 0;
  const std::vector<LogitsFunction> models{lin4(device),
                                           linear_model(device, {3, -1, 2, 0}, {-1.7f, 0, -5, -6})};
  const LogitsFunction random = [&](Tape& tape, const Var& x) {
    return models[static_cast<std::size_t>(++passes % 2)](tape, x);
  };

  const std::vector<std::string> unexpected = check(device, random);
  const std::vector<std::string> expected = check(device, random, RandomModels::expected);

  ASSERT_EQ(unexpected.size(), 1u);
  expect_part("differ from pass to pass", unexpected[0]);
  EXPECT_TRUE(expected.empty());
}

AttackMember member(const std::string& name, Knowledge knowledge) {
  AttackMember member;
  member.name = name;
  member.knowledge = knowledge;
  return member;
}

AttackResult result(double robust, const std::vector<double>& of_members) {
  AttackResult result;
  result.robust_accuracy = robust;
  for (double accuracy : of_members) result.members.push_back({"", accuracy, {}, 0, 0});
  return result;
}

TEST(CheckMembers, warns_where_a_black_box_breaks_what_gradients_could_not) {
  Attack attack;
  attack.members = {member("apgd-ce", Knowledge::white_box), member("square", Knowledge::black_box)};

  EXPECT_TRUE(check_members(attack, result(49.8, {50, 49.8}), 90).empty());  // 0.2 % is allowed
  const std::vector<std::string> warnings = check_members(attack, result(49.7, {50, 49.7}), 90);

  ASSERT_EQ(warnings.size(), 1u);
  expect_part("square knows no gradients and leaves 49.70 % standing", warnings[0]);
}

TEST(CheckMembers, compares_with_the_best_white_box_where_each_attacks_alone) {
  Attack attack;
  attack.order = Members::each_alone;
  attack.members = {member("apgd-ce", Knowledge::white_box), member("square", Knowledge::black_box),
                    member("fab-t", Knowledge::white_box)};

  EXPECT_TRUE(check_members(attack, result(30, {50, 40, 30}), 90).empty());
  EXPECT_EQ(check_members(attack, result(30, {50, 30, 40}), 90).size(), 1u);
}

TEST(CheckAttacks, compares_attacks_within_the_same_ball) {
  Attack white, black, elsewhere;
  white.members = {member("pgd", Knowledge::white_box)};
  white.ball = Ball{Norm::l2, 0.5};
  black.members = {member("square", Knowledge::black_box)};
  black.ball = Ball{Norm::l2, 0.5};
  elsewhere = white;
  elsewhere.ball = Ball{Norm::l2, 0.25};
  const AttackResult low = result(20, {}), high = result(60, {});

  const auto same = check_attacks({&white, &black}, {&high, &low}, {"pgd", "square"});
  const auto other = check_attacks({&elsewhere, &black}, {&high, &low}, {"pgd", "square"});

  ASSERT_EQ(same.size(), 1u);
  expect_part("square knows no gradients and leaves 20.00 % standing, pgd leaves 60.00 %", same[0]);
  EXPECT_TRUE(other.empty());
}

}  // namespace
}  // namespace saddle
