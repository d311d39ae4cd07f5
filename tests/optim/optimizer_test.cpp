// SGD, Nesterov, Adam and AdamW: five steps against torch.optim's formulas in double, on every
// device.
#include "optim/optimizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/safetensors.h"
#include "core/json_text.h"
#include "tests/support/devices.h"
#include "tests/support/expect_near.h"
#include "tests/support/optimizer_step.h"
#include "tests/support/random_values.h"
#include "tests/support/source_directory.h"

namespace saddle {
namespace {

using namespace testing_support;
using Values = std::vector<double>;

constexpr std::int64_t kSize = 1025;
constexpr int kSteps = 5;
constexpr double kLr = 0.01;

std::vector<float> gradient(int step) {
  return random_values(kSize, static_cast<std::uint64_t>(10 + step));
}

// Weights after five steps on the same five gradients.
template <class Optimizer, class Options>
std::vector<float> steps_of(Device& device, const Options& options) {
  Optimizer optimizer(device, kSize, options);
  const Tensor w = Tensor::from_host(device, {kSize}, random_values(kSize, 1));
  for (int step = 0; step < kSteps; ++step) {
    step_with(optimizer, w, Tensor::from_host(device, {kSize}, gradient(step)), kLr);
  }
  EXPECT_EQ(optimizer.steps(), kSteps);
  return w.to_host<float>();
}

Values sgd_in_double(const SgdOptions& options) {
  Values w = to_double(random_values(kSize, 1)), b(kSize);
  for (int step = 0; step < kSteps; ++step) {
    const std::vector<float> g = gradient(step);
    for (std::size_t i = 0; i < w.size(); ++i) {
      const double d = g[i] + options.weight_decay * w[i];
      b[i] = step == 0 ? d : options.momentum * b[i] + d;  // the first step takes d itself
      w[i] -= kLr * (options.nesterov ? d + options.momentum * b[i] : b[i]);
    }
  }
  return w;
}

Values adam_in_double(const AdamOptions& options) {
  Values w = to_double(random_values(kSize, 1)), m(kSize), v(kSize);
  for (int step = 1; step <= kSteps; ++step) {
    const std::vector<float> g = gradient(step - 1);
    for (std::size_t i = 0; i < w.size(); ++i) {
      double d = g[i];
      if (options.decay == WeightDecay::coupled)
        d += options.weight_decay * w[i];
      else
        w[i] *= 1 - kLr * options.weight_decay;
      m[i] = options.beta1 * m[i] + (1 - options.beta1) * d;
      v[i] = options.beta2 * v[i] + (1 - options.beta2) * d * d;
      const double m_hat = m[i] / (1 - std::pow(options.beta1, step));
      const double v_hat = v[i] / (1 - std::pow(options.beta2, step));
      w[i] -= kLr * m_hat / (std::sqrt(v_hat) + options.eps);
    }
  }
  return w;
}

// A step rounds w (at most 1) and a direction of `step_length` or less a few times each.
void expect_after_five_steps(const std::vector<float>& got, const Values& want,
                             double step_length) {
  expect_all_near(got, want, kSteps, {1 + kSteps * step_length}, "w");
}

class Optimizers : public ::testing::TestWithParam<std::string> {
 protected:
  Device& device() const { return device_named(GetParam()); }
};

INSTANTIATE_TEST_SUITE_P(Devices, Optimizers, ::testing::ValuesIn(device_names()),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(Optimizers, sgd_takes_five_steps_of_the_formula) {
  const SgdOptions options{0.9, 5e-4, false};

  // b is at most (1 + 0.9 + ...) |d| < 5 after five steps.
  expect_after_five_steps(steps_of<Sgd>(device(), options), sgd_in_double(options), kLr * 5);
}

TEST_P(Optimizers, sgd_without_momentum_and_decay_takes_five_steps_of_the_formula) {
  const SgdOptions options{0, 0, false};

  expect_after_five_steps(steps_of<Sgd>(device(), options), sgd_in_double(options), kLr);
}

TEST_P(Optimizers, nesterov_takes_five_steps_of_the_formula) {
  const SgdOptions options{0.9, 5e-4, true};

  expect_after_five_steps(steps_of<Sgd>(device(), options), sgd_in_double(options), kLr * 6);
}

TEST_P(Optimizers, adam_takes_five_steps_of_the_formula) {
  const AdamOptions options{0.9, 0.999, 1e-8, 0.05, WeightDecay::coupled};

  // |m_hat| / sqrt(v_hat) is near 1 at most in the first steps.
  expect_after_five_steps(steps_of<Adam>(device(), options), adam_in_double(options), kLr * 2);
}

TEST_P(Optimizers, adamw_takes_five_steps_of_the_formula) {
  const AdamOptions options{0.9, 0.999, 1e-8, 0.05, WeightDecay::decoupled};

  expect_after_five_steps(steps_of<Adam>(device(), options), adam_in_double(options), kLr * 2);
}

// m_hat = g and v_hat = g^2 whatever the betas. Where 1 - beta is rounded twice the length is off
// by 6e-6.
TEST_P(Optimizers, adams_first_step_has_length_lr_in_every_coordinate) {
  const std::int64_t n = 33;
  const Tensor w = Tensor::filled(device(), {n}, 0.f);
  const std::vector<float> g = random_values(n, 1);
  Adam adam(device(), n, {0.9, 0.999, 1e-8, 0, WeightDecay::coupled});

  step_with(adam, w, Tensor::from_host(device(), {n}, g), kLr);

  const std::vector<float> moved = w.to_host<float>();
  for (std::size_t i = 0; i < moved.size(); ++i) {
    const double want = -kLr * g[i] / (std::abs(double{g[i]}) + 1e-8);
    expect_near(moved[i], want, summation_bound(8, kLr), "w[" + std::to_string(i) + "]");
  }
}

TEST(optimizers, give_the_same_bits_on_every_device) {
  const SgdOptions sgd{0.9, 5e-4, true};
  const AdamOptions adam{0.9, 0.999, 1e-8, 0.05, WeightDecay::coupled};

  EXPECT_EQ(bits_of(steps_of<Sgd>(cpu_device(), sgd)),
            bits_of(steps_of<Sgd>(emulated_device(), sgd)));
  EXPECT_EQ(bits_of(steps_of<Adam>(cpu_device(), adam)),
            bits_of(steps_of<Adam>(emulated_device(), adam)));
}

// Against torch.optim
// ------------------------------------------------------------------------------

const SafetensorsFile& torch_answers() {
  static const SafetensorsFile file =
      SafetensorsFile::load(source_directory() / "tests/vectors/optimizers.safetensors");
  return file;
}

nlohmann::json torch_settings(const std::string& name) {
  return parse_json(torch_answers().metadata().at("vectors")).at("optimizers").at(name);
}

// Five steps on the file's gradients; after each, torch's parameters. Weights and gradients are of
// size 1, so a step moves by lr times a few and rounds as often.
template <class Optimizer>
void expect_torchs_steps(const std::string& name, Optimizer optimizer, Device& device) {
  const std::vector<float> g = torch_answers().read_f32("gradients");
  const std::vector<float> want = torch_answers().read_f32(name + ".parameters");
  const double lr = torch_settings(name).at("lr");
  const Tensor w = Tensor::from_host(device, {7}, torch_answers().read_f32("start"));
  double magnitude = 0;
  for (float value : torch_answers().read_f32("start"))
    magnitude = std::max(magnitude, std::abs(double{value}));
  for (float value : g) magnitude = std::max(magnitude, std::abs(double{value}));
  for (std::ptrdiff_t step = 0; step < kSteps; ++step) {
    const std::vector<float> g_now(g.begin() + step * 7, g.begin() + step * 7 + 7);
    step_with(optimizer, w, Tensor::from_host(device, {7}, g_now), lr);
    const Values want_now(want.begin() + step * 7, want.begin() + step * 7 + 7);
    expect_all_near(w.to_host<float>(), want_now, kSteps, {(1 + kSteps * lr) * magnitude},
                    name + " after step " + std::to_string(step));
  }
}

SgdOptions torch_sgd(const std::string& name) {
  const nlohmann::json settings = torch_settings(name);
  return {settings.value("momentum", 0.), settings.value("weight_decay", 0.),
          settings.value("nesterov", false)};
}

AdamOptions torch_adam(const std::string& name, WeightDecay decay) {
  const nlohmann::json settings = torch_settings(name);
  return {settings.at("betas").at(0), settings.at("betas").at(1), settings.at("eps"),
          settings.at("weight_decay"), decay};
}

TEST_P(Optimizers, sgd_steps_as_torch_does) {
  expect_torchs_steps("sgd", Sgd(device(), 7, torch_sgd("sgd")), device());
}

TEST_P(Optimizers, sgd_with_momentum_steps_as_torch_does) {
  expect_torchs_steps("sgd_momentum", Sgd(device(), 7, torch_sgd("sgd_momentum")), device());
}

TEST_P(Optimizers, nesterov_steps_as_torch_does) {
  expect_torchs_steps("nesterov", Sgd(device(), 7, torch_sgd("nesterov")), device());
}

TEST_P(Optimizers, adam_steps_as_torch_does) {
  expect_torchs_steps("adam", Adam(device(), 7, torch_adam("adam", WeightDecay::coupled)),
                      device());
}

TEST_P(Optimizers, adamw_steps_as_torch_does) {
  expect_torchs_steps("adamw", Adam(device(), 7, torch_adam("adamw", WeightDecay::decoupled)),
                      device());
}

// What a checkpoint needs: another optimiser given the state and the step count goes on with the
// same bits.
template <class Optimizer, class Options>
void expect_resumes(const Options& options) {
  Optimizer whole(cpu_device(), kSize, options), resumed(cpu_device(), kSize, options);
  const Tensor w = Tensor::from_host(cpu_device(), {kSize}, random_values(kSize, 1));
  const auto g = [](int step) { return Tensor::from_host(cpu_device(), {kSize}, gradient(step)); };
  for (int step = 0; step < 3; ++step) step_with(whole, w, g(step), kLr);
  const Tensor w_resumed = w.clone();
  for (std::size_t i = 0; i < whole.state().size(); ++i) {
    resumed.state()[i].tensor.copy_from(whole.state()[i].tensor);
  }
  resumed.steps() = whole.steps();

  for (int step = 3; step < 5; ++step)
    step_with(whole, w, g(step), kLr), step_with(resumed, w_resumed, g(step), kLr);

  EXPECT_EQ(bits_of(w_resumed.to_host<float>()), bits_of(w.to_host<float>()));
}

TEST(optimizers, sgd_resumes_from_its_state_bit_for_bit) { expect_resumes<Sgd>(SgdOptions{}); }

TEST(optimizers, adam_resumes_from_its_state_bit_for_bit) { expect_resumes<Adam>(AdamOptions{}); }

}  // namespace
}  // namespace saddle
