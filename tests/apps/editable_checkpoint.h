// A checkpoint to be changed and written again.
#pragma once

#include <cstring>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
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

  explicit Editable(const std::filesystem::path& path) {
    const SafetensorsFile file = SafetensorsFile::load(path);
    for (const auto& [name, tensor] : file.tensors()) {
      tensors[name] = {tensor.dtype, tensor.shape, {tensor.bytes.begin(), tensor.bytes.end()}};
    }
    metadata = file.metadata();
  }
  void set(const std::string& name, const Shape& shape, const std::vector<float>& values) {
    const auto bytes = std::as_bytes(std::span(values));
    tensors[name] = {DType::f32, shape, {bytes.begin(), bytes.end()}};
  }
  // Puts `prefix` before every name.
  void wrap(const std::string& prefix) {
    decltype(tensors) wrapped;
    for (auto& [name, entry] : tensors) wrapped[prefix + name] = std::move(entry);
    tensors = std::move(wrapped);
  }
  void set_first(const std::string& name, float value) {
    std::memcpy(tensors.at(name).bytes.data(), &value, sizeof value);
  }
  // Sets one entry of the "saddle" object.
  void describe(const std::string& key, const nlohmann::json& value) {
    nlohmann::json json = nlohmann::json::parse(metadata.at("saddle"));
    json[key] = value;
    metadata["saddle"] = json.dump();
  }
  void save(const std::filesystem::path& path) const {
    std::vector<NamedTensor> entries;
    for (const auto& [name, entry] : tensors)
      entries.push_back({name, entry.dtype, entry.shape, entry.bytes});
    save_safetensors(path, entries, metadata);
  }
};

}  // namespace saddle
