#include "core/printable.h"

#include <cstdint>

#include "core/unicode.h"

namespace saddle {
namespace {

std::uint32_t byte_at(std::string_view text, std::size_t i) {
  return static_cast<unsigned char>(text[i]);
}

bool continues(std::string_view text, std::size_t i) { return (byte_at(text, i) & 0xc0) == 0x80; }

bool is_harmless(char32_t code) {
  if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return false;
  // Line separators, and what turns the direction: a path could be made to read as another.
  if (code >= 0x2028 && code <= 0x202e) return false;
  return code != 0x200e && code != 0x200f && !(code >= 0x2066 && code <= 0x2069);
}

void append_escaped(std::string& out, std::string_view bytes) {
  constexpr const char* kHex = "0123456789abcdef";
  if (bytes == "\n") {
    out += "\\n";
  } else if (bytes == "\r") {
    out += "\\r";
  } else if (bytes == "\t") {
    out += "\\t";
  } else {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      out += {'\\', 'x', kHex[byte_at(bytes, i) >> 4], kHex[byte_at(bytes, i) & 15]};
    }
  }
}

std::string escaped(std::string_view raw) {
  std::string out;
  while (!raw.empty()) {
    const Character character = first_character(raw);
    const std::string_view bytes = raw.substr(0, character.bytes);
    if (character.valid && is_harmless(character.code)) {
      out += bytes;
    } else {
      append_escaped(out, bytes);
    }
    raw.remove_prefix(bytes.size());
  }
  return out;
}

// The nearest place at or before `i` where a character begins.
std::size_t between_characters(std::string_view text, std::size_t i) {
  for (int back = 0; back < 3 && i > 0 && continues(text, i); ++back) --i;
  return i;
}

}  // namespace

std::string printable(std::string_view raw, std::size_t most) {
  if (raw.size() <= most) return escaped(raw);
  const std::size_t head = between_characters(raw, most - most / 4);
  const std::size_t tail = between_characters(raw, raw.size() - most / 4);
  return escaped(raw.substr(0, head)) + " [... " + std::to_string(tail - head) + " bytes ...] " +
         escaped(raw.substr(tail));
}

std::string printable_lines(std::string_view raw) {
  std::string out;
  for (std::size_t end; (end = raw.find('\n')) != std::string_view::npos;) {
    out += escaped(raw.substr(0, end)) + "\n";
    raw.remove_prefix(end + 1);
  }
  return out + escaped(raw);
}

}  // namespace saddle
