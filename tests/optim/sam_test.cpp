// SAM on a quadratic, where every step is known: L(w) = 1/2 w' A w, dL/dw = A w.
#include "optim/sam.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "tests/optim/quadratic.h"
#include "tests/support/devices.h"
#include "tests/support/expect_near.h"
#include "tests/support/random_values.h"

namespace saddle {
namespace {

using namespace testing_support;
using Values = std::vector<double>;

constexpr std::int64_t kSize = 33;
constexpr double kLr = 0.1, kRho = 0.05;

double norm_of(const Values& v) {
  double sum = 0;
  for (double value : v) sum += value * value;
  return std::sqrt(sum);
}

// The quadratic, and what it was asked.
struct Quadratic {
  std::vector<GradientAt> asked;
  std::vector<std::vector<float>> at;
  const Tensor* watched = nullptr;  // the weights
  std::vector<std::vector<float>> weights_meanwhile;

  Objective function() {
    return {[this](const Parameters& w, const Tensor& g, const GradientRequest& request) {
      asked.push_back(request.at);
      at.push_back(w.values.to_host<float>());
      if (watched) weights_meanwhile.push_back(watched->to_host<float>());
      Tensor(g).copy_from_host(times_a(at.back()).data());
    }};
  }
};

Tensor start(Device& device = cpu_device()) {
  return Tensor::from_host(device, {kSize}, random_values(kSize, 1));
}

constexpr SgdOptions kPlain{0, 0, false};

Minimiser sam(double rho, const SgdOptions& options = kPlain, Device& device = cpu_device()) {
  return Minimiser(Sgd(device, kSize, options), device, kSize, rho);
}

class Sam : public ::testing::TestWithParam<std::string> {
 protected:
  Device& device() const { return device_named(GetParam()); }
};

INSTANTIATE_TEST_SUITE_P(Devices, Sam, ::testing::ValuesIn(device_names()),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(Sam, asks_for_the_gradient_at_w_and_then_at_w_hat) {
  Quadratic loss;
  sam(kRho, kPlain, device()).step({start(device()), {}}, kLr, loss.function());

  EXPECT_EQ(loss.asked,
            (std::vector<GradientAt>{GradientAt::weights, GradientAt::perturbed_weights}));
}

TEST_P(Sam, ascend_moves_exactly_rho_in_the_l2_norm) {
  Quadratic loss;
  sam(kRho, kPlain, device()).step({start(device()), {}}, kLr, loss.function());

  ASSERT_EQ(loss.at.size(), 2u);
  Values moved;
  for (std::size_t i = 0; i < kSize; ++i) moved.push_back(double{loss.at[1][i]} - loss.at[0][i]);
  // Every coordinate of w_hat (below 1 + rho) is rounded, which moves the norm by at most sqrt(n)
  // eps.
  expect_near(norm_of(moved), kRho,
              summation_bound(kSize, kRho) + std::sqrt(kSize) * kFloatEps * 1.1, "||w_hat - w||");
}

TEST_P(Sam, steps_with_the_gradient_at_w_plus_rho_g_over_its_norm) {
  Quadratic loss;
  const Tensor w = start(device());
  sam(kRho, kPlain, device()).step({w, {}}, kLr, loss.function());

  const Values before = to_double(random_values(kSize, 1)), g = times_a(before);
  Values w_hat = before;
  for (std::size_t i = 0; i < kSize; ++i) w_hat[i] += kRho * g[i] / norm_of(g);
  const Values g_hat = times_a(w_hat);  // g' = A (w + rho A w / ||A w||)
  const std::vector<float> after = w.to_host<float>();
  for (std::size_t i = 0; i < kSize; ++i) {
    expect_near(after[i], before[i] - kLr * g_hat[i], summation_bound(kSize, 1 + kLr * 4.5),
                "w[" + std::to_string(i) + "]");
  }
}

TEST_P(Sam, never_touches_w_before_the_second_gradient_is_there) {
  Quadratic loss;
  const Tensor w = start(device());
  loss.watched = &w;
  sam(kRho, kPlain, device()).step({w, {}}, kLr, loss.function());

  ASSERT_EQ(loss.weights_meanwhile.size(), 2u);
  EXPECT_EQ(bits_of(loss.weights_meanwhile[0]), bits_of(random_values(kSize, 1)));
  EXPECT_EQ(bits_of(loss.weights_meanwhile[1]), bits_of(random_values(kSize, 1)));
}

TEST_P(Sam, with_a_zero_gradient_asks_at_w_itself) {
  const Tensor w = start(device());
  std::vector<std::vector<float>> at;
  const Objective zero{[&](const Parameters& here, const Tensor& g, const GradientRequest&) {
    at.push_back(here.values.to_host<float>());
    Tensor(g).copy_from_host(std::vector<float>(kSize, 0.f).data());
  }};
  sam(kRho, kPlain, device()).step({w, {}}, kLr, zero);

  ASSERT_EQ(at.size(), 2u);
  EXPECT_EQ(bits_of(at[1]), bits_of(at[0]));
  EXPECT_EQ(w.to_host<float>(), random_values(kSize, 1));
}

std::vector<float> after_five_steps(Minimiser minimiser, Device& device) {
  Quadratic loss;
  const Tensor w = start(device);
  for (int step = 0; step < 5; ++step) minimiser.step({w, {}}, kLr, loss.function());
  return w.to_host<float>();
}

TEST_P(Sam, with_rho_zero_is_sgd_bit_for_bit) {
  const SgdOptions options{0.9, 5e-4, true};

  const std::vector<float> base =
      after_five_steps(Minimiser(Sgd(device(), kSize, options), device(), kSize, {}), device());

  EXPECT_EQ(bits_of(after_five_steps(sam(0, options, device()), device())), bits_of(base));
  EXPECT_NE(bits_of(after_five_steps(sam(kRho, options, device()), device())), bits_of(base));
}

TEST_P(Sam, with_rho_zero_is_adam_bit_for_bit) {
  const auto minimiser = [&](std::optional<double> rho) {
    return Minimiser(Adam(device(), kSize, AdamOptions{}), device(), kSize, rho);
  };

  EXPECT_EQ(bits_of(after_five_steps(minimiser(0.), device())),
            bits_of(after_five_steps(minimiser({}), device())));
}

TEST(sam, gives_the_same_bits_on_every_device) {
  EXPECT_EQ(bits_of(after_five_steps(sam(kRho, kPlain, cpu_device()), cpu_device())),
            bits_of(after_five_steps(sam(kRho, kPlain, emulated_device()), emulated_device())));
}

TEST(minimiser, without_rho_asks_for_one_gradient) {
  Quadratic loss;
  Minimiser minimiser(Sgd(cpu_device(), kSize, kPlain), cpu_device(), kSize, {});
  minimiser.step({start(), {}}, kLr, loss.function());

  EXPECT_EQ(loss.asked, std::vector<GradientAt>{GradientAt::weights});
  EXPECT_EQ(minimiser.steps(), 1);
}

TEST_P(Sam, clipped_steps_along_the_gradient_by_at_most_lr_times_the_norm) {
  const Tensor w = start(device()), unclipped = start(device());
  const Values before = to_double(w.to_host<float>());
  Quadratic loss;
  Minimiser minimiser = sam(kRho, kPlain, device()), other = sam(kRho, kPlain, device());
  minimiser.clip_gradient(0.01);
  minimiser.step({w, {}}, kLr, loss.function());
  other.step({unclipped, {}}, kLr, loss.function());

  const Values after = to_double(w.to_host<float>()), far = to_double(unclipped.to_host<float>());
  Values moved, would_move;
  double product = 0;
  for (std::size_t i = 0; i < after.size(); ++i) {
    moved.push_back(after[i] - before[i]);
    would_move.push_back(far[i] - before[i]);
    product += moved[i] * would_move[i];
  }
  expect_near(norm_of(moved), kLr * 0.01, 1e-6, "length of the step");
  expect_near(product / (norm_of(moved) * norm_of(would_move)), 1, 1e-5, "cosine of the angle");
}

TEST_P(Sam, clipped_at_a_norm_that_no_gradient_reaches_changes_no_bit) {
  Minimiser minimiser = sam(kRho, kPlain, device());
  minimiser.clip_gradient(1e6);

  EXPECT_EQ(bits_of(after_five_steps(std::move(minimiser), device())),
            bits_of(after_five_steps(sam(kRho, kPlain, device()), device())));
}

TEST(minimiser, refuses_to_clip_at_a_norm_that_is_not_positive_and_finite) {
  for (double norm : {-1., 0., std::nan(""), std::numeric_limits<double>::infinity()}) {
    EXPECT_CONTAINS(message_of<Error>([&] { sam(kRho).clip_gradient(norm); }),
                    "must be positive and finite")
        << norm;
  }
}

TEST(minimiser, lowers_the_quadratic) {
  Minimiser minimiser = sam(kRho);
  Quadratic loss;
  const Tensor w = start();
  for (int step = 0; step < 100; ++step) minimiser.step({w, {}}, kLr, loss.function());

  // SAM of constant rho stays near rho from the minimum, so it need not reach it.
  EXPECT_LT(norm_of(to_double(w.to_host<float>())), 2 * kRho);
}

TEST(minimiser, refuses_a_rho_that_is_negative_or_not_finite) {
  for (double rho : {-0.1, std::nan(""), std::numeric_limits<double>::infinity()}) {
    EXPECT_CONTAINS(message_of<Error>([&] { sam(rho); }), "it must be finite and not negative")
        << rho;
  }
}

}  // namespace
}  // namespace saddle
