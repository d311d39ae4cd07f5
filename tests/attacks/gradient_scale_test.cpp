// Logits times a factor have the same predictions and the same boundary, so an attack must do the
// same to them, however small or large its gradients become.
#include "kernels/gradient_scale.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "attacks/apgd.h"
#include "attacks/deepfool.h"
#include "attacks/fab.h"
#include "attacks/mi_fgsm.h"
#include "attacks/pgd.h"
#include "attacks/stadv.h"
#include "tests/support/devices.h"
#include "tests/support/expect_near.h"
#include "tests/support/linear_models.h"

namespace saddle {
namespace {

using namespace testing_support;
using Floats = std::vector<float>;

// The model's logits times `factor`.
LogitsFunction scaled(Device& device, const LogitsFunction& model, std::int64_t classes,
                      float factor) {
  Floats diagonal(static_cast<std::size_t>(classes * classes), 0.f);
  for (std::int64_t k = 0; k < classes; ++k) {
    diagonal[static_cast<std::size_t>(k * classes + k)] = factor;
  }
  const Var w(Tensor::from_host(device, {classes, classes}, diagonal), Gradient::none);
  const Var zero(Tensor::filled(device, {classes}, 0.f), Gradient::none);
  return [=](Tape& tape, const Var& pixels) { return linear(tape, model(tape, pixels), w, zero); };
}

class GradientScale : public ::testing::TestWithParam<std::string> {
 protected:
  Device& device() const { return device_named(GetParam()); }
  LogitsFunction curved(float factor) const {
    return scaled(device(), bit_stable_model(device(), 3), 3, factor);
  }
  AttackBatch examples() const {
    return random_examples(device(), {0, 1, 2, 3, 4, 5, 6, 7}, 8, 3, 5, 3);
  }
  // Four classes, whose nearest boundaries FAB and DeepFool reach from the grey image.
  LogitsFunction straight(float factor) const {
    return scaled(device(), lin4(device()), 4, factor);
  }
  AttackBatch image() const { return single_image(device(), grey()); }
  // `make(factor)` are the images made of `clean` where the logits are times the factor: the same
  // bits for powers of two, which change no digit of logits and gradients.
  template <class Make>
  void expect_same_for_all_powers(const Make& make, const AttackBatch& clean,
                                  const std::string& name) const {
    const Floats plain = make(1.f).template to_host<float>();
    EXPECT_NE(plain, clean.images.to_host<float>()) << name << " moves nothing";
    for (int exponent : {-100, -60, -20, 20, 60}) {
      EXPECT_EQ(make(std::ldexp(1.f, exponent)).template to_host<float>(), plain)
          << name << " of logits times 2^" << exponent;
    }
  }
  // z_0 - z_1 of LIN2 at what `attack` makes of the grey image, for logits times other factors.
  template <class MakeAttack>
  void expect_least_margin(const MakeAttack& attack, double margin, const std::string& name) const {
    for (float factor : {1.f, 1e-6f, 1e-15f, 1e-30f}) {
      const LogitsFunction model = scaled(device(), lin2(device()), 2, factor);
      expect_near(lin_margin(attack(model).template to_host<float>()), margin, 6e-6,
                  name + " of logits times " + std::to_string(std::log10(factor)) + " digits");
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Devices, GradientScale, ::testing::ValuesIn(device_names()),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(GradientScale, fab_does_the_same_to_logits_times_a_power_of_two) {
  for (Norm norm : {Norm::linf, Norm::l2, Norm::l1}) {
    for (Boundary boundary : {Boundary::nearest, Boundary::ranked}) {
      FabOptions options;
      options.norm = norm;
      options.steps = 5;
      options.boundary = boundary;
      options.targets = 2;
      options.accept = Accept::any_distance;
      expect_same_for_all_powers(
          [&](float factor) { return Fab(straight(factor), options)(image(), 1); }, image(),
          "fab " + std::to_string(static_cast<int>(norm)));
    }
  }
}

TEST_P(GradientScale, deepfool_does_the_same_to_logits_times_a_power_of_two) {
  for (Norm norm : {Norm::linf, Norm::l2}) {
    DeepFoolOptions options;
    options.norm = norm;
    expect_same_for_all_powers(
        [&](float factor) { return DeepFool(straight(factor), options)(image(), 1); }, image(),
        "deepfool " + std::to_string(static_cast<int>(norm)));
  }
}

// The flow's roughness is not times the factor, so it has to be left out.
TEST_P(GradientScale, stadv_does_the_same_to_logits_times_a_power_of_two) {
  StadvOptions options;
  options.iterations = 5;
  options.lambda = 0.f;
  options.bound = .2f;
  expect_same_for_all_powers(
      [&](float factor) { return Stadv(curved(factor), options)(examples(), 1); }, examples(),
      "stadv");
}

// PGD on any loss, as adversarial training climbs it.
TEST_P(GradientScale, pgd_does_the_same_to_a_loss_times_a_power_of_two) {
  const AttackBatch batch = examples();
  const LossFunction falling_margin = [&](Tape& tape, const Var& logits) {
    return hinged_margin(tape, logits, batch.labels, std::numeric_limits<float>::infinity()).loss;
  };
  const Tensor number = Tensor::from_host(device(), {1}, std::vector<std::int32_t>{0});
  for (Norm norm : {Norm::linf, Norm::l2, Norm::l1}) {
    const PgdOptions options{norm, .5f, .1f, 5, Start::random};
    expect_same_for_all_powers(
        [&](float factor) {
          return pgd(curved(factor), falling_margin, batch, options, 1, number);
        },
        batch, "pgd " + std::to_string(static_cast<int>(norm)));
  }
}

// The softmax of tiny logits is nearly even, and the cross-entropy's gradient as tiny as they are.
TEST_P(GradientScale, climbing_the_cross_entropy_of_tiny_logits_goes_as_far_as_ever) {
  const AttackBatch batch = single_image(device(), grey());

  expect_least_margin(
      [&](const LogitsFunction& model) {
        return pgd(model, batch, {Norm::l2, .05f, .0125f, 10, Start::zero}, 1, 0);
      },
      .2 - .05 * std::sqrt(14.), "pgd l2");
  expect_least_margin(
      [&](const LogitsFunction& model) {
        return pgd(model, batch, {Norm::l1, .05f, .0125f, 10, Start::zero}, 1, 0);
      },
      .2 - .05 * 3, "pgd l1");
  expect_least_margin(
      [&](const LogitsFunction& model) {
        return MiFgsm(model, {.02f, .005f, 10, 1.f})(batch, 1);
      },
      .2 - .02 * 6, "mifgsm");
}

TEST_P(GradientScale, apgd_in_l2_breaks_tiny_logits_in_one_step) {
  ApgdOptions options;
  options.norm = Norm::l2;
  options.eps = .12f;
  options.steps = 1;
  for (float factor : {1.f, 1e-6f, 1e-15f, 1e-30f}) {
    const Floats got = Apgd(scaled(device(), lin2(device()), 2, factor), options)(
                           single_image(device(), grey()), 1)
                           .to_host<float>();
    EXPECT_LT(lin_margin(got), -.1) << factor;
  }
}

}  // namespace
}  // namespace saddle
