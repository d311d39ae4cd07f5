// Words: what an attack on words takes for a word, which has nothing to do with the victim's
// tokens.
//
// A word is a run of letters, digits and the signs ' - _ * @ inside them. The rules, to the odd
// sign, are those of TextAttack (shared/utils/strings.py), for every count of words depends on
// them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace saddle {

// TextAttack changed in 2026. Publications before that used its releases up to 0.3.10, whose words
// keep the signs at their ends: "actors'". Since then they lose them as those at their beginnings.
enum class Compat { of_2024, of_2026 };

// Bytes [begin, end) of a text.
struct WordRange {
  std::uint32_t begin = 0, end = 0;

  bool operator==(const WordRange&) const = default;
};

// The words of a text of less than 4 GiB, from left to right. What is not UTF-8 is part of none.
std::vector<WordRange> word_ranges(std::string_view text, Compat compat);

// The word of a text that has exactly one; else empty.
std::string_view only_word(std::string_view text, Compat compat);

// Whether a text has Chinese characters, which TextAttack gives to a segmenter. Here every run of
// them is one word: a user should be told.
bool has_chinese(std::string_view text);

// By the simple mappings of Unicode; what is not UTF-8 stays.
std::string lower_case(std::string_view text);

// `candidate` written as `word` is, whose place it takes: "great" for "GOOD" becomes "GREAT". Left
// as it is where `word` is neither in lower case, nor in upper case with two characters or more,
// nor capitalised.
std::string with_case_of(std::string_view candidate, std::string_view word);

}  // namespace saddle
