// AutoAttack on a linear model, where the robust set is known: example x of label y withstands
// radius eps where  min over s != y of (z_y - z_s) / ||w_s - w_y||_q is larger, q dual to the norm
// and the pixel range out of reach.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/apps/data_files.h"
#include "tests/apps/linear_target.h"
#include "tests/support/devices.h"

namespace saddle {
namespace {

using namespace testing_support;

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
      return global_average_pool(tape, convolution(tape, x, w, {1, 0}));
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

}  // namespace
}  // namespace saddle
