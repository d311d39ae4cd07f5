// What --attack and --suite accept, and what they answer to mistakes.
#include "apps/attack/attack_table.h"

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
  expect_usage_error("There are fgsm, pgd, mifgsm, apgd-ce, apgd-dlr, apgd-t, fab", "frobnicate");
}

TEST(MakeAttack, names_the_keys_there_are) {
  expect_usage_error("fgsm has no key 'steps'. Its keys: eps, target, seed", "fgsm:steps=2");
}

TEST(MakeAttack, names_the_key_of_a_wrong_value) {
  expect_usage_error("attack pgd:eps=1/0: eps: '1/0'", "pgd:eps=1/0");
  expect_usage_error("attack pgd:steps=1.5: steps: '1.5'", "pgd:steps=1.5");
  expect_usage_error("norm: 'l3' is not one of linf, l2, l1", "pgd:norm=l3");
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
  EXPECT_EQ(make("pgd:restarts=5").members.at(0).restarts, 5);
}

TEST(MakeAttack, takes_the_defaults_of_every_attack) {
  for (const AttackRow& row : attack_table()) {
    const Attack attack = make(row.name);

    ASSERT_FALSE(attack.members.empty()) << row.name;
    EXPECT_GE(attack.members[0].passes, 3) << row.name;
  }
}

// Every attack with every key it has.
const std::vector<std::string>& full_specs() {
  static const std::vector<std::string> specs{
      "fgsm:eps=0.1,target=random,seed=3",
      "pgd:norm=l1,eps=2,alpha=0.5,steps=3,start=random,target=4,restarts=2,seed=3",
      "mifgsm:eps=0.1,alpha=0.01,steps=3,decay=0.9,target=least,seed=3",
      "apgd-ce:norm=l1,eps=2,steps=3,target=1,restarts=2,rho=0.5,eot=2,largereps=on,reference_wrap="
      "on,seed="
      "3",
      "apgd-dlr:norm=l2,eps=2,steps=3,restarts=2,rho=0.5,eot=2,largereps=off,reference_wrap=on,"
      "seed=3",
      "apgd-t:norm=linf,eps=0.1,steps=3,restarts=2,rho=0.5,eot=2,largereps=off,reference_wrap=off,"
      "classes=all,loss=ce,seed=3",
      "fab:norm=l1,eps=2,steps=3,restarts=2,alpha_max=0.2,eta=1.1,beta=0.8,seed=3",
      "fab-t:norm=l1,eps=2,steps=3,restarts=2,classes=5,alpha_max=0.2,eta=1.1,beta=0.8,seed=3",
      "square:norm=l2,eps=2,queries=7,p_init=0.5,loss=ce,schedule=rescaled,reference_windows=on,"
      "restarts=2,seed=3",
      "stadv:bound=0.1,iterations=3,lr=0.02,lambda=0.1,kappa=1,start=random,restarts=2,seed=3",
      "pixle:reading=five-proposals,restarts=2,iterations=3,seed=3",
      "cw:eps=2,searches=2,iterations=3,c=0.1,lr=0.02,kappa=1,abort_early=on,target=1,seed=3",
      "deepfool:norm=linf,eps=0.1,steps=3,overshoot=0.1,seed=3",
      "autoattack:norm=l2,eps=2,version=plus,preset=torchattacks,mode=individual,steps=3,queries=7,"
      "classes=2,seed=3"};
  return specs;
}

TEST(MakeAttack, takes_every_key_of_every_attack) {
  std::vector<std::string> names;
  for (const std::string& text : full_specs()) {
    const AttackSpec spec = parse_attack_spec(text);
    const AttackRow& row = attack_table()[names.size()];

    EXPECT_EQ(spec.name, row.name);
    EXPECT_EQ(spec.values.size(), row.keys.size()) << text;
    EXPECT_NO_THROW(make(text)) << text;
    names.push_back(spec.name);
  }
  EXPECT_EQ(names.size(), attack_table().size());
}

TEST(MakeAttack, knows_how_many_classes_a_targeted_attack_tries) {
  EXPECT_EQ(make("apgd-t").members[0].targets, 9);
  EXPECT_EQ(make("fab-t:classes=3").members[0].targets, 3);
  EXPECT_EQ(make("apgd-t:classes=all").members[0].targets, kAllTargets);
  EXPECT_EQ(make("apgd-ce").members[0].targets, 0);
  EXPECT_EQ(make("apgd-t").members[0].least_classes, 4);
  EXPECT_EQ(make("apgd-t:loss=ce").members[0].least_classes, 2);
}

TEST(MakeAttack, reads_targets) {
  EXPECT_FALSE(make("pgd").aim.has_value());
  EXPECT_EQ(make("pgd:target=3").aim->to, 3);
  EXPECT_EQ(make("fgsm:target=least").aim->at, Aim::At::least);
  EXPECT_EQ(make("mifgsm:target=random,seed=8").aim->seed, 8u);
  EXPECT_EQ(make("apgd-ce:target=random,seed=8").aim->seed, 8u);
  EXPECT_EQ(make("cw:target=0").aim->to, 0);
  expect_usage_error("target: 'cat' is not an integer", "pgd:target=cat");
  expect_usage_error("target: -1 is outside 0", "pgd:target=-1");
}

TEST(MakeAttack, rejects_keys_that_would_do_nothing) {
  expect_usage_error("2 restarts from the image itself", "pgd:start=zero,restarts=2");
  expect_usage_error("2 restarts from the image itself", "stadv:restarts=2");
  expect_usage_error("version=rand has neither square", "autoattack:version=rand,queries=5");
  expect_usage_error("version=rand has neither square", "autoattack:version=rand,classes=5");
}

TEST(MakeAttack, rejects_what_an_attack_cannot_do) {
  expect_usage_error("eps", "apgd-ce:norm=l2,eps=-1");
  expect_usage_error("apgd", "apgd-ce:norm=linf,largereps=on");
  expect_usage_error("queries: -1 is outside 1", "square:queries=-1");
  expect_usage_error("norm: 'l1' is not one of l2, linf", "deepfool:norm=l1");
  expect_usage_error("has no l1", "autoattack:norm=l1,preset=torchattacks");
}

TEST(MakeAttack, rejects_an_attack_that_could_do_nothing) {
  expect_usage_error("alpha 0 moves nothing", "pgd:alpha=0");
  expect_usage_error("alpha 0 moves nothing", "mifgsm:alpha=0");
  expect_usage_error("steps: 0 is outside 1", "pgd:steps=0");
  expect_usage_error("steps: 0 is outside 1", "mifgsm:steps=0");
  expect_usage_error("steps: 0 is outside 1", "deepfool:steps=0");
  expect_usage_error("eta 0 must be finite and positive", "fab:eta=0");
  expect_usage_error("eta 0 must be finite and positive", "fab-t:eta=0");
  expect_usage_error("queries: 0 is outside 1", "square:queries=0");
  expect_usage_error("queries: 0 is outside 1", "autoattack:queries=0");
  expect_usage_error("restarts: 0 is outside 1", "pixle:restarts=0");
  expect_usage_error("iterations: 0 is outside 1", "pixle:iterations=0");
}

// A radius of 0 asks for the clean accuracy.
TEST(MakeAttack, takes_a_radius_of_0) {
  for (const char* spec :
       {"fgsm:eps=0", "pgd:eps=0", "mifgsm:eps=0", "fab:eps=0", "square:eps=0"}) {
    EXPECT_NO_THROW(make(spec)) << spec;
  }
}

std::vector<std::string> members_of(const std::string& spec) {
  std::vector<std::string> names;
  for (const AttackMember& member : make(spec).members) names.push_back(member.name);
  return names;
}

TEST(AutoAttackSpec, has_the_members_of_each_version) {
  EXPECT_EQ(members_of("autoattack"),
            (std::vector<std::string>{"apgd-ce", "apgd-t", "fab-t", "square"}));
  EXPECT_EQ(members_of("autoattack:version=plus"),
            (std::vector<std::string>{"apgd-ce", "apgd-dlr", "fab", "square", "apgd-t", "fab-t"}));
  EXPECT_EQ(members_of("autoattack:version=rand"),
            (std::vector<std::string>{"apgd-ce", "apgd-dlr"}));
}

TEST(WithEps, replaces_the_radius_of_a_spec) {
  const AttackSpec spec = parse_attack_spec("pgd:steps=3,eps=0.1");

  EXPECT_EQ(with_eps(spec, "2/255").text, "pgd:eps=2/255,steps=3");
  EXPECT_EQ(without_eps(spec), "pgd:steps=3");
  EXPECT_EQ(without_eps(parse_attack_spec("fgsm")), "fgsm");
  expect_error("pixle has no radius", [] { at_radius(parse_attack_spec("pixle"), "0.1"); });
}

TEST(DescribeAttacks, names_every_attack_and_key) {
  const std::string lines = described(attack_table());

  expect_part("fgsm", lines);
  expect_part("eps/4 (linf, l1), eps/8 (l2)", lines);
  expect_part("restarts", lines);
}

TEST(FindSuite, knows_the_suites_by_name) {
  expect_error("not one of paper, autoattack-linf, autoattack-l2, autoattack-l1",
               [] { find_suite("table", {}); });
  expect_error("radii of --suite paper are fixed", [] { find_suite("paper", 0.1); });
  EXPECT_EQ(find_suite("autoattack-linf", {}).specs,
            (std::vector<std::string>{"autoattack:norm=linf,eps=8/255"}));
  EXPECT_EQ(find_suite("autoattack-l2", 0.25).specs,
            (std::vector<std::string>{"autoattack:norm=l2,eps=0.25"}));
}

TEST(FindSuite, has_the_seven_columns_of_the_papers_table_2) {
  const Suite suite = find_suite("paper", {});

  EXPECT_TRUE(suite.has_average);
  ASSERT_EQ(suite.specs.size(), 7u);
  for (const std::string& spec : suite.specs) EXPECT_NO_THROW(make(spec)) << spec;
}

}  // namespace
}  // namespace saddle
