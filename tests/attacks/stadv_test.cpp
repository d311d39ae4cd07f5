// StAdv on models that a shift of the image breaks, or that nothing does.
#include "attacks/stadv.h"
#include "kernels/warp.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "attacks/rows.h"
#include "tests/support/devices.h"
#include "tests/support/expect_near.h"
#include "tests/support/linear_models.h"
#include "tests/support/recording.h"

namespace saddle {
namespace {

using namespace testing_support;
using Floats = std::vector<float>;

constexpr float kSlope = .1f;  // of the ramp, a pixel

// A ramp along x on 6 x 6 x 1, from .2 to .7.
Floats ramp() {
  Floats x;
  for (int i = 0; i < 36; ++i) x.push_back(.2f + kSlope * static_cast<float>(i % 6));
  return x;
}

Floats weights6() { return random_values(36, 21, .5f, 1.f); }

double score6(const Floats& x) {
  const Floats w = weights6();
  double sum = 0;
  for (std::size_t i = 0; i < 36; ++i) sum += double{w[i]} * x[i];
  return sum;
}

Batch ramps(Device& device, std::int64_t attempts = 1) {
  return repeated_image(device, {6, 6, 1}, ramp(), attempts);
}

// Predicts 0 while the score is above that of the ramp less `distance`.
LogitsFunction ramp_model(Device& device, double distance) {
  return template_model(device, 6, 1, weights6(), static_cast<float>(distance - score6(ramp())));
}

StadvOptions stadv_options(float bound, int iterations) {
  StadvOptions options;
  options.bound = bound;
  options.iterations = iterations;
  return options;
}

class StadvOn : public ::testing::TestWithParam<std::string> {
 protected:
  Device& device() const { return device_named(GetParam()); }
};

INSTANTIATE_TEST_SUITE_P(Devices, StadvOn, ::testing::ValuesIn(device_names()),
                         [](const auto& info) { return std::string(info.param); });

// The farthest that a flow within the bound can lower the score of the ramp: 6 / 2 pixels a unit.
double reach(double bound) {
  double sum = 0;
  for (float w : weights6()) sum += w;
  return kSlope * bound * 3 * sum;
}

TEST_P(StadvOn, shifts_a_ramp_by_nearly_the_bound_and_never_farther) {
  for (float bound : {.02f, .1f}) {
    StadvOptions options = stadv_options(bound, 40);
    options.keep = StadvKeep::last;
    const Floats got =
        Stadv(ramp_model(device(), 100), options)(ramps(device()), 1).to_host<float>();

    const double moved = score6(ramp()) - score6(got);
    EXPECT_LE(moved, reach(bound) * (1 + 1e-5));
    EXPECT_GT(moved, reach(bound) * .6) << "all but the first column, which is clamped, can move";
  }
}

TEST_P(StadvOn, breaks_a_model_within_its_reach_and_returns_the_last_warp_beyond_it) {
  const StadvOptions options = stadv_options(.1f, 40);
  PassCounts counts;
  const Floats broken =
      Stadv(ramp_model(device(), reach(.1) * .5), options)(ramps(device()), 1, &counts)
          .to_host<float>();
  const Floats held =
      Stadv(ramp_model(device(), reach(.1) * 1.1), options)(ramps(device()), 1).to_host<float>();

  EXPECT_LT(score6(broken), score6(ramp()) - reach(.1) * .5);
  EXPECT_GT(score6(held), score6(ramp()) - reach(.1) * 1.1);
  EXPECT_NE(held, ramp());
  EXPECT_EQ(counts.forward, 41);
  EXPECT_EQ(counts.backward, 40);
}

TEST_P(StadvOn, keeps_a_warp_of_smaller_total_loss_or_the_first_that_succeeds) {
  StadvOptions options = stadv_options(.1f, 40);
  const LogitsFunction model = ramp_model(device(), reach(.1) * .3);
  const Floats best = Stadv(model, options)(ramps(device()), 1).to_host<float>();
  options.keep = StadvKeep::first_success;
  PassCounts counts;
  const Floats first = Stadv(model, options)(ramps(device()), 1, &counts).to_host<float>();

  EXPECT_LT(score6(best), score6(first));
  EXPECT_LT(score6(first), score6(ramp()) - reach(.1) * .3);
  EXPECT_LT(counts.backward, 40);
}

TEST_P(StadvOn, leaves_a_constant_image_as_it_is) {
  const Floats x(36, .3f);
  const Batch batch = repeated_image(device(), {6, 6, 1}, x, 1);

  const Floats got =
      Stadv(ramp_model(device(), 1), stadv_options(.3f, 10))(batch, 1).to_host<float>();

  EXPECT_EQ(got, x);
}

TEST_P(StadvOn, treats_a_row_alike_whoever_shares_its_batch) {
  for (StadvKeep keep : {StadvKeep::smallest_loss, StadvKeep::first_success}) {
    StadvOptions options = stadv_options(.3f, 17);
    options.keep = keep;
    options.start = StadvStart::random;
    Stadv attack(bit_stable_model(device(), 3), options);
    const auto attacked = [&](const std::vector<std::int32_t>& which) {
      return attack(random_examples(device(), which, 20, 5, 6, 3), 3).to_host<float>();
    };
    const Floats all = attacked({0, 1, 2, 3, 4, 5, 6, 7}), some = attacked({6, 2});

    const std::ptrdiff_t size = 5 * 6 * 3;
    EXPECT_EQ(bits_of(Floats(some.begin(), some.begin() + size)),
              bits_of(Floats(all.begin() + 6 * size, all.begin() + 7 * size)));
    EXPECT_EQ(bits_of(Floats(some.begin() + size, some.end())),
              bits_of(Floats(all.begin() + 2 * size, all.begin() + 3 * size)));
  }
}

TEST(stadv, emulated_gives_the_bits_of_the_cpu) {
  const auto on = [&](Device& device) {
    return Stadv(bit_stable_model(device, 3), stadv_options(.2f, 10))(
               random_examples(device, {0, 1, 2}, 20, 5, 6, 3), 3)
        .to_host<float>();
  };

  EXPECT_EQ(bits_of(on(cpu_device())), bits_of(on(emulated_device())));
}

TEST(stadv, without_iterations_returns_the_image_and_with_a_random_start_a_warp_of_it) {
  StadvOptions options = stadv_options(.2f, 0);
  const Floats still =
      Stadv(ramp_model(cpu_device(), 1), options)(ramps(cpu_device()), 1).to_host<float>();
  options.start = StadvStart::random;
  const Floats moved =
      Stadv(ramp_model(cpu_device(), 1), options)(ramps(cpu_device(), 2), 1).to_host<float>();

  EXPECT_EQ(still, ramp());
  EXPECT_NE(Floats(moved.begin(), moved.begin() + 36), ramp());
  EXPECT_NE(Floats(moved.begin(), moved.begin() + 36), Floats(moved.begin() + 36, moved.end()));
}

TEST(stadv, a_floor_on_the_margin_ends_the_push_where_the_model_is_fooled) {
  StadvOptions options = stadv_options(.3f, 60);
  options.keep = StadvKeep::last;
  const double distance = reach(.3) * .2;
  const LogitsFunction model = ramp_model(cpu_device(), distance);
  const Floats pushed = Stadv(model, options)(ramps(cpu_device()), 1).to_host<float>();
  options.kappa = 0;
  const Floats floored = Stadv(model, options)(ramps(cpu_device()), 1).to_host<float>();

  EXPECT_LT(score6(pushed), score6(floored) - reach(.3) * .1);
}

std::string refusal(const StadvOptions& options) {
  return message_of<Error>([&] { check(options); });
}

TEST(stadv, weighs_roughness_as_the_published_attack_unless_told) {
  StadvOptions options = stadv_options(.05f, 1);
  expect_near(lambda_of(options), .05, 1e-8, "lambda");
  options.lambda = .3f;
  EXPECT_EQ(lambda_of(options), .3f);
}

TEST(stadv, refuses_options_that_cannot_be) {
  EXPECT_CONTAINS(refusal(stadv_options(0, 1)), "stadv: bound 0 must be positive");
  EXPECT_CONTAINS(refusal(stadv_options(.1f, -1)), "stadv: iterations -1 is negative");
  StadvOptions options;
  options.lr = std::numeric_limits<float>::quiet_NaN();
  EXPECT_CONTAINS(refusal(options), "stadv: lr nan must be finite");
  options = {};
  options.lambda = -1.f;
  EXPECT_CONTAINS(refusal(options), "stadv: lambda -1 must be finite");
  options = {};
  options.kappa = -1;
  EXPECT_CONTAINS(refusal(options), "stadv: kappa -1 must not be negative");
  options = stadv_options(std::numeric_limits<float>::infinity(), 1);
  options.start = StadvStart::random;
  EXPECT_CONTAINS(refusal(options), "a random start needs a finite bound");
}

}  // namespace
}  // namespace saddle
