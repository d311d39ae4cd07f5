// Resource: which files an attack on words rests on, for its report. Numbers of attacks with
// different resources are not comparable.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace saddle {

struct Resource {
  std::string kind;                // "hownet", "wordnet", "counter-fitted", "glove"
  std::vector<std::string> files;  // their paths as given
  std::int64_t bytes = 0;          // of all files
  // Of one file its own; of several that of the lines "SHA-256  NAME\n", as `sha256sum` writes them
  // in their folder: `sha256sum vectors.npy words.txt | sha256sum` gives it.
  std::string sha256;
};

// Reads the files whole, at some 170 MB/s. Throws Error where one cannot be read.
Resource describe_resource(const std::string& kind,
                           const std::vector<std::filesystem::path>& files);

}  // namespace saddle
