// Sessions: several attacks on a checkpoint, their curves, budgets, states and what is asked
// besides.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "apps/attack/session.h"
#include "core/plans.h"
#include "tests/apps/data_files.h"
#include "tests/apps/linear_target.h"

namespace saddle {
namespace {

using namespace testing_support;

Job job_of(const std::string& spec) {
  const AttackSpec parsed = parse_attack_spec(spec);
  return {parsed, make_attack(parsed, 3), std::nullopt, "", false};
}

// Jobs along a curve of radii.
std::vector<Job> curve_of(const std::string& spec, const std::vector<double>& radii) {
  std::vector<Job> jobs;
  for (double eps : radii) {
    const AttackSpec at = with_eps(parse_attack_spec(spec), std::to_string(eps));
    jobs.push_back({at, make_attack(at, 3), eps, spec, !jobs.empty()});
  }
  return jobs;
}

SessionOptions quiet_session(std::vector<Job> jobs) {
  SessionOptions options;
  options.checkpoints = {"m"};
  options.jobs = std::move(jobs);
  options.batch_size = 4;
  options.quiet = true;
  options.command = {{"attacks", "these"}};
  return options;
}

std::vector<AttackReport> run(const SessionOptions& options, const Target& target) {
  testing::internal::CaptureStderr();  // warnings
  std::vector<AttackReport> reports = run_session(options, target.data, [&](const std::string&) {
    return Victim{"linear", target.logits};
  });
  testing::internal::GetCapturedStderr();
  return reports;
}

TEST(Session, draws_a_curve_that_never_rises_and_breaks_nobody_beyond_the_radius) {
  const Target target(cpu_device(), 60);
  const std::vector<double> radii{0.01, 0.04, 0.08};

  const std::vector<AttackReport> reports =
      run(quiet_session(curve_of("pgd:start=zero,steps=20", radii)), target);

  ASSERT_EQ(reports[0].curves.size(), 1u);
  const RadiusCurve& curve = reports[0].curves[0];
  EXPECT_EQ(curve.eps, radii);
  EXPECT_GT(curve.robust_accuracy[0], curve.robust_accuracy[1]);
  EXPECT_GT(curve.robust_accuracy[1], curve.robust_accuracy[2]);
  // The gradient of the cross-entropy mixes the classes, so PGD may miss the nearest one; but it
  // breaks nobody who is farther away than the radius.
  for (std::size_t i = 0; i < radii.size(); ++i) {
    const AttackResult& result = reports[0].attacks[i].result;
    for (std::size_t n = 0; n < target.examples.labels.size(); ++n) {
      if (result.examples[n].prediction == target.examples.labels[n]) continue;
      EXPECT_LT(distance(target.examples, n, Norm::linf), 1.005 * radii[i]) << "example " << n;
    }
  }
}

TEST(Session, says_in_the_report_what_gradients_are_worth_on_all_images_whatever_the_batch_size) {
  Target target(cpu_device(), 10);
  const Var w(Tensor::filled(cpu_device(), {kClasses, 1, 1, kPixels}, 0.f), Gradient::none);
  target.logits = [w](Tape& tape, const Var& x) {
    return global_average_pool(tape, convolution(tape, x, w, {1, 0}));
  };
  for (std::int64_t batch_size : {1, 4}) {
    SessionOptions options = quiet_session({job_of("pgd:eps=0.04"), job_of("fab:eps=0.04")});
    options.which = AttackedExamples::all;
    options.batch_size = batch_size;

    const std::vector<std::string> warnings = run(options, target)[0].warnings;

    ASSERT_EQ(warnings.size(), 3u) << batch_size;
    expect_part("all 10 images with the same logits", warnings[0]);
    expect_part("exactly zero on 10 of 10 attacked images", warnings[1]);
    expect_part("do not change with the pixels on 10 of 10 attacked images", warnings[2]);
  }
}

TEST(Session, tries_at_a_larger_radius_only_what_the_smaller_one_left) {
  const Target target(cpu_device(), 60);

  const std::vector<AttackReport> reports =
      run(quiet_session(curve_of("fgsm", {0.04, 0.08})), target);

  const AttackResult &small = reports[0].attacks[0].result, &large = reports[0].attacks[1].result;
  const auto left = static_cast<std::int64_t>(std::lround(small.robust_accuracy * 60 / 100));
  EXPECT_EQ(small.passes.backward, 48);
  EXPECT_EQ(large.passes.backward, left);
}

TEST(Session, goes_on_after_a_time_budget_as_if_it_had_never_stopped) {
  const TemporaryDirectory directory;
  const Target target(cpu_device(), 30);
  SessionOptions options = quiet_session(
      {job_of("fgsm:eps=0.04"), job_of(std::string("autoattack:norm=linf,eps=0.04") + kShort),
       job_of("pgd:norm=l2,eps=0.1")});
  options.keep_images = true;
  const std::vector<AttackReport> whole = run(options, target);
  options.state = directory.path() / "r.json.state";
  options.time_budget = 1e-9;  // one batch a run

  std::vector<AttackReport> reports;
  int runs = 0;
  do {
    reports = run(options, target);
    ++runs;
  } while (!reports[0].unfinished.empty() && runs < 1000);

  EXPECT_GT(runs, 10);
  ASSERT_EQ(reports[0].attacks.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    const AttackResult &got = reports[0].attacks[i].result, &want = whole[0].attacks[i].result;
    EXPECT_TRUE(reports[0].attacks[i].finished);
    EXPECT_EQ(got.robust_accuracy, want.robust_accuracy) << i;
    EXPECT_EQ(got.predictions(), want.predictions()) << i;
    EXPECT_EQ(got.adversarial, want.adversarial) << i;
    EXPECT_EQ(got.passes.forward, want.passes.forward) << i;
    EXPECT_EQ(got.passes.backward, want.passes.backward) << i;
  }
}

TEST(Session, says_what_a_time_budget_left_undone) {
  const Target target(cpu_device(), 30);
  SessionOptions options = quiet_session({job_of("fgsm:eps=0.04"), job_of("pgd:eps=0.04")});
  options.time_budget = 1e-9;
  options.has_average = true;

  const std::vector<AttackReport> reports = run(options, target);

  EXPECT_EQ(reports[0].unfinished, (std::vector<std::string>{"fgsm:eps=0.04", "pgd:eps=0.04"}));
  ASSERT_EQ(reports[0].attacks.size(), 1u);
  EXPECT_FALSE(reports[0].attacks[0].finished);
  EXPECT_FALSE(reports[0].average_robustness.has_value());
}

TEST(Session, refuses_the_state_of_another_run_unless_told_to_begin_anew) {
  const TemporaryDirectory directory;
  const Target target(cpu_device(), 10);
  SessionOptions options = quiet_session({job_of("pgd:eps=0.04")});
  options.state = directory.path() / "s";
  save_state(*options.state, {{"attacks", "others"}}, {}, nullptr, SavedImages::all);

  expect_error("other attacks", [&] { run(options, target); });
  testing::internal::GetCapturedStderr();
  options.restart = true;
  EXPECT_TRUE(run(options, target)[0].unfinished.empty());
}

TEST(Session, says_that_a_state_was_made_with_other_threads) {
  const TemporaryDirectory directory;
  const Target target(cpu_device(), 10);
  SessionOptions options = quiet_session({job_of("pgd:eps=0.04")});
  options.state = directory.path() / "s";
  options.circumstances = {{"threads", "2"}};
  save_state(*options.state, options.command, {}, nullptr, SavedImages::none, {{"threads", "6"}});

  const std::vector<std::string> warnings = run(options, target)[0].warnings;

  ASSERT_EQ(warnings.size(), 1u);
  expect_part("a run with threads 6, this one has 2", warnings[0]);
}

// A state of a run under way whose convolutions went by these plans.
class SessionPlans : public testing::Test {
 protected:
  SessionPlans() : options_(quiet_session({job_of("pgd:eps=0.04")})) {
    options_.state = directory_.path() / "s";
  }
  ~SessionPlans() override { use_plans({}); }

  void save(const std::string& plans) {
    save_state(*options_.state, options_.command, {}, nullptr, SavedImages::none, {}, plans);
  }

  const Plans plans_{{"forward 8x8", "winograd"}};
  const TemporaryDirectory directory_;
  const Target target_{cpu_device(), 10};
  SessionOptions options_;
};

TEST_F(SessionPlans, of_a_state_go_before_those_of_the_machine) {
  save(text_of({planned_machine(), plans_}));
  use_plans({{"forward 8x8", "measured since"}, {"forward 4x4", "thin"}});

  EXPECT_TRUE(run(options_, target_)[0].warnings.empty());

  EXPECT_EQ(plans_in_use(), (Plans{{"forward 4x4", "thin"}, {"forward 8x8", "winograd"}}));
}

TEST_F(SessionPlans, of_another_machine_are_left_with_a_warning) {
  save(text_of({"a PDP-11", plans_}));

  const std::vector<std::string> warnings = run(options_, target_)[0].warnings;

  ASSERT_EQ(warnings.size(), 1u);
  expect_part("of a run on a PDP-11, this one is on", warnings[0]);
  EXPECT_TRUE(plans_in_use().empty());
}

TEST_F(SessionPlans, that_are_damaged_are_refused) {
  save("{");

  expect_error("cannot be read", [&] { run(options_, target_); });
  testing::internal::GetCapturedStderr();
}

TEST(Session, judges_rounded_images_by_the_model_itself) {
  const Target target(cpu_device(), 60);
  SessionOptions options = quiet_session({job_of("pgd:eps=0.0412")});
  options.keep_images = true;
  options.eight_bit = true;

  const NamedResult attack = run(options, target)[0].attacks[0];

  ASSERT_TRUE(attack.eight_bit.has_value());
  const std::vector<float>& images = attack.eight_bit->adversarial;
  int right = 0;
  for (std::size_t n = 0; n < 60; ++n) {
    std::vector<double> z(kClasses, 0.);
    for (std::size_t i = 0; i < kPixels; ++i) {
      const double x = images[n * kPixels + i];
      EXPECT_EQ(static_cast<float>(std::lround(x * 255)) / 255.f, images[n * kPixels + i]);
      EXPECT_LE(std::fabs(x - target.examples.pixels[n * kPixels + i] / 255.), 0.0412 + 1e-6);
      for (std::size_t k = 0; k < kClasses; ++k) z[k] += x * weights()[k * kPixels + i];
    }
    right += std::max_element(z.begin(), z.end()) - z.begin() == target.examples.labels[n] ? 1 : 0;
  }
  EXPECT_EQ(attack.eight_bit->robust_accuracy, 100. * right / 60);
}

TEST(Session, asks_another_model_about_the_images) {
  const Target target(cpu_device(), 30);
  SessionOptions options = quiet_session({job_of("fgsm:eps=0.06")});
  options.keep_images = true;
  options.transfer_to = {"itself", "constant"};
  const LogitsFunction constant = [&](Tape& tape, const Var& x) {
    const Var none(Tensor::filled(cpu_device(), {kClasses, 1, 1, kPixels}, 0.f), Gradient::none);
    return global_average_pool(tape, convolution(tape, x, none, {1, 0}));
  };

  testing::internal::CaptureStderr();
  const AttackReport report = run_session(options, target.data, [&](const std::string& checkpoint) {
    return Victim{checkpoint, checkpoint == "constant" ? constant : target.logits};
  })[0];
  testing::internal::GetCapturedStderr();

  ASSERT_EQ(report.transfers.size(), 2u);
  EXPECT_EQ(report.transfers[0].clean_accuracy, report.clean.accuracy);
  EXPECT_EQ(report.transfers[0].accuracy[0], report.attacks[0].result.robust_accuracy);
  const auto zeros = std::count(target.examples.labels.begin(), target.examples.labels.end(), 0);
  EXPECT_EQ(report.transfers[1].model, "constant");
  EXPECT_EQ(report.transfers[1].accuracy[0], 100. * static_cast<double>(zeros) / 30);
}

TEST(Session, averages_the_columns_of_a_suite) {
  const Target target(cpu_device(), 30);
  SessionOptions options = quiet_session({job_of("fgsm:eps=0.02"), job_of("fgsm:eps=0.06")});
  options.has_average = true;

  const AttackReport report = run(options, target)[0];

  EXPECT_EQ(
      report.average_robustness,
      (report.attacks[0].result.robust_accuracy + report.attacks[1].result.robust_accuracy) / 2);
}

}  // namespace
}  // namespace saddle
