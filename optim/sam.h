// Minimiser: what turns an objective into a training step, with or without sharpness-awareness.
//
// SAM (Foret et al. 2021) minimises max over ||v|| <= rho of L(w + v):
//   g = dL/dw at w;  w_hat = w + rho g / (||g|| + 1e-12);  g' = dL/dw at w_hat;  base step on w
//   with g'.
// Every member of the family (optim/README.md) is a rule for w_hat and for the gradient the base
// optimiser steps with. w itself is never perturbed: w_hat is a second buffer, so nothing has to be
// restored.
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "optim/awp.h"
#include "optim/esam.h"
#include "optim/metric_rule.h"
#include "optim/objective.h"
#include "optim/optimizer.h"
#include "optim/sharpness.h"
#include "optim/ssam.h"
#include "optim/two_gradients.h"

namespace saddle {

// When a method of the SAM family begins; until then the base optimiser steps alone.
struct LateStart {
  std::int64_t step = 0;
  // Whether the base optimiser forgets its momentum there, as where two optimisers follow each
  // other.
  bool forgets = false;
};

class Minimiser {
 public:
  // With radius 0 every step equals the base's bit for bit (but LookSAM's and GSAM's where alpha
  // is not 0, and ESAM's where gamma drops examples). Throws Error for options out of range.
  Minimiser(BaseOptimizer base, Device& device, const WeightLayout& layout,
            const SharpnessOptions& options);
  // SAM, or with `rho` nothing the base optimiser alone: they need not know what lies where in
  // `size` elements.
  Minimiser(BaseOptimizer base, Device& device, std::int64_t size, std::optional<double> rho);

  // From now on the base optimiser steps with a gradient of norm at most `norm`. Throws Error
  // unless it is positive and finite.
  void clip_gradient(double norm);
  // The first `elements` of the weights step at `factor` times the learning rate: a backbone that
  // is trained already. Throws Error where there are not as many, or for a negative factor.
  void slow_down(std::int64_t elements, double factor);
  void start_late(const LateStart& start) { late_start_ = start; }

  // One step on the flat weights `w`: prepare, then apply.
  void step(const Parameters& w, double lr, const Objective& objective);
  // Counts a step and puts its rates on the device.
  void prepare(double lr);
  // The device's work of the step last prepared; may be captured and replayed, in each phase by
  // itself.
  void apply(const Parameters& w, const Objective& objective);
  // Of the step last prepared: steps of one phase ask the same of the device.
  int phase() const;

  // To be called before each epoch, from 0, of a training on `examples` examples: renews SSAM's
  // mask, ends AWP's warm-up.
  void begin_epoch(std::int64_t epoch, std::int64_t examples, const ExampleGradient& of_example);

  // The state a checkpoint must hold for steps to go on with the same bits, and the steps done.
  std::vector<NamedState> state() const;
  std::int64_t& steps();

 private:
  struct BaseAlone {
    float prepare(std::int64_t, double) { return 0.f; }
    void gradient(const RuleStep& step) const {
      step.objective.gradient(step.w, step.g, {GradientAt::weights});
    }
  };
  using Rule =
      std::variant<BaseAlone, MetricRule, GsamRule, LookSamRule, EsamRule, SsamRule, AwpRule>;

  static Rule make_rule(Device& device, std::int64_t size, const WeightLayout& layout,
                        const SharpnessOptions& options);
  Minimiser(BaseOptimizer base, Device& device, std::int64_t size, const WeightLayout& layout,
            const SharpnessOptions& options);
  std::int64_t steps_done() const;
  bool waits() const { return steps_done() < late_start_.step; }
  void base_step(const Parameters& w);
  void step_part(const Parameters& w, std::int64_t first, std::int64_t count, const Tensor& rates);

  BaseOptimizer base_;
  Rule rule_;
  // Rates of the base optimiser, the radius rho, rates of the weights that are slowed down; the
  // others are views of the first.
  Tensor g_, rates_, rho_, slow_rates_;
  Parameters w_hat_;
  std::optional<float> clip_norm_;
  std::int64_t slow_elements_ = 0;
  double slow_factor_ = 1;
  LateStart late_start_;
};

}  // namespace saddle
