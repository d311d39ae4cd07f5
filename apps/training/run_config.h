// RunConfig: what a training run is, as config.json holds it.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace saddle {

class Device;

struct RunConfig {
  std::string program;                     // who speaks in warnings; not in the file
  nlohmann::json settings;                 // every resolved flag that decides about the result
  nlohmann::json inputs;                   // fingerprints: "train_data", "test_data", "init_from"
  nlohmann::json environment;              // what may differ between a run and its continuation
  std::vector<std::string> warnings = {};  // what its reader should know
  // Files that whoever uses the model needs besides (a vocabulary), by their names in the
  // directory.
  std::map<std::string, std::string> files = {};
};

// The environment of a run on the device: version, device, backends, threads, instruction set,
// processor.
nlohmann::json environment_of(Device& device);

}  // namespace saddle
