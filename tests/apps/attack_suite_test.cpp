// AutoAttack and sessions on a linear model of four classes, where the robust set is known:
// example x of label y withstands radius eps where  min over s != y of (z_y - z_s) / ||w_s -
// w_y||_q is larger, q dual to the norm and the pixel range out of reach.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>

#include "apps/attack/session.h"
#include "tests/apps/data_files.h"
#include "tests/support/devices.h"
#include "tests/support/random_values.h"

namespace saddle {
namespace {

using testing_support::device_names;
using testing_support::random_values;

constexpr std::int64_t kClasses = 4, kPixels = 4;

// Rows of W [4, 4]; no biases.
const std::vector<float>& weights() {
  static const std::vector<float> w = random_values(kClasses * kPixels, 11, -2.f, 2.f);
  return w;
}

LogitsFunction linear_classifier(Device& device) {
  const Var w(Tensor::from_host(device, {kClasses, 1, 1, kPixels}, weights()), Gradient::none);
  return [w](Tape& tape, const Var& x) {
    return global_average_pool(tape, convolution(tape, x, w, 1, 0));
  };
}

std::vector<double> logits_of_example(const Dataset& data, std::size_t example) {
  std::vector<double> z(kClasses, 0.);
  for (std::size_t k = 0; k < kClasses; ++k) {
    for (std::size_t i = 0; i < kPixels; ++i) {
      z[k] += double{weights()[k * kPixels + i]} * data.pixels[example * kPixels + i] / 255;
    }
  }
  return z;
}

// Images around grey, of the label the classifier gives them; every fifth has another label.
Dataset random_examples(std::int64_t size) {
  Dataset data{"linear", 1, 1, kPixels, kClasses, {}, {}, {}, {}, {}};
  for (float value : random_values(size * kPixels, 12, 0.3f, 0.7f)) {
    data.pixels.push_back(static_cast<std::uint8_t>(std::lround(value * 255)));
  }
  for (std::int64_t n = 0; n < size; ++n) {
    const std::vector<double> z = logits_of_example(data, static_cast<std::size_t>(n));
    const auto best = std::max_element(z.begin(), z.end()) - z.begin();
    data.labels.push_back(static_cast<std::int32_t>(n % 5 == 4 ? (best + 1) % kClasses : best));
  }
  return data;
}

// The distance to the nearest boundary; negative where the prediction is wrong.
double distance(const Dataset& data, std::size_t example, Norm norm) {
  const std::vector<double> z = logits_of_example(data, example);
  const auto y = static_cast<std::size_t>(data.labels[example]);
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t s = 0; s < kClasses; ++s) {
    if (s == y) continue;
    double l1 = 0, square = 0, linf = 0;
    for (std::size_t i = 0; i < kPixels; ++i) {
      const double w = std::fabs(double{weights()[s * kPixels + i]} - weights()[y * kPixels + i]);
      l1 += w;
      square += w * w;
      linf = std::max(linf, w);
    }
    const double dual = norm == Norm::linf ? l1 : norm == Norm::l2 ? std::sqrt(square) : linf;
    least = std::min(least, (z[y] - z[s]) / dual);
  }
  return least;
}

struct Target {
  explicit Target(Device& device, std::int64_t size)
      : examples(random_examples(size)),
        data(device, examples),
        logits(linear_classifier(device)),
        clean(evaluate(logits, data, 7)) {}

  AttackResult attack(const std::string& spec, std::int64_t batch_size = 16) const {
    const Attack attack = make_attack(parse_attack_spec(spec), 3);
    return evaluate_attack(logits, data, clean, attack, AttackedExamples::correct_only, batch_size);
  }

  Dataset examples;
  DeviceDataset data;
  LogitsFunction logits;
  Evaluation clean;
};

void expect_closed_form(const Target& target, const AttackResult& result, Norm norm, double eps) {
  int broken = 0, standing = 0;
  for (std::size_t n = 0; n < target.examples.labels.size(); ++n) {
    const double away = distance(target.examples, n, norm);
    if (std::fabs(away - eps) < 0.005 * eps) continue;
    const bool robust = result.examples[n].prediction == target.examples.labels[n];
    EXPECT_EQ(robust, away > eps) << "example " << n << " is " << away << " away";
    (robust ? standing : broken) += 1;
  }
  EXPECT_GT(broken, 0);
  EXPECT_GT(standing, 0);
}

constexpr const char* kShort = ",steps=12,queries=60,classes=3";

TEST(AutoAttack, finds_exactly_the_robust_set_of_a_linear_model_in_linf) {
  for (const std::string& name : device_names()) {
    const Target target(device_named(name), name == "cpu" ? 60 : 12);

    expect_closed_form(target, target.attack(std::string("autoattack:norm=linf,eps=0.04") + kShort),
                       Norm::linf, 0.04);
  }
}

TEST(AutoAttack, finds_exactly_the_robust_set_of_a_linear_model_in_l2) {
  for (const std::string& name : device_names()) {
    const Target target(device_named(name), name == "cpu" ? 60 : 12);

    // Square's l2 form needs images of 5 x 5 pixels; the others are what is tried here.
    expect_closed_form(target, target.attack("apgd-t:norm=l2,eps=0.08,steps=12,classes=3"),
                       Norm::l2, 0.08);
    expect_closed_form(target, target.attack("fab:norm=l2,eps=0.08,steps=12"), Norm::l2, 0.08);
  }
}

TEST(AutoAttack, leaves_less_standing_member_by_member) {
  const Target target(cpu_device(), 60);

  const AttackResult result =
      target.attack(std::string("autoattack:norm=linf,version=plus,eps=0.04") + kShort);

  ASSERT_EQ(result.members.size(), 6u);
  double before = target.clean.accuracy;
  for (const MemberResult& member : result.members) {
    EXPECT_LE(member.robust_accuracy, before) << member.name;
    before = member.robust_accuracy;
  }
  EXPECT_EQ(result.robust_accuracy, before);
}

TEST(AutoAttack, returns_clean_errors_bit_for_bit_and_counts_them_in_all) {
  const Target target(cpu_device(), 20);

  const AttackResult result = target.attack(std::string("autoattack:eps=0.04") + kShort);

  EXPECT_EQ(result.attacked, 16);
  std::int64_t standing = 0;
  for (const ExampleRecord& record : result.examples) {
    standing += record.prediction == record.label ? 1 : 0;
  }
  EXPECT_EQ(result.robust_accuracy, 100. * static_cast<double>(standing) / 20);
  for (std::size_t i = 4 * kPixels; i < 5 * kPixels; ++i) {
    EXPECT_EQ(result.adversarial[i], static_cast<float>(target.examples.pixels[i]) / 255.f);
  }
}

TEST(AutoAttack, finds_the_same_for_any_batch_size) {
  const Target target(cpu_device(), 21);
  const std::string spec = std::string("autoattack:norm=linf,eps=0.04") + kShort;

  const AttackResult one = target.attack(spec, 1), many = target.attack(spec, 250);

  EXPECT_EQ(one.robust_accuracy, many.robust_accuracy);
  for (std::size_t n = 0; n < one.examples.size(); ++n) {
    EXPECT_EQ(one.examples[n].member, many.examples[n].member) << n;
    EXPECT_EQ(one.examples[n].attempt, many.examples[n].attempt) << n;
    EXPECT_EQ(one.examples[n].prediction, many.examples[n].prediction) << n;
  }
}

TEST(Attacks, count_each_examples_own_passes_whatever_the_batch_size) {
  const Target target(cpu_device(), 21);
  for (const std::string spec :
       {"pgd:eps=0.04,restarts=3", "mifgsm:eps=0.04", "apgd-ce:eps=0.04,steps=12",
        "apgd-t:eps=0.04,steps=12,loss=ce,classes=3", "apgd-ce:norm=l2,eps=0.1,steps=12,eot=2",
        "fab:eps=0.04,steps=12,restarts=2", "fab-t:eps=0.04,steps=12,classes=3", "deepfool",
        "deepfool:norm=linf,eps=0.02", "cw:searches=3,iterations=20,abort_early=on",
        "pixle:restarts=2,iterations=5", "square:eps=0.04,queries=60",
        "autoattack:eps=0.04,steps=12,queries=60,classes=3"}) {
    const AttackResult one = target.attack(spec, 1), seven = target.attack(spec, 7);
    Passes sum;
    for (std::size_t n = 0; n < one.examples.size(); ++n) {
      EXPECT_EQ(one.examples[n].forward, seven.examples[n].forward) << spec << ", example " << n;
      EXPECT_EQ(one.examples[n].backward, seven.examples[n].backward) << spec << ", example " << n;
      sum.forward += static_cast<std::int64_t>(one.examples[n].forward);
      sum.backward += static_cast<std::int64_t>(one.examples[n].backward);
    }
    EXPECT_EQ(sum.forward, one.passes.forward) << spec;
    EXPECT_EQ(sum.backward, one.passes.backward) << spec;
    EXPECT_EQ(one.passes.forward, seven.passes.forward) << spec;
  }
}

TEST(AutoAttack, breaks_the_same_in_sequence_and_each_alone) {
  const Target target(cpu_device(), 40);
  const std::string spec = std::string("autoattack:norm=linf,eps=0.04") + kShort;

  const AttackResult in_sequence = target.attack(spec);
  const AttackResult alone = target.attack(spec + ",mode=individual");

  for (std::size_t n = 0; n < alone.examples.size(); ++n) {
    EXPECT_EQ(alone.examples[n].broken(), in_sequence.examples[n].broken()) << n;
  }
  for (const MemberResult& member : alone.members) {
    EXPECT_GE(member.robust_accuracy, alone.robust_accuracy) << member.name;
  }
}

// ---- targets ----

// x + eps sign(d log p_t / dx) = x + eps sign(w_t - sum over k of p_k w_k), in double.
std::vector<double> one_step_towards(const Dataset& data, std::size_t example, std::size_t target,
                                     double eps) {
  std::vector<double> p = logits_of_example(data, example);
  double sum = 0;
  for (double& value : p) sum += value = std::exp(value);
  std::vector<double> moved;
  for (std::size_t i = 0; i < kPixels; ++i) {
    double g = weights()[target * kPixels + i];
    for (std::size_t k = 0; k < kClasses; ++k) g -= p[k] / sum * weights()[k * kPixels + i];
    moved.push_back(data.pixels[example * kPixels + i] / 255. + eps * (g > 0 ? 1 : -1));
  }
  return moved;
}

std::size_t least_likely(const Dataset& data, std::size_t example) {
  std::vector<double> z = logits_of_example(data, example);
  z[static_cast<std::size_t>(data.labels[example])] = std::numeric_limits<double>::infinity();
  return static_cast<std::size_t>(std::min_element(z.begin(), z.end()) - z.begin());
}

TEST(TargetedAttack, takes_a_step_along_the_gradient_of_the_targets_probability) {
  for (const std::string& name : device_names()) {
    const Target target(device_named(name), 12);
    for (const char* spec : {"fgsm:eps=0.05,target=least",
                             "mifgsm:eps=0.05,alpha=0.05,steps=1,"
                             "target=least",
                             "pgd:eps=0.05,alpha=0.05,steps=1,start=zero,"
                             "target=least"}) {
      const AttackResult result = target.attack(spec);
      for (std::size_t n = 0; n < 12; ++n) {
        if (result.examples[n].attacked == 0) continue;
        const std::vector<double> want =
            one_step_towards(target.examples, n, least_likely(target.examples, n), 0.05);
        for (std::size_t i = 0; i < kPixels; ++i) {
          EXPECT_NEAR(result.adversarial[n * kPixels + i], want[i], 1e-6) << spec << " " << n;
        }
      }
    }
  }
}

TEST(TargetedAttack, succeeds_where_the_target_is_predicted_and_nowhere_else) {
  const Target target(cpu_device(), 60);

  const AttackResult result = target.attack("pgd:eps=0.1,steps=20,target=least");

  int hits = 0, others = 0;
  for (std::size_t n = 0; n < 60; ++n) {
    const ExampleRecord& record = result.examples[n];
    if (record.attacked == 0) continue;
    const auto aim = static_cast<std::int32_t>(least_likely(target.examples, n));
    EXPECT_EQ(record.broken(), record.prediction == aim) << n;
    hits += record.broken() ? 1 : 0;
    others += !record.broken() && record.prediction != record.label ? 1 : 0;
  }
  EXPECT_GT(hits, 0);
  EXPECT_GT(others, 0);  // misled, but not to the target: no success, and no right answer either
  EXPECT_EQ(target_success(result), 100. * hits / static_cast<double>(result.attacked));
  std::int64_t right = 0;
  for (const ExampleRecord& record : result.examples) right += record.prediction == record.label;
  EXPECT_EQ(result.robust_accuracy, 100. * static_cast<double>(right) / 60);
}

TEST(TargetedAttack, of_apgd_and_cw_succeeds_where_the_target_is_predicted) {
  const Target target(cpu_device(), 40);
  for (const char* spec :
       {"apgd-ce:eps=0.1,steps=20,target=2", "cw:searches=4,iterations=60,target=2"}) {
    const AttackResult result = target.attack(spec);

    int hits = 0;
    for (const ExampleRecord& record : result.examples) {
      if (record.attacked == 0) continue;
      EXPECT_EQ(record.broken(), record.prediction == 2) << spec;
      EXPECT_TRUE(record.broken() || record.linf == 0) << spec;  // failures are the clean image
      hits += record.broken() ? 1 : 0;
    }
    EXPECT_GT(hits, 0) << spec;
  }
}

TEST(TargetedAttack, leaves_alone_what_is_of_the_class_already) {
  const Target target(cpu_device(), 30);

  const AttackResult result = target.attack("fgsm:eps=0.05,target=1");

  for (const ExampleRecord& record : result.examples) {
    EXPECT_TRUE(record.label != 1 || record.attacked == 0);
  }
  EXPECT_GT(result.attacked, 0);
  expect_error("target=4 is no class of the model, which has 4",
               [&] { target.attack("fgsm:target=4"); });
}

TEST(TargetedAttack, draws_the_same_targets_whatever_the_batch) {
  const Target target(cpu_device(), 30);
  const std::string spec = "pgd:eps=0.3,steps=30,start=zero,target=random";

  const AttackResult one = target.attack(spec, 1), many = target.attack(spec, 16);

  EXPECT_EQ(one.adversarial, many.adversarial);
  EXPECT_EQ(one.predictions(), many.predictions());
  EXPECT_NE(target.attack(spec + ",seed=4").adversarial, one.adversarial);
}

// ---- few classes ----

// z = W x of the first `classes` rows of W; images and labels as in random_examples.
struct FewClasses {
  explicit FewClasses(std::int64_t classes, std::int64_t size)
      : rows(weights().begin(), weights().begin() + classes * kPixels),
        examples(random_examples(size)) {
    examples.classes = classes;
    for (std::size_t n = 0; n < examples.labels.size(); ++n) {
      const std::vector<double> z = logits_of_example(examples, n);
      examples.labels[n] =
          static_cast<std::int32_t>(std::max_element(z.begin(), z.begin() + classes) - z.begin());
    }
  }

  AttackResult attack(const std::string& spec) const {
    const auto classes = static_cast<std::int64_t>(rows.size()) / kPixels;
    const Var w(Tensor::from_host(cpu_device(), {classes, 1, 1, kPixels}, rows), Gradient::none);
    const LogitsFunction logits = [w](Tape& tape, const Var& x) {
      return global_average_pool(tape, convolution(tape, x, w, 1, 0));
    };
    const DeviceDataset data(cpu_device(), examples);
    return evaluate_attack(logits, data, evaluate(logits, data, 7),
                           make_attack(parse_attack_spec(spec), 3), AttackedExamples::correct_only,
                           16);
  }

  // min over s != y of (z_y - z_s) / ||w_s - w_y||_1
  double distance(std::size_t example) const {
    const std::vector<double> z = logits_of_example(examples, example);
    const auto y = static_cast<std::size_t>(examples.labels[example]);
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t s = 0; s < rows.size() / kPixels; ++s) {
      double l1 = 0;
      for (std::size_t i = 0; i < kPixels; ++i) {
        l1 += std::fabs(double{rows[s * kPixels + i]} - rows[y * kPixels + i]);
      }
      if (s != y) least = std::min(least, (z[y] - z[s]) / l1);
    }
    return least;
  }

  void expect_closed_form(const AttackResult& result, double eps) const {
    int broken = 0, standing = 0;
    for (std::size_t n = 0; n < examples.labels.size(); ++n) {
      if (std::fabs(distance(n) - eps) < 0.005 * eps) continue;
      const bool robust = result.examples[n].prediction == examples.labels[n];
      EXPECT_EQ(robust, distance(n) > eps) << "example " << n << " is " << distance(n) << " away";
      (robust ? standing : broken) += 1;
    }
    EXPECT_GT(broken, 0);
    EXPECT_GT(standing, 0);
  }

  std::vector<float> rows;
  Dataset examples;
};

bool has_warning(const AttackResult& result, const std::string& part) {
  return std::ranges::any_of(result.warnings, [&](const std::string& warning) {
    return warning.find(part) != std::string::npos;
  });
}

TEST(AutoAttack, finds_exactly_the_robust_set_of_two_classes_without_the_logits_ratio) {
  const FewClasses two(2, 60);

  const AttackResult result = two.attack("autoattack:eps=0.08,steps=12,queries=60,classes=1");

  two.expect_closed_form(result, 0.08);
  EXPECT_EQ(result.members[1].name, "apgd-t:loss=ce");
  EXPECT_TRUE(has_warning(result,
                          "apgd-t: needs a model of at least 4 classes, this one has 2: "
                          "apgd-t:loss=ce takes its place"));
}

TEST(AutoAttack, finds_exactly_the_robust_set_of_three_classes) {
  const FewClasses three(3, 60);

  const AttackResult standard = three.attack("autoattack:eps=0.06,steps=12,queries=60,classes=2");
  const AttackResult plus =
      three.attack("autoattack:version=plus,eps=0.06,steps=12,queries=60,classes=2");

  three.expect_closed_form(standard, 0.06);
  three.expect_closed_form(plus, 0.06);
  EXPECT_EQ(standard.members[1].name, "apgd-t:loss=ce");
  EXPECT_EQ(plus.members[1].name, "apgd-dlr");  // three classes are enough for it
  EXPECT_EQ(plus.members[4].name, "apgd-t:loss=ce");
}

TEST(AutoAttack, rand_attacks_two_classes) {
  const FewClasses two(2, 20);

  const AttackResult result = two.attack("autoattack:version=rand,eps=0.08,steps=6");

  EXPECT_EQ(result.members[1].name, "apgd-t:loss=ce");
  two.expect_closed_form(result, 0.08);
}

TEST(ApgdDlr, is_refused_by_itself_where_it_does_not_exist) {
  const FewClasses two(2, 5);

  expect_error("apgd-dlr: needs a model of at least 3 classes", [&] { two.attack("apgd-dlr"); });
}

// ---- sessions ----

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
    return global_average_pool(tape, convolution(tape, x, w, 1, 0));
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
    return global_average_pool(tape, convolution(tape, x, none, 1, 0));
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
