#include "apps/data/text_lines.h"

#include <algorithm>

#include "core/error.h"
#include "core/unicode.h"

namespace saddle {
namespace {

// Where the text stops being UTF-8; its size where it never does.
std::size_t end_of_utf8(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const Character next = first_character(text.substr(at));
    if (!next.valid) return at;
    at += next.bytes;
  }
  return at;
}

// What the text ends with.
Character last_character(std::string_view text) {
  std::size_t begin = text.size() - 1;
  while (begin > 0 && text.size() - begin < 4 && (text[begin] & 0xc0) == 0x80) --begin;
  return first_character(text.substr(begin));
}

}  // namespace

std::string_view letters_of(Bytes bytes) {
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  return text;
}

void require_utf8(std::string_view text, const std::string& name) {
  const std::size_t zero = std::min(text.find('\0'), text.size());
  const std::size_t broken = end_of_utf8(text.substr(0, zero));
  if (broken == text.size()) return;
  fail(name, ", line ", 1 + std::ranges::count(text.substr(0, broken), '\n'),
       broken < zero ? " is not UTF-8" : " holds a zero byte",
       ". Save the file as text in UTF-8, or download it again");
}

bool is_utf8(std::string_view text) { return end_of_utf8(text) == text.size(); }

std::string utf8_of_latin1(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  for (const char byte : bytes) append_utf8(text, static_cast<unsigned char>(byte));
  return text;
}

std::vector<std::string_view> lines_in(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
  }
  return lines;
}

std::string_view stripped(std::string_view text) {
  while (!text.empty()) {
    const Character first = first_character(text);
    if (!is_white_space(first.code)) break;
    text.remove_prefix(first.bytes);
  }
  while (!text.empty()) {
    const Character last = last_character(text);
    if (!is_white_space(last.code)) break;
    text.remove_suffix(last.bytes);
  }
  return text;
}

}  // namespace saddle
