// APGD: PGD with momentum that finds its own step size, on cross-entropy or the difference of
// logits ratio, untargeted or aimed at one class after the other or at the batch's.
//
// Sources: Croce and Hein 2020, "Reliable evaluation of adversarial robustness with an ensemble of
// diverse parameter-free attacks"; Croce and Hein 2021, "Mind the box" (l1). Where we differ from
// their code (AutoAttack):
// - An example that is misclassified is left as it is: the answer is its first misclassified
//   iterate, not the latest, and it may leave the batch. Which examples are broken is the same.
// - The loss before the first step counts as history at the first checkpoint (theirs reads the slot
//   after the last, still zero; `reference_wrap` restores that).
// - The backward pass after the last step, which nobody uses, is not made.
// - The l1 projection is exact also where nearly all pixels are blocked.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "attacks/apgd_loss.h"
#include "attacks/attack.h"
#include "attacks/pgd.h"

namespace saddle {

class OpenRows;
struct Leaving;

// `misclassified`: the first misclassified iterate, or the clean image where there is none; clean
// errors are returned unchanged. `best_loss`: the iterate of the highest loss, of every row.
enum class ApgdAnswer { misclassified, best_loss };

// `shrinking` (l1): 3 eps, 2 eps and eps for 30, 30 and 40 % of the steps, each from the best
// iterate of the one before.
enum class ApgdRadius { fixed, shrinking };

struct ApgdOptions {
  Norm norm = Norm::linf;
  float eps = default_eps(Norm::linf);  // radius, pixel range [0, 1]
  ApgdLoss loss = ApgdLoss::ce;
  int steps = 100;    // n_iter
  float rho = 0.75f;  // share of steps that must raise the loss for the step size to stay
  int eot = 1;        // gradients averaged at each iterate, for models that draw random numbers
  // Targeted losses: attempt a aims at the class of rank a mod `targets`, from 0, among the classes
  // other than the label, by falling clean logit.
  int targets = 9;
  ApgdRadius radius = ApgdRadius::fixed;
  ApgdAnswer answer = ApgdAnswer::misclassified;
  bool reference_wrap = false;  // see above; for comparisons with the reference
};

// Throws Error where eps, rho, steps, eot or targets are out of range, or radii shrink outside l1.
void check(const ApgdOptions& options);

// One try on each row: batch.attempts says which restart (and with it the target). A row costs
// steps eot + 1 forward passes and one for the clean prediction, and steps eot backward passes,
// less those that would come after it is broken.
class Apgd {
 public:
  // Throws Error as check() does.
  Apgd(LogitsFunction logits, const ApgdOptions& options);

  // The adversarial images [N, H, W, C]. Of a batch with aims (ApgdLoss::ce alone) log p(aim) is
  // climbed, and only an iterate taken for its aim is a success. `counts` also gets the rows whose
  // first gradient was exactly zero, whose verdict says little. Throws Error where the loss needs
  // more classes than the model has, or its logits do not depend on the pixels.
  Tensor operator()(const Batch& batch, std::uint64_t seed, PassCounts* counts = nullptr);

 private:
  struct Iterates;  // of the rows that are worked on, in buffers that keep their addresses
  struct Phase;     // a radius and its number of steps
  std::vector<Phase> phases() const;
  void make_room(Device& device, const Shape& images, std::int64_t rows);
  Tensor draw_start(const Batch& batch, std::uint64_t seed, float eps) const;
  void begin(const Batch& batch, const Tensor& targets, const Tensor& start, const Phase& phase);
  Tensor run(const Batch& batch, const Tensor& targets, const Tensor& start, const Phase& phase,
             PassCounts& counts);
  void evaluate(Gradient gradient, const Phase& phase);
  void step(const Phase& phase);
  void checkpoint(const Phase& phase, int iteration);
  Passes passes_of(float losses, const Phase& phase) const;
  void put_away(const Leaving& leaving, const Tensor& found, const Phase& phase,
                const Tensor& answer, PassCounts& counts) const;
  void drop_broken_rows(OpenRows& open, const Phase& phase, const Tensor& answer,
                        PassCounts& counts);

  LogitsFunction logits_;
  Loss loss_;
  ApgdOptions options_;
  std::shared_ptr<Iterates> at_;
};

}  // namespace saddle
