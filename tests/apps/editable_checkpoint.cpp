#include "tests/apps/editable_checkpoint.h"

#include <cstring>
#include <nlohmann/json.hpp>

#include "core/json_text.h"

namespace saddle {

Editable::Editable(const std::filesystem::path& path) {
  const SafetensorsFile file = SafetensorsFile::load(path);
  for (const auto& [name, tensor] : file.tensors()) {
    tensors[name] = {tensor.dtype, tensor.shape, {tensor.bytes.begin(), tensor.bytes.end()}};
  }
  metadata = file.metadata();
}

void Editable::set(const std::string& name, const Shape& shape, const std::vector<float>& values) {
  const auto bytes = std::as_bytes(std::span(values));
  tensors[name] = {DType::f32, shape, {bytes.begin(), bytes.end()}};
}

void Editable::wrap(const std::string& prefix) {
  decltype(tensors) wrapped;
  for (auto& [name, entry] : tensors) wrapped[prefix + name] = std::move(entry);
  tensors = std::move(wrapped);
}

void Editable::set_first(const std::string& name, float value) {
  std::memcpy(tensors.at(name).bytes.data(), &value, sizeof value);
}

void Editable::describe(const std::string& key, const nlohmann::json& value) {
  nlohmann::json json = parse_json(metadata.at("saddle"));
  json[key] = value;
  metadata["saddle"] = json_text(json);
}

void Editable::save(const std::filesystem::path& path) const {
  std::vector<NamedTensor> entries;
  for (const auto& [name, entry] : tensors) {
    entries.push_back({name, entry.dtype, entry.shape, entry.bytes});
  }
  save_safetensors(path, entries, metadata);
}

}  // namespace saddle
