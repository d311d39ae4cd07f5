// TrainingStep: one step on one batch, the loss's two arguments side by side.
//
// min over w of E max over ||v|| <= rho, ||delta|| <= eps of L(w + v, x + delta): the optimiser
// climbs in w where it is SAM, PGD climbs in x where training is adversarial, and both climb the
// same loss.
//
// A whole step, from the bytes of the data set to the new weights, is work that a device may
// capture once and replay: what changes from step to step (which rows, epoch, number, learning
// rate) is read from a few numbers on the device, and the host waits for nothing.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "apps/common/classifier.h"
#include "apps/common/device_dataset.h"
#include "attacks/pgd.h"
#include "core/replay.h"
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
  float ema_decay = 0.f;        // of the averaged model
};

// Of a batch, taken at w before the step.
struct BatchSums {
  double loss = 0;     // the mean
  double correct = 0;  // how many predictions were right
};

// The device's work of the step that `minimiser` has prepared, on the rows of `batch`, moved to
// where the loss is highest if training is adversarial. `weights` are the model's; `number` (i32
// [1]) keys the attack's random start; `sums` [2] receives a BatchSums. `delta` is FreeAT's, of the
// images' shape.
void step_on_batch(const Classifier& model, Minimiser& minimiser, const Parameters& weights,
                   const AttackBatch& batch, const StepOptions& options, std::uint64_t seed,
                   const Tensor& number, const Tensor& sums, const Tensor& delta = {});

// The sums of a step that the device may still be at work on.
class PendingSums {
 public:
  explicit PendingSums(std::unique_ptr<Readback> readback) : readback_(std::move(readback)) {}
  BatchSums wait();

 private:
  std::unique_ptr<Readback> readback_;
};

// What training keeps from step to step besides the model and the minimiser.
struct KeptState {
  std::unique_ptr<Classifier> averaged;  // its weights and statistics follow the model's
  Tensor delta;                          // FreeAT's, [batch size, H, W, C]; a short batch uses the
                                         // first rows

  // By name, for a checkpoint.
  std::vector<NamedState> tensors() const;
};

class TrainingStep {
 public:
  // Works on the model's weights and statistics, in the model's precision, and on what is kept;
  // all of them must outlive it. The weights must not be changed by anyone else. Throws Error where
  // the options' attack is impossible.
  TrainingStep(Classifier& model, Minimiser& minimiser, const DeviceDataset& data,
               const Augmentation& augmentation, const StepOptions& options, std::uint64_t seed,
               const KeptState& kept = {});

  // The order in which the steps to come go through the data, and the epoch that keys augmentation.
  void begin_epoch(const std::vector<std::int32_t>& order, std::uint32_t epoch);

  // A step on `count` examples of the order, from `first` on, at learning rate lr. `number` counts
  // the steps of the run and keys the attack's random start.
  PendingSums operator()(std::int64_t first, std::int64_t count, double lr, std::uint32_t number);

 private:
  struct Captured;  // what belongs to one batch size

  void work(const Captured& at);
  // Of the example-th example of the order, augmented, with batch-norm's running statistics.
  void example_gradient(std::int64_t example, const Tensor& g);

  Classifier& model_;
  Minimiser& minimiser_;
  const DeviceDataset& data_;
  Augmentation augmentation_;
  StepOptions options_;
  std::uint64_t seed_;
  Classifier* averaged_;
  Tensor delta_;
  Parameters weights_;
  std::uint32_t epoch_ = 0;
  Tensor order_;                          // i32 [examples]
  Tensor numbers_;                        // i32 [3]: the three below
  Tensor first_, epoch_number_, number_;  // views of it
  // By batch size and the minimiser's phase.
  std::map<std::pair<std::int64_t, int>, std::shared_ptr<Captured>> captured_;
};

}  // namespace saddle
