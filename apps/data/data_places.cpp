#include "apps/data/data_places.h"

#include <cstdlib>
#include <system_error>

#include "core/format.h"

namespace saddle {

namespace fs = std::filesystem;

std::vector<fs::path> places_to_search(const std::string& name,
                                       const std::vector<std::string>& archive_folders,
                                       const std::string& system_directory,
                                       const std::string& directory) {
  std::vector<fs::path> roots;
  if (!directory.empty()) {
    roots.emplace_back(directory);
  } else {
    const char* data = std::getenv("SADDLE_DATA");
    if (data && *data) roots.push_back(fs::path(data) / name);
    roots.push_back(fs::path("data") / name);
    if (!system_directory.empty()) roots.emplace_back(system_directory);
  }
  std::vector<fs::path> places;
  for (const fs::path& root : roots) {
    places.push_back(root);
    for (const std::string& folder : archive_folders) places.push_back(root / folder);
  }
  return places;
}

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

std::string joined_places(const std::vector<fs::path>& places) {
  std::vector<std::string> names;
  for (const fs::path& place : places) names.push_back(place.string());
  return joined(names);
}

}  // namespace saddle
