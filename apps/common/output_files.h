// OutputFiles: whether the files that a program is to write can be written, found out before the
// work.
#pragma once

#include <span>
#include <string>

namespace saddle {

// Throws UsageError where an output is an input or comes twice, and Error where it cannot be
// written. Empty names are passed over.
void check_outputs(std::span<const std::string> inputs, std::span<const std::string> outputs);

}  // namespace saddle
