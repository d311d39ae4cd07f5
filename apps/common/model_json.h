// Model JSON: the text by which a checkpoint describes its model.
#pragma once

#include <string>

#include "layers/model.h"

namespace saddle {

// The metadata entry "saddle" (checkpoint.h), and what it says. Reading throws Error, or an
// exception of the JSON library, where it is not what Saddle writes.
std::string model_json(const ModelDescription& description);
ModelDescription parse_model_json(const std::string& metadata);

}  // namespace saddle
