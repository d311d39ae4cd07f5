// Model JSON: the text by which a checkpoint describes its model.
#pragma once

#include <string>

#include "layers/model.h"

namespace saddle {

// What the metadata entry "saddle" says (checkpoint.h). Throws Error, or an exception of the JSON
// library, where it is not what Saddle writes.
ModelDescription parse_model_json(const std::string& metadata);

}  // namespace saddle
