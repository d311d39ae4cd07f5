#include "optim/esam.h"

#include <algorithm>
#include <cmath>

#include "kernels/largest_increases.h"
#include "kernels/philox.h"

namespace saddle {

std::int64_t examples_kept(std::int64_t examples, double gamma) {
  const auto chosen = static_cast<std::int64_t>(std::floor(gamma * static_cast<double>(examples)));
  // One less: the authors' code keeps rises above the floor(gamma N)-th largest.
  return std::max<std::int64_t>(1, chosen - 1);
}

EsamRule::EsamRule(Device& device, const WeightLayout& layout, const SharpnessOptions& options)
    : options_(options),
      perturbed_(device, layout, std::vector<float>(layout.slots().size(), 1.f)) {}

float EsamRule::prepare(std::int64_t step, double) {
  const Stream stream{options_.seed, Purpose::esam_freeze, static_cast<std::uint32_t>(step)};
  std::vector<float> perturbed;
  for (std::int64_t slot = 0; slot < perturbed_.tensor().count(); ++slot) {
    const double drawn = uniform(stream.bits(static_cast<std::uint32_t>(slot), 0).v[0]);
    perturbed.push_back(step == 0 || drawn < options_.esam_beta ? 1.f : 0.f);
  }
  perturbed_.set(perturbed);
  return static_cast<float>(options_.rho / options_.esam_beta);
}

void EsamRule::gradient(const RuleStep& step) const {
  Tensor before;
  if (selects()) before = Tensor(step.g.device(), {step.objective.examples});
  step.objective.gradient(step.w, step.g, {GradientAt::weights, {}, before});
  ascend(step, step.g, SlotMetric{perturbed_.values()});
  Tensor rows;
  if (selects()) rows = rows_that_rose(step, before);
  step.objective.gradient(step.w_hat, step.g, {GradientAt::perturbed_weights, rows});
}

Tensor EsamRule::rows_that_rose(const RuleStep& step, const Tensor& before) const {
  Device& device = step.g.device();
  const Tensor after(device, before.shape());
  step.objective.losses(step.w_hat, after);
  const Tensor rows(device, {examples_kept(before.count(), options_.esam_gamma)}, DType::i32);
  launch(device, LargestIncreases{before.array(), after.array(), rows.array<std::int32_t>()},
         before.count());
  return rows;
}

}  // namespace saddle
