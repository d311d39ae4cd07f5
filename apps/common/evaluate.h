// Evaluate: how often a model is right, on clean images and on what an attack made of them.
//
// All accuracies are percentages of all examples.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "apps/common/device_dataset.h"
#include "apps/common/progress.h"
#include "attacks/attack_run.h"

namespace saddle {

// The whole data set, in batches. Throws Error where a logit is not finite or a label is not a
// class of the model, naming the example.
Evaluation evaluate(const LogitsFunction& logits, const DeviceDataset& data,
                    std::int64_t batch_size, Progress* progress = nullptr);

// What the model takes each of the images [N, H, W, C] for, in batches; `image` is [H, W, C].
// Throws Error where a logit is not finite.
std::vector<std::int32_t> predict_images(const LogitsFunction& logits, Device& device,
                                         std::span<const float> images, const Shape& image,
                                         std::int64_t batch_size);

// A whole AttackRun.
AttackResult evaluate_attack(const LogitsFunction& logits, const DeviceDataset& data,
                             const Evaluation& clean, const Attack& attack, AttackedExamples which,
                             std::int64_t batch_size, Progress* progress = nullptr);

}  // namespace saddle
