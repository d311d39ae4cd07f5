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

// Images of four pixels, of label 0; the first pixel alone decides about LIN-like models.
Dataset grey_levels(const std::vector<std::uint8_t>& levels) {
  Dataset data{"levels", 1, 1, 4, 4, {}, {}, {}, {}, {}};
  for (std::uint8_t level : levels) {
    data.pixels.insert(data.pixels.end(), {level, 128, 128, 128});
    data.labels.push_back(0);
  }
  return data;
}

std::vector<std::string> gradients(Device& device, const LogitsFunction& logits,
                                   const std::vector<std::uint8_t>& levels,
                                   std::int64_t batch_size) {
  const DeviceDataset data(device, grey_levels(levels));
  return check_gradients(logits, data, evaluate(logits, data, 3), AttackedExamples::correct_only,
                         batch_size);
}

// Logits (200 x - 50, 0, -5, -6): wrong on black; its softmax is even at x = 1/4, p of the label
// rounds to 1 from 1/3 on, and is 1 to the last bit of the smallest float32 near white.
LogitsFunction steep(Device& device) {
  return linear_model(device, {200, 0, 0, 0}, {-50, 0, -5, -6});
}

TEST(CheckGradients, finds_nothing_wrong_with_an_honest_model) {
  for (const std::string& name : device_names()) {
    Device& device = device_named(name);

    EXPECT_TRUE(gradients(device, lin4(device), {200, 220, 255}, 2).empty()) << name;
  }
}

TEST(CheckGradients, counts_over_all_images_whatever_the_batch_size) {
  for (const std::string& name : device_names()) {
    Device& device = device_named(name);
    for (std::int64_t batch_size : {1, 2, 100}) {
      // Wrong; honest twice; lost twice (of a lost label's part, with z_0 alone, nothing is left).
      const std::vector<std::string> warnings =
          gradients(device, steep(device), {0, 66, 255, 70, 120}, batch_size);

      ASSERT_EQ(warnings.size(), 1u) << name << batch_size;
      expect_part("exactly zero on 2 of 4 attacked images", warnings[0]);
    }
  }
}

TEST(CheckGradients, tells_a_gradient_too_small_to_be_meant_from_one_that_is_zero) {
  Device& device = cpu_device();
  // (10 x + 20, x, -5, -6): class 1 still has its part of the gradient where class 0 has lost its.
  const Var w(
      Tensor::from_host(device, {4, 1, 1, 4},
                        std::vector<float>{10, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}),
      Gradient::none);
  const Var identity(
      Tensor::from_host(device, {4, 4},
                        std::vector<float>{1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}),
      Gradient::none);
  const Var bias(Tensor::from_host(device, {4}, std::vector<float>{20, 0, -5, -6}), Gradient::none);
  const LogitsFunction confident = [=](Tape& tape, const Var& pixels) {
    return linear(tape, global_average_pool(tape, convolution(tape, pixels, w, {1, 0})), identity,
                  bias);
  };

  const std::vector<std::string> warnings = gradients(device, confident, {0, 100, 200}, 2);

  ASSERT_EQ(warnings.size(), 1u);
  expect_part("too small to be meant on 3 of 3 attacked images", warnings[0]);
}

TEST(CheckGradients, says_where_no_gradient_leads_anywhere) {
  for (const std::string& name : device_names()) {
    Device& device = device_named(name);

    const std::vector<std::string> warnings =
        gradients(device, constant_model(device), {0, 100, 200}, 2);

    ASSERT_EQ(warnings.size(), 2u) << name;
    expect_part("exactly zero on 3 of 3 attacked images", warnings[0]);
    expect_part("the logits do not change with the pixels on 3 of 3 attacked images", warnings[1]);
  }
}

TEST(CheckAnswers, warns_of_a_model_that_answers_everything_alike) {
  Device& device = cpu_device();
  Dataset images = grey_levels({0, 100, 200});
  images.labels[1] = 1;
  const DeviceDataset data(device, images);
  const auto answers = [&](const LogitsFunction& logits) {
    return check_answers(evaluate(logits, data, 2));
  };

  const std::vector<std::string> constant = answers(constant_model(device)),
                                 one_class =
                                     answers(linear_model(device, {1, 0, 0, 0}, {9, 0, 0, 0}));

  ASSERT_EQ(constant.size(), 1u);
  expect_part("all 3 images with the same logits", constant[0]);
  ASSERT_EQ(one_class.size(), 1u);
  expect_part("takes all 3 images for class 0", one_class[0]);
  EXPECT_TRUE(answers(steep(device)).empty());
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
  attack.members = {member("apgd-ce", Knowledge::white_box),
                    member("square", Knowledge::black_box)};

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
