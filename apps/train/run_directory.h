// RunDirectory: what a training run leaves on disk, written so that a kill at any moment loses
// nothing.
//
//   config.json          every resolved flag, version, device
//   metrics.jsonl        one object an epoch
//   events.out.tfevents.0.saddle   the same for TensorBoard
//   last.safetensors     the model after the newest epoch; best.safetensors the one with the best
//                        test accuracy
//   state.safetensors    what resuming needs: weights, statistics, optimiser, what training
//                        keeps besides, position, metrics
//
// Each file is replaced whole; only the events grow in place, record by record. state.safetensors
// is written last in an epoch and alone decides where a resumed run goes on; what the other files
// hold beyond it is written again, with the same bytes.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

#include "apps/common/classifier.h"
#include "apps/train/training_step.h"
#include "optim/sam.h"

namespace saddle {

// Where a run stands after a whole number of epochs.
struct RunPosition {
  std::int64_t epochs_done = 0;
  std::int64_t steps_done = 0;
  double best_accuracy = -1;            // test accuracy of best.safetensors, percent
  std::vector<nlohmann::json> metrics;  // one an epoch
};

class RunDirectory {
 public:
  enum class Open {
    fresh,      // Error where the directory already holds any of a run's files
    overwrite,  // removes an earlier run's files
    resume,     // keeps them; Error where their settings differ from `settings`, naming them
  };

  // Whether a run in the directory has finished an epoch.
  static bool holds_state(const std::filesystem::path& path);

  // Creates the directory where it is missing and writes config.json: `settings`, under
  // "environment" what may differ between a run and its continuation, and `warnings`.
  RunDirectory(const std::filesystem::path& path, Open mode, const nlohmann::json& settings,
               const nlohmann::json& environment, const std::vector<std::string>& warnings = {});

  // Takes up the newest state, where there is one: fills model, minimiser and what is kept besides,
  // and returns the position.
  RunPosition restore(Classifier& model, Minimiser& minimiser, const KeptState& kept) const;

  // After an epoch: best (if this epoch is the best), last, metrics, state. Best and last hold the
  // averaged model where there is one.
  void save(const Classifier& model, Minimiser& minimiser, const KeptState& kept,
            const RunPosition& position, bool is_best) const;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace saddle
