// Fuzzes the text by which a checkpoint describes its model: refused, or a name for each class.
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "apps/common/model_json.h"
#include "core/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const saddle::ModelDescription model =
        saddle::parse_model_json({reinterpret_cast<const char*>(data), size});
    const bool named = !model.class_names.empty();
    if (named && std::ssize(model.class_names) != model.network.classes) std::abort();
  } catch (const saddle::Error&) {
    // refused
  } catch (const nlohmann::json::exception&) {
    // refused
  }
  return 0;
}
