// Run JSON: what the JSON of a training run says, checked, before anything is believed of it.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/file.h"

namespace saddle {

// Where a run stands after a whole number of epochs.
struct RunPosition {
  std::int64_t epochs_done = 0;
  std::int64_t steps_done = 0;
  double best_score = -1;               // of best.safetensors, that which it was chosen by
  std::vector<nlohmann::json> metrics;  // one for each epoch that was scored, in their order
};

// The metadata of state.safetensors.
struct SavedPosition {
  std::string run;  // the fingerprint of the run it belongs to
  RunPosition position;
  std::int64_t batches_tracked = 0, optimizer_steps = 0;
};

// Throws Error, or an exception of the JSON library, where the text is not what a run writes or its
// numbers contradict each other.
SavedPosition parse_position(const std::string& text);

// config.json: an object with the objects "settings", "inputs" and "environment". Throws Error
// without the file's name.
nlohmann::json parse_config(Bytes text);

}  // namespace saddle
