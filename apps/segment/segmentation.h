// Segmentation as a Task: crops, cross-entropy over pixels, the climb in x of adversarial training,
// mIoU.
#pragma once

#include "apps/segment/evaluate_pixels.h"
#include "apps/segment/train_options.h"
#include "apps/training/task.h"
#include "apps/training/trainer.h"

namespace saddle {

// Cross-entropy over the pixels that have a class, times the weights of the classes, f32 [K], where
// there are any.
Loss pixel_cross_entropy_loss(const Tensor& class_weights = {});

// Trains on the crops, which must outlive the task. `scores` is left to whoever has something to
// test on. `mean` and `std` are the model's, f32 [channels].
Task segmentation_task(CropBatches& crops, std::int64_t images, const Tensor& class_weights,
                       const std::optional<PixelClimbOptions>& climb, std::uint64_t seed,
                       const Tensor& mean, const Tensor& std);

// mIoU, pixel accuracy, mean class accuracy and loss on the set, which must outlive the result.
std::function<Scores(const Model&)> segmentation_scores(const SegmentationSet& test,
                                                        PixelRange range, std::int64_t batch_size);

// A whole training run, from bytes on disk to checkpoints: runs (or goes on with) the run that
// resolved `options` describe.
TrainResult train(const SegmentTrainOptions& options);
// The same on data already in memory.
TrainResult train(const SegmentTrainOptions& options, const SegmentationSet& train_data,
                  const SegmentationSet& test_data);

}  // namespace saddle
