// DataPlaces: where the files of a data set may lie.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace saddle {

// In the order of the search: `directory` alone, or, where that is empty, $SADDLE_DATA/NAME,
// ./data/NAME and `system_directory` (empty: no package installs the set). After each the folders
// in it that the published archive unpacks to.
std::vector<std::filesystem::path> places_to_search(const std::string& name,
                                                    const std::vector<std::string>& archive_folders,
                                                    const std::string& system_directory,
                                                    const std::string& directory);

// What cannot be looked into is not there for us.
bool is_there(const std::filesystem::path& path);

// "A, B, C", for a message.
std::string joined_places(const std::vector<std::filesystem::path>& places);

}  // namespace saddle
