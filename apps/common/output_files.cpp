#include "apps/common/output_files.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "core/error.h"
#include "core/file.h"

namespace saddle {

void check_outputs(std::span<const std::string> inputs, std::span<const std::string> outputs) {
  const auto canonical = [](const std::string& path) {
    std::error_code ignored;
    return std::filesystem::weakly_canonical(path, ignored);
  };
  std::vector<std::filesystem::path> taken;
  for (const std::string& path : inputs) taken.push_back(canonical(path));
  for (const std::string& path : outputs) {
    if (path.empty()) continue;
    if (std::ranges::count(taken, canonical(path)) > 0) {
      throw UsageError(
          text(path, " would be written over the checkpoint or another output. Name another file"));
    }
    taken.push_back(canonical(path));
    const AtomicFile probe(path);  // its temporary file goes away again
  }
}

}  // namespace saddle
