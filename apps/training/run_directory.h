// RunDirectory: what a training run leaves on disk, written so that a kill at any moment loses
// nothing.
//
//   config.json          every resolved flag, the inputs' fingerprints, version, device
//   metrics.jsonl        one object an epoch
//   events.out.tfevents.0.saddle   the same for TensorBoard
//   last.safetensors     the model after the newest epoch; best.safetensors the one with the best
//                        score, as the task chooses
//   plans.json           which implementation took each of the convolutions, where that was
//                        measured: a resumed run goes on with them
//   state.safetensors    what resuming needs: weights, statistics, optimiser, what training
//                        keeps besides, position, metrics
//
// Each file is replaced whole; only the events grow in place, record by record. state.safetensors
// is written last in an epoch and alone decides where a resumed run goes on; what the other files
// hold beyond it is written again, with the same bytes. It names the run it belongs to, by a
// fingerprint of settings and inputs. A directory has one writer at a time.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "apps/training/run_json.h"
#include "core/directory_lock.h"
#include "layers/model.h"
#include "optim/sam.h"

namespace saddle {

struct RunConfig;

// What a state file holds of the training itself.
struct SavedParts {
  Model& model;
  Minimiser& minimiser;
  Model* averaged;               // tested and saved in the model's place; null: none
  std::vector<NamedState> kept;  // what the task keeps besides
};

class RunDirectory {
 public:
  enum class Open {
    fresh,      // Error where the directory already holds any of a run's files
    overwrite,  // removes an earlier run's files
    // Keeps them; Error where settings or inputs differ from theirs, naming each. More epochs than
    // theirs are no difference where nothing before the end depends on their number.
    resume,
  };

  // Whether a run in the directory has finished an epoch.
  static bool holds_state(const std::filesystem::path& path);

  // Creates the directory where it is missing, locks it for as long as this lives and writes
  // config.json. Error where another training has it. An input that is not named any more is taken
  // to be what it was.
  RunDirectory(const std::filesystem::path& path, Open mode, RunConfig config);

  // Takes up the newest state, where there is one: fills the parts and returns the position. Error
  // where the state is another run's.
  RunPosition restore(const SavedParts& parts) const;

  // After an epoch: best (if this epoch is the best), last, metrics, state. Best and last hold the
  // averaged model where there is one.
  void save(const SavedParts& parts, const RunPosition& position, bool is_best) const;

  const std::filesystem::path& path() const { return path_; }

 private:
  void check_resumable(RunConfig& config) const;

  std::filesystem::path path_;
  std::optional<DirectoryLock> lock_;
  std::string program_, identity_;  // identity: of the run, in its state
};

}  // namespace saddle
