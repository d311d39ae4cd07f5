// AwpRule: adversarial weight perturbation (Wu, Xia and Wang 2020), for adversarial training.
//
//   v_l = gamma (||w_l|| / ||g_l||) g_l  for each weight tensor l of rank above 1, else 0: neither
//   for biases and normalisation nor for tokens and positions, whose names hold no "weight" in the
//   authors' models
// The base optimiser then steps at w + v (its weight decay and momentum see w + v), and v is
// subtracted again, as in the authors' code.
#pragma once

#include "optim/ascent.h"
#include "optim/sharpness.h"
#include "optim/slot_map.h"

namespace saddle {

class AwpRule {
 public:
  AwpRule(Device& device, const WeightLayout& layout, const SharpnessOptions& options);
  // In the first `awp_warmup` epochs v is 0: plain adversarial training, at AWP's cost.
  void begin_epoch(std::int64_t epoch) { warm_ = epoch >= warmup_; }
  float prepare(std::int64_t, double) { return warm_ ? static_cast<float>(gamma_) : 0.f; }
  void gradient(const RuleStep& step) const;
  // w <- w_hat - v, once the base optimiser has moved w_hat.
  void come_back(const Parameters& w, const Parameters& w_hat) const;

 private:
  Tensor partial_squares(const Tensor& x) const;  // one a piece

  double gamma_;
  std::int64_t warmup_;
  bool warm_ = true;
  SlotMap scale_;       // ||w_l|| / ||g_l||
  Tensor perturbed_;    // f32 [slots]: 1 where the rank is above 1
  Tensor piece_begin_;  // i32 [pieces + 1], in lines
  Tensor first_piece_;  // i32 [slots + 1]
  Tensor v_;
};

}  // namespace saddle
