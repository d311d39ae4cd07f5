// One step on one batch, the loss's two arguments side by side.
//
// min over w of E max over ||v|| <= rho, ||delta|| <= eps of L(w + v, x + delta): the optimiser
// climbs in w where it is SAM, PGD climbs in x where training is adversarial, and both climb the
// same loss.
#pragma once

#include <cstdint>
#include <optional>

#include "apps/common/classifier.h"
#include "attacks/pgd.h"
#include "optim/sam.h"

namespace saddle {

// In which of SAM's two gradients the running statistics move. `both` is the paper's code; `second`
// is AWP's, which takes the first with a copy of the model.
enum class SamStatistics { both, first, second, none };

struct StepOptions {
  SamStatistics sam_statistics = SamStatistics::both;
  std::optional<PgdOptions> adversarial;  // train on x + delta
  // TRADES (Zhang et al. 2019): delta climbs KL(p(x) || p(x + delta)), and the loss is that of x
  // plus beta times this.
  std::optional<float> trades_beta;
  // FreeAT (Shafahi et al. 2019): delta stays from step to step and takes a step of eps by the
  // pixels' gradient, which comes with the weights'. Of `adversarial` only eps is looked at.
  bool free = false;
  BatchNormMode attack_batch_norm =
      BatchNormMode::update;    // as the paper's code attacks: train mode
  float label_smoothing = 0.f;  // in the loss that w descends, not in the attack's
  float drop_path = 0.f;        // see PassRandom
  // Pieces that a batch goes through the network in, whose gradients are averaged: for less memory.
  // Batch-norm sees a piece at a time.
  std::int64_t pieces = 1;
  float mixup = 0.f, cutmix = 0.f;  // see mixing.h
  float ema_decay = 0.f;            // of the averaged model
};

struct StepBatch {
  AttackBatch examples;
  MixedLabels mixed = {};  // of images that are mixed already
  Tensor number;           // i32 [1], keys the attack's random start and what else is drawn
  Tensor delta = {};       // FreeAT's, of the images' shape
};

// The device's work of the step that `minimiser` has prepared, on the images of the batch, moved to
// where the loss is highest if training is adversarial. `weights` are the model's; `sums` [2]
// receives the mean loss and the number of right predictions, at w before the step. Returns how
// often batch-norm saw a batch in training.
int step_on_batch(const Classifier& model, Minimiser& minimiser, const Parameters& weights,
                  const StepBatch& batch, const StepOptions& options, std::uint64_t seed,
                  const Tensor& sums);

}  // namespace saddle
