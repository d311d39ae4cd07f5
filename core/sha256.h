// SHA-256 (FIPS 180-4): tells contents apart beyond chance or malice, and anybody can repeat it
// with `sha256sum`. Data sets and word lists are named by it; hash.h is faster and protects against
// nobody.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace saddle {

// 64 hexadecimal digits.
std::string sha256(std::span<const std::uint8_t> bytes);

}  // namespace saddle
