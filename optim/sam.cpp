#include "optim/sam.h"

#include <cmath>

#include "core/ops.h"
#include "kernels/bfloat16.h"
#include "kernels/sam.h"

namespace saddle {

Minimiser::Minimiser(BaseOptimizer base, Device& device, std::int64_t size,
                     std::optional<double> rho)
    : base_(std::move(base)),
      g_(Tensor::filled(device, {size}, 0.f)),
      rates_(device, {static_cast<std::int64_t>(StepRates{}.size())}) {
  if (!rho) return;
  require(std::isfinite(*rho) && *rho >= 0, "sam: rho is ", *rho,
          ", it must be finite and not negative");
  rho_ = static_cast<float>(*rho);
  w_hat_.values = Tensor::filled(device, {size}, 0.f);
}

void Minimiser::step(const Parameters& w, double lr, const GradientFunction& gradient_at) {
  prepare(lr);
  apply(w, gradient_at);
}

void Minimiser::prepare(double lr) {
  const StepRates rates = std::visit([&](auto& base) { return base.rates(lr); }, base_);
  rates_.copy_from_host(rates.data());
}

void Minimiser::apply(const Parameters& w, const GradientFunction& gradient_at) {
  gradient_at(w, g_, GradientAt::weights);
  if (rho_) {
    if (w.rounded && !w_hat_.rounded) w_hat_ = with_precision(w_hat_.values, Precision::bf16);
    const Tensor norm = square_norm(g_);
    launch(g_.device(),
           SamPerturb{w.values.array(), g_.array(), norm.array(), w_hat_.values.array(),
                      w.rounded ? w_hat_.rounded.array<Bfloat16>() : Array<Bfloat16>{}, *rho_},
           g_.count());
    gradient_at(w_hat_, g_, GradientAt::perturbed_weights);
  }
  std::visit([&](auto& base) { base.step(w, g_, rates_); }, base_);
}

std::vector<NamedState> Minimiser::state() const {
  return std::visit([](const auto& base) { return base.state(); }, base_);
}

std::int64_t& Minimiser::steps() {
  return std::visit([](auto& base) -> std::int64_t& { return base.steps(); }, base_);
}

}  // namespace saddle
