// What saddle-bench prints of a single row's step, each a table, and returns as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "apps/bench/peer.h"

namespace saddle::bench {

// "preact_resnet10 --width 16", "deeplabv3_resnet50 96x96"
std::string shown_model(const BenchModel& model);

// Where the step's time goes.
nlohmann::json table_of_parts(Device& device, const Row& row, double seconds);
// How fast its convolutions are.
nlohmann::json table_of_convolutions(Device& device, const Row& row, double seconds);
// What it would ask of a GPU.
nlohmann::json table_of_nodes(const Row& row);

}  // namespace saddle::bench
