// TrainingStep: steps on the batches of a data set (batch_step.h), captured where that is faster.
//
// A whole step, from the bytes of the data set to the new weights, is work that a device may
// capture once and replay: what changes from step to step (which rows, epoch, number, learning
// rate) is read from a few numbers on the device, and the host waits for nothing.
#pragma once

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "apps/common/classifier.h"
#include "apps/common/device_dataset.h"
#include "apps/train/batch_step.h"
#include "apps/train/mixing.h"
#include "core/replay.h"

namespace saddle {

// Of a batch, taken at w before the step.
struct BatchSums {
  double loss = 0;     // the mean
  double correct = 0;  // how many predictions were right
};

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

  void work(Captured& at);
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
  DeviceMix mix_;
  Parameters weights_;
  std::uint32_t epoch_ = 0;
  Tensor order_;                          // i32 [examples]
  Tensor numbers_;                        // i32 [3]: the three below
  Tensor first_, epoch_number_, number_;  // views of it
  // By batch size and the minimiser's phase.
  std::map<std::pair<std::int64_t, int>, std::shared_ptr<Captured>> captured_;
};

}  // namespace saddle
