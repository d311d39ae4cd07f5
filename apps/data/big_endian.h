// BigEndian: numbers whose first byte is the highest, as idx files and PNGs have them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/file.h"

namespace saddle {

// Of the four bytes at `offset`, which must be there.
inline std::uint32_t big_endian_u32(Bytes bytes, std::size_t offset) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    value = value << 8 | std::to_integer<std::uint32_t>(bytes[offset + i]);
  }
  return value;
}

}  // namespace saddle
