#include "tests/support/source_directory.h"

#include <cstdlib>

namespace saddle {

std::filesystem::path source_directory() {
  const char* elsewhere = std::getenv("SADDLE_SOURCE_DIR");
  return elsewhere && *elsewhere ? elsewhere : SADDLE_SOURCE_DIR;
}

}  // namespace saddle
