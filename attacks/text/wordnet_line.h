// WordNetLine: the fields of a line of WordNet's files, between single blanks, checked as they are
// taken.
#pragma once

#include <cstdint>
#include <string_view>

#include "attacks/text/part_of_speech.h"
#include "attacks/text/numbered_lines.h"

namespace saddle {

class WordNetLine {
 public:
  // `lines` has just handed the line out.
  WordNetLine(std::string_view line, const NumberedLines& lines) : rest_(line), lines_(&lines) {}

  // What is left, but for blanks.
  bool at_end() const { return rest_.find_first_not_of(' ') == std::string_view::npos; }

  // The next field, of visible ASCII characters. `what` names it in errors: "w_cnt".
  std::string_view field(const char* what);

  // A decimal number, of exactly `digits` digits or (0) of 1 to 9.
  std::uint32_t decimal(const char* what, std::size_t digits = 0);

  // A hexadecimal number of exactly that many digits.
  std::uint32_t hexadecimal(const char* what, std::size_t digits);

  // A part of speech, n, v, a or r; a satellite adjective's s counts as a.
  WordClass word_class(const char* what);

  // Throws Error: "FILE, line 3: WHAT is 'FOUND', expected EXPECTED" with the mend.
  [[noreturn]] void refuse(const char* what, std::string_view found,
                           std::string_view expected) const;

 private:
  std::string_view rest_;
  const NumberedLines* lines_;
};

// How every message about these files ends.
constexpr const char* kWordNetMend = ". Install WordNet 3.0 anew (Debian: wordnet-base)";

}  // namespace saddle
