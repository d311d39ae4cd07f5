#include "optim/two_gradients.h"

#include "kernels/two_gradients.h"

namespace saddle {

GsamRule::GsamRule(Device& device, std::int64_t size, const SharpnessOptions& options)
    : options_(options), first_(Tensor::filled(device, {size}, 0.f)) {}

float GsamRule::prepare(std::int64_t, double lr) {
  const double share = options_.lr_max > 0 ? lr / options_.lr_max : 1;
  return static_cast<float>(options_.gsam_rho_min + (options_.rho - options_.gsam_rho_min) * share);
}

void GsamRule::gradient(const RuleStep& step) const {
  step.objective.gradient(step.w, first_, {GradientAt::weights});
  ascend(step, first_, EuclideanMetric{});
  step.objective.gradient(step.w_hat, step.g, {GradientAt::perturbed_weights});
  const Tensor dot = scalar_product(first_, step.g), norm = square_norm(step.g);
  launch(step.g.device(),
         GsamDescent{first_.array(), step.g.array(), dot.array(), norm.array(),
                     static_cast<float>(options_.gsam_alpha)},
         step.g.count());
}

LookSamRule::LookSamRule(Device& device, std::int64_t size, const SharpnessOptions& options)
    : options_(options),
      first_(Tensor::filled(device, {size}, 0.f)),
      kept_(Tensor::filled(device, {size}, 0.f)) {}

float LookSamRule::prepare(std::int64_t step, double) {
  phase_ = phase(step);
  return static_cast<float>(options_.rho);
}

void LookSamRule::gradient(const RuleStep& step) const {
  if (phase_ == 0) return look(step);
  reuse(step);
}

void LookSamRule::look(const RuleStep& step) const {
  step.objective.gradient(step.w, first_, {GradientAt::weights});
  const Tensor norm = square_norm(first_);
  perturb(step, first_, norm, EuclideanMetric{});
  step.objective.gradient(step.w_hat, step.g, {GradientAt::perturbed_weights});
  const Tensor dot = scalar_product(step.g, first_);
  launch(step.g.device(),
         LookSamKeep{first_.array(), step.g.array(), kept_.array(), dot.array(), norm.array()},
         step.g.count());
}

void LookSamRule::reuse(const RuleStep& step) const {
  step.objective.gradient(step.w, step.g, {GradientAt::weights});
  const Tensor norm = square_norm(step.g), kept_norm = square_norm(kept_);
  launch(step.g.device(),
         LookSamReuse{step.g.array(), kept_.array(), norm.array(), kept_norm.array(),
                      static_cast<float>(options_.looksam_alpha)},
         step.g.count());
}

}  // namespace saddle
