// Fuzzes config.json and the position of a training run: refused, or numbers that agree.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "apps/training/run_json.h"
#include "core/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const saddle::SavedPosition saved =
        saddle::parse_position({reinterpret_cast<const char*>(data), size});
    std::int64_t last = 0;
    for (const nlohmann::json& epoch : saved.position.metrics) {
      if (epoch.at("epoch") <= last) std::abort();
      last = epoch.at("epoch");
    }
    if (saved.position.epochs_done != last) std::abort();
    if (saved.batches_tracked < 0 || saved.optimizer_steps < 0) std::abort();
  } catch (const saddle::Error&) {
    // refused
  } catch (const nlohmann::json::exception&) {
    // refused
  }
  try {
    const nlohmann::json config = saddle::parse_config(std::as_bytes(std::span(data, size)));
    if (!config.at("settings").is_object()) std::abort();
  } catch (const saddle::Error&) {
    // refused
  }
  return 0;
}
