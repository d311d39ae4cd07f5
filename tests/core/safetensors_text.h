// Safetensors files written out as text, sound or not, for the tests of their reader.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/safetensors.h"

namespace saddle {

inline std::vector<std::byte> bytes_of(std::string_view text) {
  const Bytes bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

inline std::string text_of(Bytes bytes) {
  std::string text(bytes.size(), '\0');
  std::ranges::transform(bytes, text.begin(), [](std::byte b) { return static_cast<char>(b); });
  return text;
}

// A file as its three parts: the length as given, the header, the data.
inline std::string file_with_length(std::uint64_t length, const std::string& header,
                                    const std::string& data = "") {
  std::string file(8, '\0');
  std::memcpy(file.data(), &length, 8);
  return file + header + data;
}

inline std::string file_with(const std::string& header, const std::string& data = "") {
  return file_with_length(header.size(), header, data);
}

// {"a": ...} for one tensor given by the JSON of its fields.
inline std::string one_tensor(const std::string& dtype, const std::string& shape,
                              const std::string& offsets) {
  return "{\"a\":{\"dtype\":" + dtype + ",\"shape\":" + shape + ",\"data_offsets\":" + offsets +
         "}}";
}

inline SafetensorsFile parsed(const std::string& file) {
  return SafetensorsFile::parse(bytes_of(file), "test.safetensors");
}

template <class Action>
std::string message_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no Error was thrown";
}

template <class T>
Bytes view(const std::vector<T>& values) {
  return std::as_bytes(std::span(values));
}

}  // namespace saddle
