#include "apps/common/source_path.h"

#include <cstdlib>
#include <filesystem>

namespace saddle {

std::string source_path(const std::string& path) {
  const char* elsewhere = std::getenv("SADDLE_SOURCE_DIR");
  const std::filesystem::path tree = elsewhere && *elsewhere ? elsewhere : SADDLE_SOURCE_DIR;
  return (tree / path).string();
}

}  // namespace saddle
