// PNGs that were changed, made sound again as far as checksums go.
#pragma once

#include <cstddef>
#include <vector>

#include <zlib.h>

namespace saddle {

// The same bytes with the right checksum in each chunk; without it nearly every change of a PNG
// would be noticed there, and nothing behind.
inline std::vector<std::byte> with_right_checksums(std::vector<std::byte> bytes) {
  for (std::size_t at = 8; at + 12 <= bytes.size();) {
    std::size_t length = 0;
    for (std::size_t i = at; i < at + 4; ++i)
      length = length << 8 | std::to_integer<std::size_t>(bytes[i]);
    if (length > bytes.size() - at - 12) break;
    const auto sum = crc32(0, reinterpret_cast<const Bytef*>(bytes.data() + at + 4),
                           static_cast<uInt>(length + 4));
    for (std::size_t i = 0; i < 4; ++i)
      bytes[at + 8 + length + i] = std::byte(sum >> (24 - 8 * i) & 0xff);
    at += 12 + length;
  }
  return bytes;
}

}  // namespace saddle
