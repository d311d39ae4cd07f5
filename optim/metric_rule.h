// MetricRule: the two-pass members of the SAM family, each of which is a metric (kernels/sam.h).
//
//   g = dL/dw at w;  w_hat = w + rho d g / sqrt(sum d g^2);  base step with dL/dw at w_hat
#pragma once

#include "optim/ascent.h"
#include "optim/sharpness.h"
#include "optim/slot_map.h"

namespace saddle {

class MetricRule {
 public:
  // `options.method` is sam, asam, asam_elementwise, fisher_sam or sam_on.
  MetricRule(Device& device, const WeightLayout& layout, const SharpnessOptions& options);
  float prepare(std::int64_t, double) { return static_cast<float>(options_.rho); }
  void gradient(const RuleStep& step) const;

 private:
  void ascend_by_method(const RuleStep& step) const;

  SharpnessOptions options_;
  SlotMap slots_;  // ASAM: the adaptive slots, SAM-ON: the normalisation layers'
};

}  // namespace saddle
