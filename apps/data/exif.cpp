#include "apps/data/exif.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

namespace saddle {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t kEntryBytes = 12;  // tag, type, count, value
constexpr unsigned kOrientation = 0x0112, kShort = 3;

bool begins_with(Bytes bytes, std::string_view start) {
  return bytes.size() >= start.size() &&
         std::ranges::equal(bytes.first(start.size()), std::as_bytes(std::span(start)));
}

// Numbers of a TIFF file in its byte order; 0 where they would lie outside.
class Tiff {
 public:
  Tiff(Bytes bytes, bool big_endian) : bytes_(bytes), big_endian_(big_endian) {}

  unsigned u16(std::size_t at) const {
    if (at + 2 > bytes_.size()) return 0;
    const auto first = std::to_integer<unsigned>(bytes_[at]);
    const auto second = std::to_integer<unsigned>(bytes_[at + 1]);
    return big_endian_ ? first << 8 | second : second << 8 | first;
  }
  std::size_t u32(std::size_t at) const {
    const std::size_t first = u16(at), second = u16(at + 2);
    return big_endian_ ? first << 16 | second : second << 16 | first;
  }

 private:
  Bytes bytes_;
  bool big_endian_;
};

}  // namespace

int exif_orientation(Bytes bytes) {
  if (begins_with(bytes, "Exif\0\0"sv)) bytes = bytes.subspan(6);
  const bool big_endian = begins_with(bytes, "MM\0*"sv);
  if (!big_endian && !begins_with(bytes, "II*\0"sv)) return 1;
  const Tiff tiff(bytes, big_endian);
  const std::size_t directory = tiff.u32(4);
  const std::size_t entries = tiff.u16(directory);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t at = directory + 2 + i * kEntryBytes;
    if (at + kEntryBytes > bytes.size()) return 1;
    if (tiff.u16(at) != kOrientation) continue;
    const unsigned value = tiff.u16(at + 2) == kShort ? tiff.u16(at + 8) : 0;
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

}  // namespace saddle
