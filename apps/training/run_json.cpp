#include "apps/training/run_json.h"

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/json_text.h"

namespace saddle {
namespace {

using Json = nlohmann::json;

// Of steps, epochs or batches.
std::int64_t count(const Json& json) {
  constexpr std::int64_t kMost = std::int64_t{1} << 53;
  require(json.is_number_integer() && json >= 0 && json <= kMost, "a count is none");
  return json.get<std::int64_t>();
}

}  // namespace

SavedPosition parse_position(const std::string& text) {
  const Json json = parse_json(text);
  require(json.at("metrics").is_array(), "the metrics are no list");
  SavedPosition saved;
  saved.run = json.value("run", "");
  saved.position = {count(json.at("epochs_done")), count(json.at("steps_done")),
                    json.at("best_accuracy"), json.at("metrics")};
  saved.batches_tracked = count(json.at("batches_tracked"));
  saved.optimizer_steps = count(json.at("optimizer_steps"));
  std::int64_t last = 0;
  for (const Json& epoch : saved.position.metrics) {
    for (const char* key : {"epoch", "seconds"}) {
      require(epoch.contains(key), "an epoch's metrics lack ", key);
    }
    for (const auto& [key, value] : epoch.items()) {
      require(value.is_number(), "a metric is no number");
    }
    const std::int64_t number = count(epoch.at("epoch"));
    require(number > last, "the epochs are not in their order");
    last = number;
  }
  require(saved.position.epochs_done == last, "the metrics end at another epoch");
  return saved;
}

Json parse_config(Bytes text) {
  Json json = parse_json(text);
  require(json.is_object(), "not a JSON object");
  for (const char* part : {"settings", "inputs", "environment"}) {
    require(json.contains(part) && json.at(part).is_object(),
            "not a run's: it does not say what the run began with (", part, ")");
  }
  return json;
}

}  // namespace saddle
