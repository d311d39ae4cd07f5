#include "optim/sam.h"

#include <cmath>

#include "core/ops.h"
#include "kernels/weight_buffers.h"

namespace saddle {
namespace {

// With room for rho behind what the base optimiser reads.
constexpr std::int64_t kRho = StepRates{}.size(), kRates = kRho + 1;

SharpnessOptions sam_of(std::optional<double> rho) {
  SharpnessOptions options;
  if (rho) {
    options.method = Sharpness::sam;
    options.rho = *rho;
  }
  return options;
}

}  // namespace

Minimiser::Minimiser(BaseOptimizer base, Device& device, const WeightLayout& layout,
                     const SharpnessOptions& options)
    : Minimiser(std::move(base), device, layout.size(), layout, options) {}

Minimiser::Minimiser(BaseOptimizer base, Device& device, std::int64_t size,
                     std::optional<double> rho)
    : Minimiser(std::move(base), device, size, WeightLayout{}, sam_of(rho)) {}

Minimiser::Minimiser(BaseOptimizer base, Device& device, std::int64_t size,
                     const WeightLayout& layout, const SharpnessOptions& options)
    : base_(std::move(base)),
      rule_(make_rule(device, size, layout, options)),
      g_(Tensor::filled(device, {size}, 0.f)),
      rates_(device, {kRates}),
      rho_(rates_.slice(kRho, {1})) {
  if (options.method != Sharpness::none) w_hat_.values = Tensor::filled(device, {size}, 0.f);
}

Minimiser::Rule Minimiser::make_rule(Device& device, std::int64_t size, const WeightLayout& layout,
                                     const SharpnessOptions& options) {
  check(options);
  switch (options.method) {
    case Sharpness::none: return BaseAlone{};
    case Sharpness::gsam: return GsamRule(device, size, options);
    case Sharpness::looksam: return LookSamRule(device, size, options);
    case Sharpness::esam: return EsamRule(device, layout, options);
    case Sharpness::ssam: return SsamRule(device, layout, options);
    case Sharpness::awp: return AwpRule(device, layout, options);
    default: return MetricRule(device, layout, options);
  }
}

void Minimiser::clip_gradient(double norm) {
  require(norm > 0 && std::isfinite(norm), "gradient clipping: norm ", norm,
          " must be positive and finite");
  clip_norm_ = static_cast<float>(norm);
}

void Minimiser::step(const Parameters& w, double lr, const Objective& objective) {
  prepare(lr);
  apply(w, objective);
}

void Minimiser::prepare(double lr) {
  const StepRates of_base = std::visit([&](auto& base) { return base.rates(lr); }, base_);
  std::array<float, kRates> rates = {};
  std::copy(of_base.begin(), of_base.end(), rates.begin());
  rates[kRho] = std::visit([&](auto& rule) { return rule.prepare(steps_done(), lr); }, rule_);
  rates_.copy_from_host(rates.data());
}

void Minimiser::apply(const Parameters& w, const Objective& objective) {
  if (w_hat_.values && w.rounded && !w_hat_.rounded) {
    w_hat_ = with_precision(w_hat_.values, Precision::bf16);
  }
  std::visit([&](const auto& rule) { rule.gradient({w, w_hat_, g_, rho_, objective}); }, rule_);
  const auto* awp = std::get_if<AwpRule>(&rule_);
  if (!awp) return base_step(w);
  base_step(w_hat_);
  awp->come_back(w, w_hat_);
}

void Minimiser::base_step(const Parameters& w) {
  if (clip_norm_) {
    const Tensor norm = square_norm(g_);
    launch(g_.device(), ClipToNorm{g_.array(), norm.array(), *clip_norm_}, g_.count());
  }
  std::visit([&](auto& base) { base.step(w, g_, rates_); }, base_);
}

int Minimiser::phase() const {
  const auto* looksam = std::get_if<LookSamRule>(&rule_);
  return looksam ? looksam->phase(steps_done()) : 0;
}

void Minimiser::begin_epoch(std::int64_t epoch, std::int64_t examples,
                            const ExampleGradient& of_example) {
  if (auto* awp = std::get_if<AwpRule>(&rule_)) awp->begin_epoch(epoch);
  auto* ssam = std::get_if<SsamRule>(&rule_);
  if (ssam && ssam->renews(epoch)) ssam->renew(epoch, g_, examples, of_example);
}

std::vector<NamedState> Minimiser::state() const {
  std::vector<NamedState> all = std::visit([](const auto& base) { return base.state(); }, base_);
  std::visit(
      [&](const auto& rule) {
        if constexpr (requires { rule.state(); }) {
          for (const NamedState& state : rule.state()) all.push_back(state);
        }
      },
      rule_);
  // By whose size the dynamic mask is renewed.
  if (std::holds_alternative<SsamRule>(rule_)) all.push_back({"ssam.g", g_});
  return all;
}

std::int64_t& Minimiser::steps() {
  return std::visit([](auto& base) -> std::int64_t& { return base.steps(); }, base_);
}

// Before the step last prepared, which the base has counted.
std::int64_t Minimiser::steps_done() const {
  return std::visit([](const auto& base) { return base.steps(); }, base_) - 1;
}

}  // namespace saddle
