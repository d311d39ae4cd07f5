#include "attacks/text/words.h"

#include <algorithm>
#include <limits>

#include "core/error.h"
#include "core/unicode.h"

namespace saddle {
namespace {

bool is_edge(char c) { return c == '\'' || c == '-' || c == '_' || c == '*' || c == '@'; }

bool is_ascii_word_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '`' ||
         is_edge(c);
}

// Letters, digits, numbers such as the sign of one half, and two signs that resemble letters.
bool is_word_character(char32_t code) {
  const std::string_view category = category_of(code);
  return category[0] == 'L' || category[0] == 'N' || code == 0x2d7 || code == 0xd7;
}

// How many bytes the word character takes that `text`, not empty, begins with; 0: another begins.
std::size_t word_character_bytes(std::string_view text) {
  if (static_cast<unsigned char>(text[0]) < 0x80) return is_ascii_word_character(text[0]) ? 1 : 0;
  const Character next = first_character(text);
  return next.valid && is_word_character(next.code) ? next.bytes : 0;
}

// The mapping of every character.
template <class Map>
std::string mapped(std::string_view text, const Map& map) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const Character next = first_character(text);
    if (next.valid) {
      append_utf8(result, map(next.code));
    } else {
      result += text[0];
    }
    text.remove_prefix(next.bytes);
  }
  return result;
}

// How many characters a text has of each case.
struct Cases {
  int upper = 0, lower = 0, title = 0, all = 0;

  bool all_lower() const { return lower > 0 && upper + title == 0; }
  bool all_upper() const { return upper > 0 && lower + title == 0; }
};

Cases cases_of(std::string_view text) {
  Cases cases;
  for (; !text.empty(); ++cases.all) {
    const Character next = first_character(text);
    const std::string_view category = category_of(next.code);
    cases.upper += category == "Lu";
    cases.lower += category == "Ll";
    cases.title += category == "Lt";
    text.remove_prefix(next.bytes);
  }
  return cases;
}

// "Great" of "great" and of "GREAT".
std::string capitalised(std::string_view text) {
  if (text.empty()) return "";
  const std::size_t first = first_character(text).bytes;
  return mapped(text.substr(0, first), to_upper) + lower_case(text.substr(first));
}

}  // namespace

std::vector<WordRange> word_ranges(std::string_view text, Compat compat) {
  require(text.size() < std::numeric_limits<std::uint32_t>::max(), "words: a text has ",
          text.size(), " bytes, expected less than 4 GiB");
  std::vector<WordRange> words;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t begin = at;
    while (at < text.size()) {
      const std::size_t bytes = word_character_bytes(text.substr(at));
      if (bytes == 0) break;
      at += bytes;
    }
    std::size_t end = at;
    while (begin < end && is_edge(text[begin])) ++begin;
    while (compat == Compat::of_2026 && begin < end && is_edge(text[end - 1])) --end;
    if (begin < end) {
      words.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)});
    }
    if (at < text.size()) at += first_character(text.substr(at)).bytes;
  }
  return words;
}

std::string_view only_word(std::string_view text, Compat compat) {
  const std::vector<WordRange> words = word_ranges(text, compat);
  if (words.size() != 1) return {};
  return text.substr(words[0].begin, words[0].end - words[0].begin);
}

bool has_chinese(std::string_view text) {
  while (!text.empty()) {
    const Character next = first_character(text);
    if (next.code >= 0x4e00 && next.code <= 0x9fff) return true;
    text.remove_prefix(next.bytes);
  }
  return false;
}

std::string lower_case(std::string_view text) { return mapped(text, to_lower); }

std::string with_case_of(std::string_view candidate, std::string_view word) {
  const Cases cases = cases_of(word);
  if (cases.all_lower()) return lower_case(candidate);
  if (cases.all_upper() && cases.all > 1) return mapped(candidate, to_upper);
  if (word.empty()) return std::string(candidate);
  const std::size_t first = first_character(word).bytes;
  if (cases_of(word.substr(0, first)).all_upper() && cases_of(word.substr(first)).all_lower()) {
    return capitalised(candidate);
  }
  return std::string(candidate);
}

}  // namespace saddle
