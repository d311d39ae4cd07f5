// SHA-256 (FIPS 180-4), for bytes that other programs make, too: a test stores their hash alone.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace saddle {

// 64 hexadecimal digits.
std::string sha256(std::span<const std::uint8_t> bytes);

}  // namespace saddle
