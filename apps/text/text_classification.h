// TextClassification: naming texts, as a Task.
#pragma once

#include <functional>
#include <optional>

#include "apps/text/text_batches.h"
#include "apps/text/train_options.h"
#include "apps/training/task.h"
#include "apps/training/trainer.h"

namespace saddle {

// Trains on the batches, which must outlive the task; `width` is that of an embedding. `scores` is
// left to whoever has something to test on.
Task text_task(TextBatches& batches, std::int64_t texts, std::int64_t width,
               const std::optional<EmbeddingPgdOptions>& climb);

// Texts that are to be scored by, as numbers.
struct ScoredTexts {
  EncodedTexts texts;
  std::vector<std::int32_t> labels;
};

// Accuracy and loss on the test texts and, where there are any, on the validation texts, whose
// accuracy comes first then. What is handed over must outlive the result.
std::function<Scores(const Model&)> text_scores(const ScoredTexts& test,
                                                const ScoredTexts* validation);

// A whole training run, from bytes on disk to checkpoints: runs (or goes on with) the run that
// resolved `options` describe. The run's directory also receives vocab.txt.
TrainResult train(const TextTrainOptions& options);

}  // namespace saddle
