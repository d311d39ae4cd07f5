// The named losses of attacks on segmentation, and the settings that their papers run them with.
#include "attacks/pixel_losses.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/attacks/pixel_models.h"
#include "tests/support/expect_near.h"

namespace saddle {
namespace {

using namespace testing_support;

// The logits are the pixels: four of three classes, the last void.
const Batch& worked_pixels() {
  static const Batch batch{
      Tensor::from_host(cpu_device(), {1, 2, 2, 3},
                        std::vector<float>{2, 0, 0, 0, 1, 0, 0, 0, 3, 1, 1, 0}),
      Tensor::from_host(cpu_device(), {1, 2, 2}, Labels{0, 0, 2, kVoid}),
      Tensor::from_host(cpu_device(), {1}, std::vector<std::int32_t>{0})};
  return batch;
}

struct Value {
  double climbed, listed;
};

Value value_of(const StepLoss& loss, int step = 1, int steps = 10) {
  Tape tape;
  const LogitsFunction identity = [](Tape&, const Var& x) { return x; };
  const LossValue value =
      loss(step, steps)(tape, identity, tape.input(worked_pixels().inputs, Gradient::none),
                        worked_pixels(), LossReduction::sum);
  return {value.loss.value().item(), value.losses.item()};
}

constexpr double kCrossEntropy = 0.2395448 + 1.5514447 + 0.0949230;

TEST(pixel_loss, has_the_values_of_the_worked_example_by_name) {
  EXPECT_NEAR(value_of(pixel_loss("ce")).climbed, kCrossEntropy, 1e-6);
  EXPECT_NEAR(value_of(pixel_loss("segpgd"), 1).climbed, 0.3344677, 1e-6);
  EXPECT_NEAR(value_of(pixel_loss("segpgd"), 6).climbed, 0.6387120, 1e-6);
  EXPECT_NEAR(value_of(pixel_loss("segpgd"), 10).climbed, 0.8821074, 1e-6);
  EXPECT_NEAR(value_of(pixel_loss("cospgd")).climbed, 0.8362832, 1e-6);
  EXPECT_NEAR(value_of(pixel_loss("mce")).climbed, 0.3344677, 1e-6);
  EXPECT_NEAR(value_of(pixel_loss("mce-bal", balance(cpu_device()))).climbed, 0.0953704, 1e-6);
  EXPECT_NEAR(value_of(pixel_loss("jsd")).climbed, .5249043, 1e-6);
  EXPECT_NEAR(value_of(pixel_loss("msl")).climbed, -2, 1e-6);
  EXPECT_NEAR(value_of(pixel_loss("cos")).climbed, 1, 1e-6);
}

TEST(pixel_loss, tracked_lists_the_cross_entropy_whatever_is_climbed_but_for_msl) {
  const Tensor w = balance(cpu_device());
  for (const std::string& name : pixel_loss_names()) {
    const Value value = value_of(tracked_pixel_loss(name, w), 6);
    const double listed = name == "msl" ? -2 : kCrossEntropy;

    EXPECT_NEAR(value.listed, listed, 1e-6) << name;
    EXPECT_EQ(value.climbed, value_of(pixel_loss(name, w), 6).climbed) << name;
  }
  EXPECT_EQ(pixel_loss_names().size(), 8u);
}

TEST(pixel_loss, of_no_such_name_lists_those_there_are) {
  EXPECT_EQ(message_of<Error>([] { pixel_loss("CE"); }),
            "pixel loss 'CE' is unknown. Choose one of ce, segpgd, cospgd, mce, mce-bal, jsd, msl, "
            "cos");
  EXPECT_EQ(message_of<Error>([] { pixel_loss("mce-bal"); }),
            "pixel loss 'mce-bal' needs the weights of classes");
}

TEST(pixel_loss, balance_weighs_classes_by_the_inverse_of_their_share) {
  const std::vector<float> weights = balance_of(std::vector<std::int64_t>{60, 20, 0, 30});

  // 1/60 : 1/20 : 1/30 = 1 : 3 : 2
  EXPECT_FLOAT_EQ(weights[0], 1.f / 6);
  EXPECT_FLOAT_EQ(weights[1], 3.f / 6);
  EXPECT_EQ(weights[2], 0.f);
  EXPECT_FLOAT_EQ(weights[3], 2.f / 6);
  EXPECT_CONTAINS(message_of<Error>([] {
                    balance_of(std::vector<std::int64_t>{0, 0});
                  }),
                  "no class has a pixel");
}

void expect_options(const PgdOptions& got, double eps, double alpha, Start start) {
  EXPECT_FLOAT_EQ(got.eps, static_cast<float>(eps));
  EXPECT_FLOAT_EQ(got.alpha, static_cast<float>(alpha));
  EXPECT_EQ(got.steps, 10);
  EXPECT_EQ(got.start, start);
}

TEST(pixel_pgd, presets_are_those_of_the_papers) {
  using enum PixelPreset;
  expect_options(pixel_pgd(paper, Norm::linf), 1. / 255, .25 / 255, Start::random);
  expect_options(pixel_pgd(paper, Norm::l2), 1, .25, Start::random);
  expect_options(pixel_pgd(paper_more, Norm::linf), 2. / 255, .5 / 255, Start::random);
  expect_options(pixel_pgd(paper_more, Norm::l2), .5, .125, Start::random);
  expect_options(pixel_pgd(literature, Norm::linf), .03, .01, Start::random);
  expect_options(pixel_pgd(literature, Norm::l2, .6), .6, .2, Start::sphere);
  expect_options(pixel_pgd(paper, Norm::linf, 8. / 255), 8. / 255, 2. / 255, Start::random);
}

TEST(pixel_pgd, presets_without_a_radius_or_a_norm_are_refused) {
  EXPECT_CONTAINS(message_of<Error>([] { pixel_pgd(PixelPreset::literature, Norm::l2); }),
                  "no radius in l2, give eps");
  EXPECT_CONTAINS(message_of<Error>([] { pixel_pgd(PixelPreset::paper, Norm::l1, 1); }),
                  "presets are for l-inf and l2");
}

}  // namespace
}  // namespace saddle
