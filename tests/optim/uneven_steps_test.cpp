// Weights that step at a rate of their own, and SAM that begins late, on the quadratic
// L(w) = 1/2 w' A w, against the same descent written out in double.
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "optim/sam.h"
#include "tests/optim/quadratic.h"
#include "tests/support/devices.h"
#include "tests/support/expect_near.h"
#include "tests/support/random_values.h"

namespace saddle {
namespace {

using namespace testing_support;
using Values = std::vector<double>;

constexpr std::int64_t kSize = 37, kSlow = 16;
constexpr double kLr = 0.1, kFactor = 0.25, kRho = 0.05, kMomentum = 0.9, kDecay = 0.01;
constexpr double kTolerance = 2e-6;  // some ten f32 steps of numbers below 1

Objective quadratic() {
  return {[](const Parameters& w, const Tensor& g, const GradientRequest&) {
    Tensor(g).copy_from_host(times_a(w.values.to_host<float>()).data());
  }};
}

std::vector<float> start() { return random_values(kSize, 1, -1.f, 1.f); }

// dL/dw at w, or where there is a radius at w_hat.
Values gradient(const Values& w, double rho) {
  Values g = times_a(w);
  double square = 0;
  for (double value : g) square += value * value;
  Values w_hat = w;
  for (std::size_t i = 0; i < w.size(); ++i) w_hat[i] += rho * g[i] / std::sqrt(square);
  return times_a(w_hat);
}

struct Descent {
  Values w = Values(kSize), velocity = Values(kSize);
  Descent() {
    const std::vector<float> begin = start();
    w.assign(begin.begin(), begin.end());
  }
  void step(double rho, double slow_factor) {
    const Values g = gradient(w, rho);
    for (std::size_t i = 0; i < w.size(); ++i) {
      const double lr = kLr * (i < kSlow ? slow_factor : 1);
      velocity[i] = kMomentum * velocity[i] + g[i] + kDecay * w[i];
      w[i] -= lr * velocity[i];
    }
  }
};

class UnevenSteps : public ::testing::TestWithParam<std::string> {
 protected:
  Device& device() const { return device_named(GetParam()); }
  Tensor w_ = Tensor::from_host(device(), {kSize}, start());

  Minimiser sgd(std::optional<double> rho) const {
    return Minimiser(Sgd(device(), kSize, {kMomentum, kDecay, false}), device(), kSize, rho);
  }
  void expect_weights(const Values& want) const {
    const std::vector<float> got = w_.to_host<float>();
    for (std::size_t i = 0; i < want.size(); ++i) {
      expect_near(got[i], want[i], kTolerance, "w[" + std::to_string(i) + "]");
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Devices, UnevenSteps, ::testing::ValuesIn(device_names()),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(UnevenSteps, slower_weights_take_their_share_of_the_rate) {
  Minimiser minimiser = sgd(kRho);
  minimiser.slow_down(kSlow, kFactor);
  Descent want;

  for (int step = 0; step < 5; ++step) {
    minimiser.step({w_, {}}, kLr, quadratic());
    want.step(kRho, kFactor);
  }

  expect_weights(want.w);
}

TEST_P(UnevenSteps, a_factor_of_0_leaves_them_where_they_are) {
  Minimiser minimiser = sgd(std::nullopt);
  minimiser.slow_down(kSlow, 0);

  for (int step = 0; step < 3; ++step) minimiser.step({w_, {}}, kLr, quadratic());

  const std::vector<float> begin = start(), now = w_.to_host<float>();
  EXPECT_TRUE(std::equal(begin.begin(), begin.begin() + kSlow, now.begin()));
  EXPECT_NE(begin[kSlow], now[kSlow]);
}

// PyTorch's Adam in double; the rate of a weight scales its step alone.
TEST_P(UnevenSteps, so_does_adam) {
  AdamOptions options;
  options.weight_decay = kDecay;
  Minimiser minimiser(Adam(device(), kSize, options), device(), kSize, std::nullopt);
  minimiser.slow_down(kSlow, kFactor);
  const std::vector<float> begin = start();
  Values w(begin.begin(), begin.end()), m(kSize), v(kSize);

  for (int t = 1; t <= 4; ++t) {
    minimiser.step({w_, {}}, 0.01, quadratic());
    Values g = times_a(w);
    for (std::size_t i = 0; i < w.size(); ++i) {
      g[i] += kDecay * w[i];
      m[i] = options.beta1 * m[i] + (1 - options.beta1) * g[i];
      v[i] = options.beta2 * v[i] + (1 - options.beta2) * g[i] * g[i];
      const double lr = 0.01 * (i < kSlow ? kFactor : 1);
      w[i] -= lr * m[i] / (1 - std::pow(options.beta1, t)) /
              (std::sqrt(v[i] / (1 - std::pow(options.beta2, t))) + options.eps);
    }
  }

  expect_weights(w);
}

TEST_P(UnevenSteps, sam_that_begins_late_is_its_base_before) {
  Minimiser minimiser = sgd(kRho);
  minimiser.start_late({3, false});
  Descent want;

  for (int step = 0; step < 6; ++step) {
    minimiser.step({w_, {}}, kLr, quadratic());
    want.step(step < 3 ? 0 : kRho, 1);
  }

  expect_weights(want.w);
}

TEST_P(UnevenSteps, and_may_forget_the_momentum_there) {
  Minimiser minimiser = sgd(kRho);
  minimiser.start_late({3, true});
  Descent want;

  for (int step = 0; step < 6; ++step) {
    minimiser.step({w_, {}}, kLr, quadratic());
    if (step == 3) want.velocity.assign(kSize, 0);
    want.step(step < 3 ? 0 : kRho, 1);
  }

  expect_weights(want.w);
}

TEST_P(UnevenSteps, steps_before_and_after_the_start_are_different_work) {
  Minimiser minimiser = sgd(kRho);
  minimiser.start_late({1, false});

  minimiser.prepare(kLr);
  const int before = minimiser.phase();
  minimiser.prepare(kLr);

  EXPECT_NE(minimiser.phase(), before);
}

TEST(uneven_steps, refuse_more_weights_than_there_are_and_negative_factors) {
  Minimiser minimiser(Sgd(cpu_device(), kSize, {}), cpu_device(), kSize, std::nullopt);

  EXPECT_CONTAINS(message_of<Error>([&] { minimiser.slow_down(kSize + 1, 1); }),
                  "38 slower weights of 37");
  EXPECT_CONTAINS(message_of<Error>([&] { minimiser.slow_down(1, -1); }), "not negative");
}

}  // namespace
}  // namespace saddle
