// Image classification as a Task: batches of augmented images, cross-entropy or TRADES, the climb
// in x of adversarial training, accuracy.
#pragma once

#include <cstdint>
#include <optional>

#include "apps/common/device_dataset.h"
#include "apps/train/train_options.h"
#include "apps/training/task.h"
#include "apps/training/trainer.h"

namespace saddle {

// On the images of `data`, which must outlive the task, in batches of at most `largest_batch`.
// `scores` is left to whoever has something to test on. Throws Error where the attack is
// impossible.
Task classification_task(const DeviceDataset& data, const ClassificationOptions& options,
                         std::int64_t largest_batch);

// Accuracy and loss on the test images, before them accuracy on the images held out, where there
// are some: robust accuracy after `attack`, where there is one. The data must outlive the result.
std::function<Scores(const Model&)> classification_scores(const DeviceDataset& test,
                                                          const DeviceDataset* validation,
                                                          const std::optional<PgdOptions>& attack,
                                                          std::uint64_t seed);

// A whole training run, from bytes on disk to checkpoints: runs (or goes on with) the run that
// resolved `options` describe.
TrainResult train(const TrainOptions& options);
// The same on data already in memory; options.dataset.name still chooses the augmentation.
TrainResult train(const TrainOptions& options, const Dataset& train_data, const Dataset& test_data);

}  // namespace saddle
