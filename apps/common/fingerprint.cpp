#include "apps/common/fingerprint.h"

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <span>

#include "core/file.h"
#include "core/safetensors.h"

namespace saddle {
namespace {

std::string hexadecimal(std::uint64_t number) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(number));
  return digits;
}

// FNV-1a over 8 bytes at a time (the rest one by one).
std::uint64_t hash_of(Bytes bytes, std::uint64_t hash = 0xcbf29ce484222325u) {
  constexpr std::uint64_t kPrime = 0x100000001b3u;
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, 8);
    hash = (hash ^ word) * kPrime;
    hash ^= hash >> 32;  // else the upper bytes of a word would reach no lower bit
  }
  for (; i < bytes.size(); ++i) hash = (hash ^ std::to_integer<std::uint64_t>(bytes[i])) * kPrime;
  return (hash ^ bytes.size()) * kPrime;
}

template <class T>
std::uint64_t hash_with(std::uint64_t hash, const T& values) {
  return hash_of(std::as_bytes(std::span(values)), hash);
}

}  // namespace

std::string fingerprint_of_file(const std::filesystem::path& path) {
  return hexadecimal(hash_of(read_file(path, SafetensorsFile::kMaxFileBytes)));
}

std::string fingerprint_of_text(std::string_view text) {
  return hexadecimal(hash_of(std::as_bytes(std::span(text))));
}

std::string fingerprint_of_data(const Dataset& data) {
  std::uint64_t hash = hash_of(std::as_bytes(std::span(data.pixels)));
  hash = hash_with(hash, data.labels);
  hash = hash_with(hash, std::array{data.height, data.width, data.channels, data.classes});
  hash = hash_with(hash_with(hash, data.mean), data.std);
  for (const std::string& name : data.class_names) hash = hash_with(hash, name);
  return hexadecimal(hash);
}

}  // namespace saddle
