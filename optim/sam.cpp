#include "optim/sam.h"

#include <algorithm>
#include <cmath>

#include "core/ops.h"
#include "kernels/elementwise.h"
#include "kernels/weight_buffers.h"

namespace saddle {
namespace {

// Where rho and the rates of slower weights lie, behind what the base optimiser reads.
constexpr std::int64_t kBaseRates = StepRates{}.size();
constexpr std::int64_t kRho = kBaseRates, kSlow = kRho + 1, kRates = kSlow + kBaseRates;

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
      rho_(rates_.slice(kRho, {1})),
      slow_rates_(rates_.slice(kSlow, {kBaseRates})) {
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

void Minimiser::slow_down(std::int64_t elements, double factor) {
  require(elements >= 0 && elements <= g_.count(), "optimiser: ", elements, " slower weights of ",
          g_.count());
  require(factor >= 0 && std::isfinite(factor), "optimiser: a learning rate's factor of ", factor,
          " must be finite and not negative");
  slow_elements_ = elements;
  slow_factor_ = factor;
}

void Minimiser::step(const Parameters& w, double lr, const Objective& objective) {
  prepare(lr);
  apply(w, objective);
}

void Minimiser::prepare(double lr) {
  std::visit([](auto& base) { base.count_step(); }, base_);
  if (late_start_.forgets && steps_done() == late_start_.step) {
    for (const NamedState& state : std::visit([](auto& base) { return base.state(); }, base_)) {
      launch(state.tensor.device(), Fill{state.tensor.array(), 0.f}, state.tensor.count());
    }
  }
  std::array<float, kRates> rates = {};
  const auto put_rates = [&](double rate, std::int64_t at) {
    const StepRates of_base = std::visit([&](const auto& base) { return base.rates(rate); }, base_);
    std::ranges::copy(of_base, rates.begin() + at);
  };
  put_rates(lr, 0);
  put_rates(lr * slow_factor_, kSlow);
  rates[kRho] = std::visit([&](auto& rule) { return rule.prepare(steps_done(), lr); }, rule_);
  rates_.copy_from_host(rates.data());
}

void Minimiser::apply(const Parameters& w, const Objective& objective) {
  if (w_hat_.values && w.rounded && !w_hat_.rounded) {
    w_hat_ = with_precision(w_hat_.values, Precision::bf16);
  }
  const RuleStep step{w, w_hat_, g_, rho_, objective};
  if (waits()) {
    BaseAlone{}.gradient(step);
    return base_step(w);
  }
  std::visit([&](const auto& rule) { rule.gradient(step); }, rule_);
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
  if (slow_elements_ > 0) step_part(w, 0, slow_elements_, slow_rates_);
  step_part(w, slow_elements_, g_.count() - slow_elements_, rates_);
}

void Minimiser::step_part(const Parameters& w, std::int64_t first, std::int64_t count,
                          const Tensor& rates) {
  if (count == 0) return;
  const Shape part{count};
  const Parameters weights{w.values.slice(first, part),
                           w.rounded ? w.rounded.slice(first, part) : Tensor()};
  std::visit([&](auto& base) { base.step(weights, g_.slice(first, part), rates, first); }, base_);
}

int Minimiser::phase() const {
  constexpr int kWaiting = -1;
  if (waits()) return kWaiting;
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
