// TrainingStep: steps on the batches of a task (batch_step.h), captured where that is faster.
//
// A whole step, from the data set's bytes to the new weights, is work that a device may capture
// once and replay: what changes from step to step (which rows, epoch, number, learning rate) is
// read from a few numbers on the device, and the host waits for nothing.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <tuple>
#include <vector>

#include "apps/training/batch_step.h"
#include "core/replay.h"

namespace saddle {

// Of a batch, taken at w before the step.
struct BatchSums {
  double loss = 0;     // the mean
  double right = 0;    // how many predictions were right
  double counted = 0;  // of how many
};

// The sums of a step that the device may still be at work on.
class PendingSums {
 public:
  explicit PendingSums(std::unique_ptr<Readback> readback) : readback_(std::move(readback)) {}
  BatchSums wait();

 private:
  std::unique_ptr<Readback> readback_;
};

// A model that follows the one that is trained, `decay` at a time (optim/moving_average.h).
struct AveragedModel {
  Model model;
  float decay;

  // Begins as `trained`, in memory of its own.
  AveragedModel(const Model& trained, float decay);
};

class TrainingStep {
 public:
  // Works on the model's weights and statistics, in the model's precision, and on the average where
  // one is given; all of them must outlive it. The weights must not be changed by anyone else.
  TrainingStep(Model& model, Minimiser& minimiser, const Task& task, const StepOptions& options,
               AveragedModel* averaged = nullptr);

  // The order in which the steps to come go through the data, and the epoch that keys augmentation.
  void begin_epoch(const std::vector<std::int32_t>& order, std::uint32_t epoch);

  // A step on `count` examples of the order, from `first` on, at learning rate lr. `number` counts
  // the steps of the run and keys what is drawn in it.
  PendingSums operator()(std::int64_t first, std::int64_t count, double lr, std::uint32_t number);

 private:
  struct Captured;  // what belongs to one batch size

  std::int64_t prepare_batch(std::span<const std::int32_t> indices, std::uint32_t number);
  void work(Captured& at);
  // Of the example-th example of the order, augmented, with batch-norm's running statistics.
  void example_gradient(std::int64_t example, const Tensor& g);

  Model& model_;
  Minimiser& minimiser_;
  const Task& task_;
  StepOptions options_;
  AveragedModel* averaged_;
  Parameters weights_;
  std::uint32_t epoch_ = 0;
  std::vector<std::int32_t> order_on_host_;
  Tensor order_;                          // i32 [examples]
  Tensor numbers_;                        // i32 [3]: the three below
  Tensor first_, epoch_number_, number_;  // views of it
  // By batch size, the shape that the task says, and the minimiser's phase.
  std::map<std::tuple<std::int64_t, std::int64_t, int>, std::shared_ptr<Captured>> captured_;
};

}  // namespace saddle
