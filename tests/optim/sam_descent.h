// A few steps of a member of the SAM family on linear regression, and where it asked for gradients.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "tests/support/devices.h"
#include "tests/support/regression.h"

namespace saddle::testing_support {

inline constexpr double kLr = 0.05;

inline SharpnessOptions options_of(Sharpness method, double rho = 0.3) {
  SharpnessOptions options;
  options.method = method;
  options.rho = rho;
  options.gsam_rho_min = rho;
  options.lr_max = kLr;
  options.ssam_samples = Regression::kExamples;
  return options;
}

inline BaseOptimizer base_named(const std::string& name, Device& device, std::int64_t size) {
  if (name == "adam") return Adam(device, size, AdamOptions{});
  return Sgd(device, size, SgdOptions{0.9, 5e-4, false});
}

struct Descent {
  std::vector<float> w;
  std::vector<std::vector<float>> at;  // where gradients were asked for
};

// Steps from one start; SSAM's mask is renewed before the first.
inline Descent run(const SharpnessOptions& options, int steps = 6, const std::string& base = "sgd",
                   Device& device = cpu_device(), const WeightLayout& layout = four_slots()) {
  Regression loss(layout);
  const std::vector<float> start = random_buffer(layout, 1);
  const Tensor w = Tensor::from_host(device, {layout.size()}, start);
  Minimiser minimiser(base_named(base, device, layout.size()), device, layout, options);
  minimiser.begin_epoch(0, Regression::kExamples, loss.of_example(start));
  for (int step = 0; step < steps; ++step) minimiser.step({w, {}}, kLr, loss.objective());
  return {w.to_host<float>(), loss.at};
}

inline double norm_of(const std::vector<float>& v, std::int64_t first = 0,
                      std::int64_t count = -1) {
  double sum = 0;
  const auto end = count < 0 ? v.size() : static_cast<std::size_t>(first + count);
  for (auto i = static_cast<std::size_t>(first); i < end; ++i) sum += double{v[i]} * v[i];
  return std::sqrt(sum);
}

// w_hat - w of the first step.
inline std::vector<float> first_shift(const SharpnessOptions& options) {
  const Descent after = run(options, 1);
  std::vector<float> shift = after.at.at(1);
  for (std::size_t i = 0; i < shift.size(); ++i) shift[i] -= after.at[0][i];
  return shift;
}

}  // namespace saddle::testing_support
