// Task: all that the training loop has to know of an experiment.
//
// The loop trains a Model on batches, a loss and two climbs; it knows neither images nor labels nor
// text. A program fills in a Task and hands both to train() (trainer.h).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/loss.h"
#include "layers/model.h"
#include "optim/optimizer.h"

namespace saddle {

// The climb in x: how the inputs of a batch become those that the weights descend on. Batches of it
// may be neighbouring rows of a larger one, from row `first` on.
struct Climb {
  // x_hat of a batch, in front of the step. f is the network at the weights as they are, in mode
  // `batch_norm`; `step`, i32 [1] on the device, numbers the steps. Empty: x_hat is batch.inputs.
  std::function<Tensor(const LogitsFunction& f, const Batch& batch, const Tensor& step,
                       std::int64_t first)>
      before = {};
  // Receives dL/dx at x_hat of the pass that the step makes for the weights. Empty: it is not
  // computed. Not for steps of two passes (SAM), or on a choice of rows.
  std::function<void(const Batch& batch, const Tensor& dx, std::int64_t first)> along = {};
  BatchNormMode batch_norm = BatchNormMode::update;
};

// How good a model is, by the keys of metrics.jsonl, at least one; the first chooses
// best.safetensors, the higher the better.
struct Scores {
  std::vector<std::pair<std::string, double>> values;
  std::string line;  // the same for a reader, "test loss 0.3124, accuracy 90.12 %"
};

// What the host knows of a batch in front of the device's work on it.
struct Upcoming {
  std::span<const std::int32_t> indices;  // [N]
  std::uint32_t epoch, step;
};

struct Task {
  std::string unit = "examples";      // of throughput, in the plural
  std::string accuracy = "accuracy";  // what the share of right predictions is called
  std::int64_t examples = 0;          // of the training set
  // Those at `indices`, i32 [N], as epoch `epoch`, i32 [1], shows them. Both are on the device, and
  // what is done is device work, for it may be captured and replayed.
  std::function<Batch(const Tensor& indices, const Tensor& epoch)> batch;
  // What a step does to its batch as a whole (Mixup): device work. Empty: nothing.
  std::function<void(Batch& batch)> mix = {};
  // The host's part of a batch, in front of `batch` and `mix`: puts on the device what these read
  // there, always in the same place. Returns what the batch's shape has besides the number of
  // examples (how long its longest sentence is): steps of one shape may be replayed. Empty: there
  // is nothing to do, and one shape.
  std::function<std::int64_t(const Upcoming& upcoming)> prepare = {};
  Loss loss;        // what is minimised
  Loss likelihood;  // -log p(target) alone: what a Fisher matrix is made of
  Climb climb = {};
  // After each epoch. Throws Error where the model's answers are not finite.
  std::function<Scores(const Model& model)> scores;
  std::vector<NamedState> kept = {};  // buffers a checkpoint must hold besides the loop's own
};

}  // namespace saddle
