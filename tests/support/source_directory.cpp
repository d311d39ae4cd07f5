#include "tests/support/source_directory.h"

namespace saddle {

std::filesystem::path source_directory() { return SADDLE_SOURCE_DIR; }

}  // namespace saddle
