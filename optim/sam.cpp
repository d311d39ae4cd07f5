#include "optim/sam.h"

#include <cmath>

#include "core/ops.h"

namespace saddle {

Minimiser::Minimiser(BaseOptimizer base, Device& device, std::int64_t size,
                     std::optional<double> rho)
    : base_(std::move(base)), g_(Tensor::filled(device, {size}, 0.f)) {
  if (!rho) return;
  require(std::isfinite(*rho) && *rho >= 0, "sam: rho is ", *rho,
          ", it must be finite and not negative");
  rho_ = static_cast<float>(*rho);
  w_hat_ = Tensor::filled(device, {size}, 0.f);
}

void Minimiser::step(const Tensor& w, double lr, const GradientFunction& gradient_at) {
  gradient_at(w, g_, GradientAt::weights);
  if (rho_) {
    const Tensor norm = square_norm(g_);
    launch(w.device(), SamPerturb{w.array(), g_.array(), norm.array(), w_hat_.array(), *rho_},
           w.count());
    gradient_at(w_hat_, g_, GradientAt::perturbed_weights);
  }
  std::visit([&](auto& base) { base.step(w, g_, lr); }, base_);
}

std::vector<NamedState> Minimiser::state() const {
  return std::visit([](const auto& base) { return base.state(); }, base_);
}

std::int64_t& Minimiser::steps() {
  return std::visit([](auto& base) -> std::int64_t& { return base.steps(); }, base_);
}

}  // namespace saddle
