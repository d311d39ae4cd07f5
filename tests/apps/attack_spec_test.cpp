// What --attack and --suite accept, and what they answer to mistakes.
#include "apps/attack/spec.h"

#include <gtest/gtest.h>

#include "tests/apps/data_files.h"

namespace saddle {
namespace {

Attack make(const std::string& spec) { return make_attack(parse_attack_spec(spec), 0); }

void expect_usage_error(const std::string& part, const std::string& spec) {
  try {
    make(spec);
    ADD_FAILURE() << spec << " was accepted";
  } catch (const UsageError& error) {
    expect_part(part, error.what());
  }
}

TEST(ParseAttackSpec, takes_name_and_values_apart) {
  const AttackSpec spec = parse_attack_spec("pgd:norm=l2,eps=32/255");

  EXPECT_EQ(spec.name, "pgd");
  EXPECT_EQ(spec.text, "pgd:norm=l2,eps=32/255");
  EXPECT_EQ(spec.values, (std::map<std::string, std::string>{{"eps", "32/255"}, {"norm", "l2"}}));
  EXPECT_TRUE(parse_attack_spec("fgsm").values.empty());
}

TEST(ParseAttackSpec, rejects_what_is_not_key_and_value) {
  EXPECT_THROW(parse_attack_spec(""), UsageError);
  EXPECT_THROW(parse_attack_spec(":eps=1"), UsageError);
  EXPECT_THROW(parse_attack_spec("pgd:"), UsageError);
  EXPECT_THROW(parse_attack_spec("pgd:eps"), UsageError);
  EXPECT_THROW(parse_attack_spec("pgd:eps="), UsageError);
  EXPECT_THROW(parse_attack_spec("pgd:=1"), UsageError);
  EXPECT_THROW(parse_attack_spec("pgd:eps=1,"), UsageError);
  EXPECT_THROW(parse_attack_spec("pgd:eps=1,eps=1"), UsageError);
}

TEST(MakeAttack, names_the_attacks_there_are) {
  expect_usage_error("It has fgsm, pgd", "frobnicate");
}

TEST(MakeAttack, names_the_keys_there_are) {
  expect_usage_error("fgsm has no key 'steps'. Its keys: eps, seed", "fgsm:steps=2");
}

TEST(MakeAttack, names_the_key_of_a_wrong_value) {
  expect_usage_error("attack pgd:eps=1/0: eps: '1/0'", "pgd:eps=1/0");
  expect_usage_error("attack pgd:steps=1.5: steps: '1.5'", "pgd:steps=1.5");
  expect_usage_error("norm: 'l3' is not one of linf, l2", "pgd:norm=l3");
  expect_usage_error("start: 'warm' is not one of random, zero", "pgd:start=warm");
  expect_usage_error("restarts: 0 is outside 1", "pgd:restarts=0");
  expect_usage_error("seed: -1 is negative", "pgd:seed=-1");
}

TEST(MakeAttack, rejects_a_radius_that_forgot_255) {
  expect_usage_error("Did you mean 8/255?", "pgd:eps=8");
}

TEST(MakeAttack, takes_the_papers_radius_for_each_norm) {
  EXPECT_FLOAT_EQ(static_cast<float>(make("fgsm").ball->eps), 1.f / 255);
  EXPECT_FLOAT_EQ(static_cast<float>(make("pgd").ball->eps), 1.f / 255);
  EXPECT_FLOAT_EQ(static_cast<float>(make("pgd:norm=l2").ball->eps), 32.f / 255);
  EXPECT_EQ(make("pgd:norm=l2").ball->norm, Norm::l2);
  EXPECT_EQ(make("pgd:restarts=5").restarts, 5);
}

TEST(DescribeAttacks, names_every_attack_and_key) {
  const std::string lines = describe_attacks();

  expect_part("fgsm", lines);
  expect_part("eps/4 (linf), eps/8 (l2)", lines);
  expect_part("restarts", lines);
}

TEST(FindSuite, knows_the_suites_by_name) {
  expect_error("not one of paper, autoattack-linf, autoattack-l2", [] { find_suite("table", {}); });
  expect_error("radii of --suite paper are fixed", [] { find_suite("paper", 0.1); });
}

}  // namespace
}  // namespace saddle
