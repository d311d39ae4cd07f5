#include "apps/common/fingerprint.h"

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <span>

#include "core/file.h"
#include "core/hash.h"
#include "core/safetensors.h"

namespace saddle {
namespace {

template <class T>
std::uint64_t hash_with(std::uint64_t hash, const T& values) {
  return hash_of(std::as_bytes(std::span(values)), hash);
}

}  // namespace

std::string fingerprint_of_file(const std::filesystem::path& path) {
  return hexadecimal(hash_of(read_file(path, SafetensorsFile::kMaxFileBytes)));
}

std::string fingerprint_of_text(std::string_view text) { return hexadecimal(hash_of(text)); }

std::string fingerprint_of_data(const Dataset& data) {
  std::uint64_t hash = hash_of(std::as_bytes(std::span(data.pixels)));
  hash = hash_with(hash, data.labels);
  hash = hash_with(hash, std::array{data.height, data.width, data.channels, data.classes});
  hash = hash_with(hash_with(hash, data.mean), data.std);
  for (const std::string& name : data.class_names) hash = hash_with(hash, name);
  return hexadecimal(hash);
}

}  // namespace saddle
