// The ascent from w to w_hat in a metric, and what the rules of the SAM family have in common.
//
// A rule is what stands between the objective and the base optimiser: it asks for gradients, moves
// w_hat, and leaves in g what the base optimiser steps with. Rules are small classes without a
// common base; the Minimiser holds one of them. What a rule may have:
//   float prepare(step, lr)  before the step's device work: its radius; may write to the device
//   void gradient(RuleStep)  the step's device work; may be captured and replayed
//   int phase(step)          steps of different phases ask for different work
//   state()                  buffers that a checkpoint must hold
#pragma once

#include "core/ops.h"
#include "kernels/bfloat16.h"
#include "kernels/reductions.h"
#include "kernels/sam.h"
#include "optim/objective.h"

namespace saddle {

struct RuleStep {
  const Parameters& w;
  const Parameters& w_hat;
  const Tensor& g;
  const Tensor& rho;  // [1], on the device
  const Objective& objective;
};

inline Array<Bfloat16> rounded_copy(const Parameters& w) {
  return w.rounded ? w.rounded.array<Bfloat16>() : Array<Bfloat16>{};
}

// The sum of a term over its arrays, [1], on the device.
template <class Term>
Tensor long_sum(Device& device, const Term& term) {
  const std::int64_t blocks = LongSum<Term>::blocks(term.size());
  const Tensor partial(device, {blocks}), total(device, {1});
  launch(device, LongSum<Term>{term, partial.array()}, blocks);
  launch(device, SumAll{partial.array(), total.array(), 1.f, 0.f}, 1);
  return total;
}

inline Tensor scalar_product(const Tensor& x, const Tensor& y) {
  return long_sum(x.device(), Product{x.array(), y.array()});
}

// w_hat <- w + rho d g / sqrt(square_norm)
template <class Metric>
void perturb(const RuleStep& step, const Tensor& g, const Tensor& square_norm,
             const Metric& metric) {
  launch(g.device(),
         Perturb<Metric>{step.w.values.array(), g.array(), step.rho.array(), square_norm.array(),
                         step.w_hat.values.array(), rounded_copy(step.w_hat), metric},
         g.count());
}

// The same with the norm that belongs to the metric.
template <class Metric>
void ascend(const RuleStep& step, const Tensor& g, const Metric& metric) {
  const MetricSquare<Metric> term{step.w.values.array(), g.array(), metric};
  perturb(step, g, long_sum(g.device(), term), metric);
}

inline void ascend(const RuleStep& step, const Tensor& g, const EuclideanMetric& metric) {
  perturb(step, g, square_norm(g), metric);
}

}  // namespace saddle
