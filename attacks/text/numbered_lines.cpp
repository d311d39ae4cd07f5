#include "attacks/text/numbered_lines.h"

#include "core/error.h"
#include "core/printable.h"
#include "core/unicode.h"

namespace saddle {
namespace {

bool is_plain(std::string_view word) {
  for (std::string_view rest = word; !rest.empty();) {
    const Character character = first_character(rest);
    if (!character.valid || character.code <= ' ' || character.code == 0x7f) return false;
    rest.remove_prefix(character.bytes);
  }
  return !word.empty();
}

}  // namespace

void check_plain_word(std::string_view word, const NumberedLines& lines) {
  if (is_plain(word)) return;
  fail(lines.where(), " has '", printable(word, 60),
       "', expected a word: UTF-8 without blanks and control characters");
}

std::vector<std::string_view> plain_words(Bytes bytes, const std::string& name, BlankLines blank) {
  std::string_view text = NumberedLines::as_text(bytes);
  if (text.starts_with("\xef\xbb\xbf")) bytes = bytes.subspan(3);
  std::vector<std::string_view> words;
  NumberedLines lines(bytes, name);
  while (const auto line = lines.next()) {
    const std::string_view word = line->substr(0, line->find_last_not_of(" \t") + 1);
    if (word.empty() && blank == BlankLines::skip) continue;
    check_plain_word(word, lines);
    words.push_back(word);
  }
  return words;
}

}  // namespace saddle
