// Attacks on segmentation as a command line names them: names, keys, defaults, suites, curves, and
// what is refused.
#include <gtest/gtest.h>

#include "apps/segment/attack_program.h"
#include "attacks/pixel_losses.h"
#include "core/error.h"
#include "tests/support/expect_near.h"

namespace saddle {
namespace {

using namespace testing_support;
using Words = std::vector<std::string>;

PixelAttack attack_named(const std::string& spec) {
  return make_pixel_attack(parse_attack_spec(spec), 0);
}

// The message, which is one line.
std::string refusal_of(const std::string& spec) {
  const std::string message = message_of<UsageError>([&] { attack_named(spec); });
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  EXPECT_CONTAINS(message, spec);
  return message;
}

void expect_attack(const std::string& spec, Norm norm, double eps, int steps,
                   const std::string& loss) {
  const PixelAttack attack = attack_named(spec);
  EXPECT_EQ(attack.spec, spec);
  EXPECT_EQ(attack.name, spec.substr(0, spec.find(':')));
  EXPECT_EQ(attack.ball.norm, norm) << spec;
  EXPECT_EQ(static_cast<float>(attack.ball.eps), static_cast<float>(eps)) << spec;
  EXPECT_EQ(attack.steps, steps) << spec;
  EXPECT_EQ(attack.loss, loss) << spec;
  EXPECT_EQ(attack.restarts, 1) << spec;
}

TEST(MakePixelAttack, has_the_published_defaults) {
  expect_attack("fgsm", Norm::linf, 1. / 255, 1, "ce");
  expect_attack("pgd", Norm::linf, 1. / 255, 10, "ce");
  expect_attack("pgd:norm=l2", Norm::l2, 1, 10, "ce");
  expect_attack("segpgd", Norm::linf, 1. / 255, 10, "segpgd");
  expect_attack("cospgd:norm=l2", Norm::l2, 1, 10, "cospgd");
  expect_attack("apgd", Norm::linf, 1. / 255, 300, "ce");
  expect_attack("apgd:norm=l2", Norm::l2, 1, 300, "ce");
  expect_attack("noise", Norm::linf, 1. / 255, 0, "");
  expect_attack("noise:norm=l2", Norm::l2, 1, 0, "");
}

TEST(MakePixelAttack, takes_every_key) {
  expect_attack("fgsm:eps=8/255", Norm::linf, 8. / 255, 1, "ce");
  expect_attack("pgd:norm=l2,eps=0.5,alpha=0.1,steps=100,start=sphere,keep=best,seed=3,loss=jsd",
                Norm::l2, 0.5, 100, "jsd");
  expect_attack("segpgd:eps=2/255,alpha=0.001,steps=3,start=zero,keep=last,seed=1", Norm::linf,
                2. / 255, 3, "segpgd");
  expect_attack("apgd:eps=4/255,steps=7,rho=0.5,seed=9,loss=mce", Norm::linf, 4. / 255, 7, "mce");
  EXPECT_EQ(attack_named("noise:restarts=5").restarts, 5);
  EXPECT_EQ(attack_named("pgd:restarts=3").restarts, 3);
}

TEST(MakePixelAttack, climbs_each_loss_by_its_name) {
  for (const std::string& loss : pixel_loss_names()) {
    EXPECT_EQ(attack_named("pgd:loss=" + loss).loss, loss);
    EXPECT_EQ(attack_named("apgd:loss=" + loss).loss, loss);
    EXPECT_EQ(attack_named("pgd:loss=" + loss).weighs_classes, loss == "mce-bal");
  }
}

TEST(MakePixelAttack, only_pgd_can_be_watched_on_its_way) {
  EXPECT_TRUE(attack_named("pgd").observes);
  EXPECT_TRUE(attack_named("segpgd").observes);
  EXPECT_TRUE(attack_named("cospgd").observes);
  EXPECT_FALSE(attack_named("fgsm").observes);
  EXPECT_FALSE(attack_named("apgd").observes);
  EXPECT_FALSE(attack_named("noise").observes);
}

TEST(MakePixelAttack, says_which_names_and_keys_there_are) {
  EXPECT_CONTAINS(refusal_of("pdg"), "There are fgsm, pgd, segpgd, cospgd, apgd, noise");
  EXPECT_CONTAINS(refusal_of("fgsm:steps=3"), "fgsm has no key 'steps'. Its keys: eps");
  EXPECT_CONTAINS(refusal_of("segpgd:loss=ce"),
                  "Its keys: norm, eps, alpha, steps, start, keep, restarts, seed");
  EXPECT_CONTAINS(refusal_of("noise:steps=3"), "Its keys: norm, eps, restarts, seed");
  EXPECT_CONTAINS(refusal_of("apgd:restarts=3"), "Its keys: norm, eps, steps, rho, seed, loss");
}

TEST(MakePixelAttack, says_which_values_there_are) {
  EXPECT_CONTAINS(refusal_of("pgd:norm=l1"), "'l1' is not one of linf, l2");
  EXPECT_CONTAINS(refusal_of("pgd:loss=dice"),
                  "not one of ce, segpgd, cospgd, mce, mce-bal, jsd, msl, cos");
  EXPECT_CONTAINS(refusal_of("segpgd:keep=worst"), "not one of last, best");
  EXPECT_CONTAINS(refusal_of("pgd:start=one"), "not one of random, zero, sphere");
  EXPECT_CONTAINS(refusal_of("pgd:start=sphere"), "only l2 starts on a sphere");
  EXPECT_CONTAINS(refusal_of("pgd:steps=0"), "steps: 0");
  EXPECT_CONTAINS(refusal_of("pgd:steps=two"), "steps");
  EXPECT_CONTAINS(refusal_of("pgd:eps=8"), "exceeds the pixel range [0, 1]");
  EXPECT_CONTAINS(refusal_of("apgd:eps=2"), "exceeds the pixel range");
  EXPECT_CONTAINS(refusal_of("apgd:rho=2"), "rho");
  EXPECT_CONTAINS(refusal_of("fgsm:eps=-1/255"), "eps");
  EXPECT_CONTAINS(refusal_of("pgd:alpha=0"), "alpha 0");
  EXPECT_CONTAINS(refusal_of("pgd:restarts=0"), "restarts: 0");
}

TEST(DescribePixelAttacks, shows_keys_with_the_defaults_of_their_attack) {
  const std::string all = describe_pixel_attacks();

  EXPECT_CONTAINS(all, "segpgd      Gu et al. 2022");
  // fgsm is linf alone.
  EXPECT_CONTAINS(all, "eps       1/255                 radius");
  EXPECT_CONTAINS(all, "steps     300");
}

TEST(PixelSuiteSpecs, are_the_papers_and_the_ensembles) {
  const Words paper = {"pgd:norm=linf,eps=1/255,alpha=0.25/255,steps=10",
                       "pgd:norm=l2,eps=1,alpha=0.25,steps=10"};
  Words more = paper;
  more.push_back("pgd:norm=linf,eps=2/255,alpha=0.5/255,steps=10");
  more.push_back("pgd:norm=l2,eps=0.5,alpha=0.125,steps=10");

  EXPECT_EQ(pixel_suite_specs("paper", {}), paper);
  EXPECT_EQ(pixel_suite_specs("paper-more", {}), more);
  EXPECT_EQ(pixel_suite_specs("sea", {}),
            (Words{"apgd:loss=mce-bal,eps=4/255,steps=300", "apgd:loss=mce,eps=4/255,steps=300",
                   "apgd:loss=jsd,eps=4/255,steps=300"}));
  EXPECT_EQ(pixel_suite_specs("sea-cheap", 0.125),
            (Words{"apgd:loss=mce-bal,eps=0.125,steps=100", "apgd:loss=mce,eps=0.125,steps=100",
                   "apgd:loss=jsd,eps=0.125,steps=100"}));
  EXPECT_EQ(pixel_suite_specs("sea-v1", {}),
            (Words{"apgd:loss=mce,eps=4/255,steps=300", "apgd:loss=segpgd,eps=4/255,steps=300",
                   "apgd:loss=jsd,eps=4/255,steps=300", "apgd:loss=msl,eps=4/255,steps=300"}));
}

TEST(PixelSuiteSpecs, say_which_there_are_and_which_have_a_radius) {
  EXPECT_CONTAINS(message_of<UsageError>([] { pixel_suite_specs("see", {}); }),
                  "not one of paper, paper-more, sea, sea-cheap, sea-v1");
  EXPECT_CONTAINS(message_of<UsageError>([] { pixel_suite_specs("paper", 0.1); }),
                  "the radii of --suite paper are fixed");
}

// ---- the command line's jobs ----

SegmentAttackOptions command(const Words& attacks, const Words& suites = {}) {
  SegmentAttackOptions options;
  options.checkpoint = "model.safetensors";
  options.attacks = attacks;
  options.suites = suites;
  return options;
}

Words specs_of(const SegmentAttackOptions& options) {
  Words specs;
  for (const PixelJob& job : jobs_of(options)) specs.push_back(job.attack.spec);
  return specs;
}

std::string refusal_of(const SegmentAttackOptions& options) {
  const std::string message = message_of<UsageError>([&] { jobs_of(options); });
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  return message;
}

TEST(JobsOf, are_the_attacks_and_then_the_suites) {
  SegmentAttackOptions options = command({"noise", "segpgd:steps=3"}, {"paper", "sea-cheap"});
  options.eps = 0.5;

  EXPECT_EQ(specs_of(options),
            (Words{"noise", "segpgd:steps=3", "pgd:norm=linf,eps=1/255,alpha=0.25/255,steps=10",
                   "pgd:norm=l2,eps=1,alpha=0.25,steps=10", "apgd:loss=mce-bal,eps=0.5,steps=100",
                   "apgd:loss=mce,eps=0.5,steps=100", "apgd:loss=jsd,eps=0.5,steps=100"}));
  EXPECT_TRUE(jobs_of(command({})).empty());
}

TEST(JobsOf, steps_curve_makes_one_long_run_with_stops) {
  SegmentAttackOptions options = command({"pgd", "cospgd:norm=l2"});
  options.steps_curve = "10,1,3";

  const std::vector<PixelJob> jobs = jobs_of(options);

  ASSERT_EQ(jobs.size(), 2u);
  EXPECT_EQ(jobs[0].attack.spec, "pgd:steps=10");
  EXPECT_EQ(jobs[0].stops, (std::vector<int>{1, 3}));
  EXPECT_EQ(jobs[1].attack.spec, "cospgd:norm=l2,steps=10");
  EXPECT_EQ(jobs[1].attack.steps, 10);
}

TEST(JobsOf, eps_curve_runs_each_attack_at_each_radius) {
  SegmentAttackOptions options = command({"fgsm", "pgd:norm=l2"});
  options.eps_curve = "1/255,0.5";

  EXPECT_EQ(specs_of(options), (Words{"fgsm:eps=1/255", "fgsm:eps=0.5", "pgd:eps=1/255,norm=l2",
                                      "pgd:eps=0.5,norm=l2"}));
}

TEST(JobsOf, both_curves_go_together) {
  SegmentAttackOptions options = command({"pgd"});
  options.eps_curve = "1/255,2/255";
  options.steps_curve = "1,2";

  EXPECT_EQ(specs_of(options), (Words{"pgd:eps=1/255,steps=2", "pgd:eps=2/255,steps=2"}));
}

TEST(JobsOf, refuses_a_steps_curve_that_cannot_be) {
  SegmentAttackOptions options = command({"pgd"});
  for (const auto& [curve, part] : {std::pair{"1,1", "a number comes twice"},
                                    {"0,2", "--steps-curve: '0'"},
                                    {"1,", "--steps-curve: ''"},
                                    {"1,many", "--steps-curve: 'many'"}}) {
    options.steps_curve = curve;
    EXPECT_CONTAINS(refusal_of(options), part);
  }
  options.steps_curve = "1,3";
  options.attacks = {"pgd:steps=5"};
  EXPECT_CONTAINS(refusal_of(options), "its steps are those of --steps-curve");
  options.attacks = {"noise"};
  EXPECT_CONTAINS(refusal_of(options), "--steps-curve needs an attack of PGD's kind");
  options.attacks = {"apgd"};
  EXPECT_CONTAINS(refusal_of(options), "--steps-curve needs an attack of PGD's kind");
}

TEST(JobsOf, refuses_an_eps_curve_that_cannot_be) {
  SegmentAttackOptions options = command({"pgd"});
  for (const auto& [curve, part] : {std::pair{"0,1", "--eps-curve: 0 is not above 0"},
                                    {"1/255,x", "--eps-curve"},
                                    {"1/255,1/255", "--eps-curve 1/255,1/255: a radius comes"},
                                    {"0.5,1/2", "--eps-curve 0.5,1/2: a radius comes twice"}}) {
    options.eps_curve = curve;
    EXPECT_CONTAINS(refusal_of(options), part);
  }
  options.eps_curve = "1/255";
  options.attacks = {"pgd:eps=2/255"};
  EXPECT_CONTAINS(refusal_of(options), "its eps would do nothing beside --eps-curve");
  options.attacks = {};
  options.suites = {"paper"};
  EXPECT_CONTAINS(refusal_of(options), "--eps-curve");
}

TEST(JobsOf, refuses_flags_that_would_do_nothing) {
  const auto with = [](auto member, const auto& value, const Words& attacks = {}) {
    SegmentAttackOptions options = command(attacks);
    options.*member = value;
    return refusal_of(options);
  };
  using Options = SegmentAttackOptions;
  EXPECT_CONTAINS(with(&Options::checkpoint, ""), "--checkpoint is missing");
  EXPECT_CONTAINS(with(&Options::restart, true), "--restart");
  EXPECT_CONTAINS(with(&Options::eps, 0.1, {"pgd"}), "--eps belongs to --suite");
  EXPECT_CONTAINS(with(&Options::eps_curve, "0.1"), "--eps-curve needs an --attack");
  EXPECT_CONTAINS(with(&Options::steps_curve, "1,2"), "--steps-curve needs an --attack");
  EXPECT_CONTAINS(with(&Options::counts, "f"), "--counts needs an --attack");
  EXPECT_CONTAINS(with(&Options::adversarial, "f"), "--save-adversarial needs an --attack");
  EXPECT_CONTAINS(with(&Options::images, "f"), "--save-images needs an --attack");
  EXPECT_CONTAINS(with(&Options::balance, "test", {"pgd"}), "--balance");
}

TEST(JobsOf, takes_balance_where_a_loss_weighs_classes) {
  SegmentAttackOptions options = command({"pgd:loss=mce-bal"});
  options.balance = "test";
  EXPECT_EQ(specs_of(options), (Words{"pgd:loss=mce-bal"}));
}

}  // namespace
}  // namespace saddle
