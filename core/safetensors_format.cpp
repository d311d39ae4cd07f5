#include "core/safetensors_format.h"

#include <algorithm>

namespace saddle::safetensors {

const char* file_name_of(DType dtype) {
  for (const DTypeName& known : kDTypes) {
    if (known.dtype == dtype) return known.name;
  }
  return "?";
}

std::string shown(std::string_view raw) {
  constexpr std::size_t kLongest = 80;
  constexpr const char* kHex = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : raw.substr(0, kLongest)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (byte >= 0x20 && byte < 0x7f) {
      out += c;
    } else {
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out + (raw.size() > kLongest ? "...\"" : "\"");
}

bool holds_only_truth_values(Bytes bytes) {
  return std::ranges::all_of(bytes, [](std::byte byte) { return byte <= std::byte{1}; });
}

}  // namespace saddle::safetensors
