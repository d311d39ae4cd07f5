// The training loop of any task: epochs, learning rates, checkpoints, resuming, metrics.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apps/training/batches.h"
#include "apps/training/run_directory.h"
#include "apps/training/training_step.h"

namespace saddle {

// Where a training stands in front of a step, both counted from 0.
struct Place {
  std::int64_t epoch, step;  // step: of the whole run
};

// What every training is told, whatever its task.
struct TrainerOptions {
  std::int64_t epochs = 100, batch_size = 128;
  std::optional<std::int64_t> steps;  // at most; the last epoch may be cut short by them
  std::int64_t score_every = 1;       // epochs from one score, with its checkpoints, to the next
  std::int64_t replays = 1;           // steps on each batch before the next one
  LastBatch last_batch = LastBatch::kept;
  bool shuffle = true;
  std::function<double(const Place& place)> learning_rate;
  std::optional<double> ema;  // decay of a moving average, tested and saved in the model's place
  StepOptions step;           // its seed is the run's
  std::filesystem::path output;
  RunDirectory::Open mode = RunDirectory::Open::fresh;
  bool quiet = false;
  std::string against_divergence;  // what to do about it, "Lower --lr"
};

struct TrainResult {
  // The last line of metrics.jsonl; empty where the run has none.
  std::vector<std::pair<std::string, double>> scores;
  double best = 0;     // the highest value that an epoch was chosen by
  double seconds = 0;  // of training steps, this process

  // Of the last epoch; throws Error where it has no such score.
  double score(const std::string& key) const;
};

// Runs (or goes on with) a run; the files are those of RunDirectory. `remarks` are told as warnings
// once it is sure that the run can be had. Throws Error where the loss stops being finite, naming
// epoch and step; checkpoints keep the last good epoch that was scored.
TrainResult run_training(const TrainerOptions& options, const Task& task, Model& model,
                         Minimiser& minimiser, const RunConfig& config,
                         const std::vector<std::string>& remarks = {});

}  // namespace saddle
