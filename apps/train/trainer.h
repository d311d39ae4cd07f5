// train: a whole training run, from bytes on disk to checkpoints.
#pragma once

#include "apps/train/train_options.h"

namespace saddle {

struct TrainResult {
  double test_accuracy = 0;  // of the last epoch, percent
  double best_accuracy = 0;  // of the best epoch, that which it was chosen by
  double seconds = 0;        // of training steps, this process
};

// Runs (or goes on with) the run that resolved `options` describe; the files are those of
// RunDirectory. Throws Error where the loss stops being finite, naming epoch and step; checkpoints
// keep the last good epoch.
TrainResult train(const TrainOptions& options);
// The same on data already in memory; options.dataset.name still chooses the augmentation.
TrainResult train(const TrainOptions& options, const Dataset& train_data, const Dataset& test_data);

}  // namespace saddle
