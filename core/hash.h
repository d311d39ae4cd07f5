// Hash: numbers that tell contents apart and protect against nobody.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/file.h"

namespace saddle {

constexpr std::uint64_t kHashOfNothing = 0xcbf29ce484222325u;

// FNV-1a over 8 bytes at a time (the rest one by one) and the length, going on from `before`: parts
// "ab" and "c" are not "a" and "bc".
std::uint64_t hash_of(Bytes bytes, std::uint64_t before = kHashOfNothing);
std::uint64_t hash_of(std::string_view text, std::uint64_t before = kHashOfNothing);

// 16 digits.
std::string hexadecimal(std::uint64_t number);

}  // namespace saddle
