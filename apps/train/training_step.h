// TrainingStep: one step on one batch, the loss's two arguments side by side.
//
// min over w of E max over ||v|| <= rho, ||delta|| <= eps of L(w + v, x + delta): the optimiser
// climbs in w where it is SAM, PGD climbs in x where training is adversarial, and both climb the
// same loss.
#pragma once

#include <optional>

#include "apps/common/classifier.h"
#include "attacks/pgd.h"
#include "optim/sam.h"

namespace saddle {

// In which of SAM's two gradients the running statistics move. `both` is the paper's code.
enum class SamStatistics { both, first, none };

struct StepOptions {
  SamStatistics sam_statistics = SamStatistics::both;
  std::optional<PgdOptions> adversarial;  // train on x + delta
  BatchNormMode attack_batch_norm =
      BatchNormMode::update;  // as the paper's code attacks: train mode
};

// Sums over a batch, taken at w before the step.
struct BatchResult {
  Tensor loss;     // [1], the mean
  Tensor correct;  // [N]
};

// The rows of `batch`, moved to where the loss is highest if training is adversarial, take one step
// of `minimiser` at learning rate lr. `number` counts the steps of the run and keys the attack's
// random start.
BatchResult training_step(Classifier& model, Minimiser& minimiser, const AttackBatch& batch,
                          const StepOptions& options, double lr, std::uint64_t seed,
                          std::uint32_t number);

}  // namespace saddle
