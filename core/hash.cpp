#include "core/hash.h"

#include <cstring>
#include <span>

#include "core/format.h"

namespace saddle {

std::uint64_t hash_of(Bytes bytes, std::uint64_t before) {
  constexpr std::uint64_t kPrime = 0x100000001b3u;
  std::uint64_t hash = before;
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

std::uint64_t hash_of(std::string_view text, std::uint64_t before) {
  return hash_of(std::as_bytes(std::span(text)), before);
}

std::string hexadecimal(std::uint64_t number) {
  return formatted("%016llx", static_cast<unsigned long long>(number));
}

}  // namespace saddle
