#include "optim/metric_rule.h"

#include <algorithm>

namespace saddle {
namespace {

// By name "weight" in the authors' code: scales of normalisation layers too, biases and shifts not.
bool is_adaptive(const Slot& slot) {
  return slot.kind == SlotKind::weight || slot.kind == SlotKind::norm_scale;
}

bool is_normalisation(const Slot& slot) {
  return slot.kind == SlotKind::norm_scale || slot.kind == SlotKind::norm_shift;
}

}  // namespace

MetricRule::MetricRule(Device& device, const WeightLayout& layout, const SharpnessOptions& options)
    : options_(options) {
  if (options.method == Sharpness::asam) {
    slots_ = SlotMap(device, layout, flags_of_slots(layout, is_adaptive));
  }
  if (options.method == Sharpness::sam_on) {
    const std::vector<float> chosen = flags_of_slots(layout, is_normalisation);
    require(std::find(chosen.begin(), chosen.end(), 1.f) != chosen.end(),
            "sam_on: the network has no normalisation layer to perturb. Use sam");
    slots_ = SlotMap(device, layout, chosen);
  }
}

void MetricRule::gradient(const RuleStep& step) const {
  step.objective.gradient(step.w, step.g, {GradientAt::weights});
  ascend_by_method(step);
  step.objective.gradient(step.w_hat, step.g, {GradientAt::perturbed_weights});
}

void MetricRule::ascend_by_method(const RuleStep& step) const {
  switch (options_.method) {
    case Sharpness::asam:
      return ascend(step, step.g,
                    AsamMetric{slots_.values(), static_cast<float>(options_.asam_eta)});
    case Sharpness::asam_elementwise: return ascend(step, step.g, ElementwiseMetric{});
    case Sharpness::fisher_sam:
      return ascend(step, step.g, FisherMetric{static_cast<float>(options_.fisher_eta)});
    case Sharpness::sam_on: return ascend(step, step.g, SlotMetric{slots_.values()});
    default: return ascend(step, step.g, EuclideanMetric{});
  }
}

}  // namespace saddle
