// GSAM and LookSAM: SAM that goes on working with the gradient it took at w.
#pragma once

#include <vector>

#include "optim/ascent.h"
#include "optim/optimizer.h"
#include "optim/sharpness.h"

namespace saddle {

// Zhuang et al. 2022. Steps with g' - alpha g_orth, where g_orth is the part of g (at w) that is
// orthogonal to g' (at w_hat): descending it narrows the gap between L(w_hat) and L(w).
class GsamRule {
 public:
  GsamRule(Device& device, std::int64_t size, const SharpnessOptions& options);
  // rho_t = rho_min + (rho - rho_min) lr / lr_max
  float prepare(std::int64_t step, double lr);
  void gradient(const RuleStep& step) const;

 private:
  SharpnessOptions options_;
  Tensor first_;  // g at w
};

// Liu et al. 2022. Every k-th step is SAM's and keeps g_v, the part of g' orthogonal to g; the
// steps between take one gradient and add alpha (||g|| / ||g_v||) g_v.
class LookSamRule {
 public:
  LookSamRule(Device& device, std::int64_t size, const SharpnessOptions& options);
  float prepare(std::int64_t step, double lr);
  void gradient(const RuleStep& step) const;
  int phase(std::int64_t step) const { return step % options_.looksam_k == 0 ? 0 : 1; }
  std::vector<NamedState> state() const { return {{"looksam.g_v", kept_}}; }

 private:
  void look(const RuleStep& step) const;
  void reuse(const RuleStep& step) const;

  SharpnessOptions options_;
  Tensor first_, kept_;  // g at w, g_v
  int phase_ = 0;        // of the step prepared
};

}  // namespace saddle
