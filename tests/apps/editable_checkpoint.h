// A checkpoint to be changed and written again.
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/safetensors.h"

namespace saddle {

// A file's tensors and metadata, to be changed and written again.
struct Editable {
  struct Entry {
    DType dtype;
    Shape shape;
    std::vector<std::byte> bytes;
  };
  std::map<std::string, Entry> tensors;
  Metadata metadata;

  explicit Editable(const std::filesystem::path& path);
  void set(const std::string& name, const Shape& shape, const std::vector<float>& values);
  // Puts `prefix` before every name.
  void wrap(const std::string& prefix);
  void set_first(const std::string& name, float value);
  // Sets one entry of the "saddle" object.
  void describe(const std::string& key, const nlohmann::json& value);
  void save(const std::filesystem::path& path) const;
};

}  // namespace saddle
