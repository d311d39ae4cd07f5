#include "optim/ssam.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/philox.h"

namespace saddle {
namespace {

// The `count` places of largest value; equal values by rising place.
std::vector<std::int64_t> largest(const std::vector<float>& values,
                                  std::vector<std::int64_t> places, std::int64_t count) {
  const auto value = [&](std::int64_t place) { return values[static_cast<std::size_t>(place)]; };
  const std::int64_t kept = std::min(count, static_cast<std::int64_t>(places.size()));
  std::nth_element(places.begin(), places.begin() + kept, places.end(),
                   [&](std::int64_t a, std::int64_t b) {
                     return value(a) > value(b) || (value(a) == value(b) && a < b);
                   });
  places.resize(static_cast<std::size_t>(kept));
  return places;
}

void set_mask(Tensor mask, const std::vector<std::vector<std::int64_t>>& live) {
  std::vector<float> values(static_cast<std::size_t>(mask.count()), 0.f);
  for (const auto& places : live) {
    for (std::int64_t place : places) values[static_cast<std::size_t>(place)] = 1.f;
  }
  mask.copy_from_host(values.data());
}

}  // namespace

SsamRule::SsamRule(Device& device, const WeightLayout& layout, const SharpnessOptions& options)
    : layout_(layout), options_(options), mask_(layout.zeros(device)) {
  if (options.ssam_mask == SparseMask::fisher) return;
  const auto count = static_cast<double>(layout.parameter_count());
  const auto live = static_cast<std::int64_t>(count - std::ceil(options.ssam_sparsity * count));
  set_mask(mask_, {largest(drawn(0), weights(), live)});
}

void SsamRule::gradient(const RuleStep& step) const {
  step.objective.gradient(step.w, step.g, {GradientAt::weights});
  perturb(step, step.g, square_norm(step.g), MaskMetric{mask_.array()});
  step.objective.gradient(step.w_hat, step.g, {GradientAt::perturbed_weights});
}

bool SsamRule::renews(std::int64_t epoch) const {
  // The dynamic mask is drawn before the first epoch and judged by gradients, which came later.
  const bool first = epoch == 0 && options_.ssam_mask == SparseMask::dynamic;
  return epoch % options_.ssam_update_epochs == 0 && !first;
}

void SsamRule::renew(std::int64_t epoch, const Tensor& g, std::int64_t examples,
                     const ExampleGradient& of_example) {
  if (options_.ssam_mask == SparseMask::fisher) return renew_by_fisher(g, examples, of_example);
  renew_dynamically(epoch, g);
}

std::vector<std::int64_t> SsamRule::weights() const {
  std::vector<std::int64_t> places;
  for (const Slot& slot : layout_.slots()) {
    for (std::int64_t i = 0; i < slot.shape.count(); ++i) places.push_back(slot.offset + i);
  }
  return places;
}

std::vector<float> SsamRule::drawn(std::uint32_t epoch) const {
  const Stream stream{options_.seed, Purpose::ssam_mask, epoch};
  std::vector<float> values(static_cast<std::size_t>(layout_.size()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = uniform(stream.bits(static_cast<std::uint32_t>(i), 0).v[0]);
  }
  return values;
}

void SsamRule::renew_by_fisher(const Tensor& g, std::int64_t examples,
                               const ExampleGradient& of_example) {
  const Tensor fisher = layout_.zeros(g.device());
  for (std::int64_t example = 0; example < std::min(examples, options_.ssam_samples); ++example) {
    of_example(example, g);
    launch(g.device(), AddSquares{g.array(), fisher.array()}, g.count());
  }
  const auto live = static_cast<std::int64_t>(
      std::floor((1 - options_.ssam_sparsity) * static_cast<double>(layout_.parameter_count())));
  set_mask(mask_, {largest(fisher.to_host<float>(), weights(), live)});
}

void SsamRule::renew_dynamically(std::int64_t epoch, const Tensor& g) {
  const double progress = static_cast<double>(epoch) / static_cast<double>(options_.ssam_epochs);
  const double drop = options_.ssam_drop_rate * (1 + std::cos(std::numbers::pi * progress)) / 2;
  const auto count = static_cast<double>(layout_.parameter_count());
  const double sparsity = options_.ssam_sparsity, dense = (1 - sparsity) * count;

  std::vector<float> magnitude = g.to_host<float>();
  for (float& value : magnitude) value = std::abs(value);
  const std::vector<float> mask = mask_.to_host<float>();
  std::vector<std::int64_t> live, masked;
  for (std::int64_t place : weights()) {
    (mask[static_cast<std::size_t>(place)] != 0.f ? live : masked).push_back(place);
  }
  const auto kept = static_cast<std::int64_t>(dense * (1 - drop));
  const auto grown = static_cast<std::int64_t>(std::min(dense * drop, sparsity * count));
  set_mask(mask_, {largest(magnitude, live, kept),
                   largest(drawn(static_cast<std::uint32_t>(epoch)), masked, grown)});
}

}  // namespace saddle
