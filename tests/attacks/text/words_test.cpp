#include "attacks/text/words.h"

#include <gtest/gtest.h>

namespace saddle {
namespace {

// The words between bars.
std::string words(std::string_view text, Compat compat) {
  std::string joined;
  for (const WordRange word : word_ranges(text, compat)) {
    if (!joined.empty()) joined += '|';
    joined += text.substr(word.begin, word.end - word.begin);
  }
  return joined;
}

void expect_words(std::string_view text, const std::string& of_2026, const std::string& of_2024) {
  EXPECT_EQ(words(text, Compat::of_2026), of_2026);
  EXPECT_EQ(words(text, Compat::of_2024), of_2024);
}

void expect_words(std::string_view text, const std::string& both) {
  expect_words(text, both, both);
}

TEST(words, keep_apostrophes_and_lose_full_stops) {
  expect_words("the film isn't very good .", "the|film|isn't|very|good");
}

TEST(words, lose_quotes_before_them_and_since_2026_behind_them) {
  expect_words("'CCC' rock 'n' roll", "CCC|rock|n|roll", "CCC'|rock|n'|roll");
  expect_words("the actors' self-aware -- well-made_ *wow*", "the|actors|self-aware|well-made|wow",
               "the|actors'|self-aware|well-made_|wow*");
  expect_words("rock-'n'-roll -", "rock-'n'-roll");
}

TEST(words, end_at_other_signs) {
  expect_words("user@mail.com 3.5 stars, 1,000", "user@mail|com|3|5|stars|1|000");
  expect_words("50% off $5", "50|off|5");
  expect_words("U.S.A. e.g. ok", "U|S|A|e|g|ok");
}

TEST(words, have_letters_of_all_scripts_but_no_combining_marks) {
  expect_words("caf\u00e9 cafe\u0301 na\u00efve", "caf\u00e9|cafe|na\u00efve");
  expect_words("\u0939\u093f\u0928\u094d\u0926\u0940", "\u0939|\u0928|\u0926");
}

TEST(words, have_numbers_and_three_signs_that_look_like_letters) {
  expect_words("\u00bd \u2167 \u2460 \u00b2", "\u00bd|\u2167|\u2460|\u00b2");
  expect_words("a`b `c` 5\u00d73 \u02d7", "a`b|`c`|5\u00d73|\u02d7");
}

TEST(words, have_no_typographic_quotes) {
  expect_words("don\u2019t \u201cquote\u201d", "don|t|quote");
}

TEST(words, end_at_all_white_space) {
  expect_words(
      "a\u00a0b\u2028c\x1c"
      "d",
      "a|b|c|d");
}

TEST(words, are_none_where_there_is_nothing_but_signs) {
  expect_words("... !!!", "");
  expect_words("'-_*@ --", "");
  expect_words("", "");
}

TEST(words, have_no_bytes_that_are_not_utf8) {
  expect_words(
      "a\xff"
      "b \xe2\x82 c",
      "a|b|c");
  expect_words(std::string_view("a\0b", 3), "a|b");
}

TEST(words, of_a_long_run_take_linear_time) {
  EXPECT_EQ(word_ranges(std::string(10'000'000, 'a'), Compat::of_2026).size(), 1u);
  EXPECT_EQ(word_ranges(std::string(10'000'000, '-'), Compat::of_2026).size(), 0u);
}

TEST(only_word, is_that_of_a_text_with_one) {
  EXPECT_EQ(only_word("film", Compat::of_2024), "film");
  EXPECT_EQ(only_word("mr.", Compat::of_2024), "mr");
  EXPECT_EQ(only_word("film-", Compat::of_2026), "film");
  EXPECT_EQ(only_word("motion picture", Compat::of_2024), "");
  EXPECT_EQ(only_word("!", Compat::of_2024), "");
}

TEST(has_chinese, knows_the_block_that_the_reference_segments) {
  EXPECT_TRUE(has_chinese("a \u4e00"));
  EXPECT_TRUE(has_chinese("\u9fff"));
  EXPECT_FALSE(has_chinese("\u3042 \ua000 a"));
}

TEST(lower_case, maps_letters_and_keeps_the_rest) {
  EXPECT_EQ(lower_case("GReat \u00c9\u03a3 1"), "great \u00e9\u03c3 1");
  EXPECT_EQ(lower_case("A\xff"
                       "B"),
            "a\xff"
            "b");
}

TEST(with_case_of, writes_a_candidate_as_the_word_is_written) {
  EXPECT_EQ(with_case_of("great", "good"), "great");
  EXPECT_EQ(with_case_of("great", "GOOD"), "GREAT");
  EXPECT_EQ(with_case_of("great", "Good"), "Great");
  EXPECT_EQ(with_case_of("great", "A"), "great");
  EXPECT_EQ(with_case_of("great", "gOOd"), "great");
  EXPECT_EQ(with_case_of("great", "1990"), "great");
  EXPECT_EQ(with_case_of("GREAT", "good"), "great");
  EXPECT_EQ(with_case_of("GREAT", "Good"), "Great");
  EXPECT_EQ(with_case_of("Great", "1990"), "Great");
}

TEST(with_case_of, needs_a_letter_with_case_to_go_by) {
  EXPECT_EQ(with_case_of("great", "1990s"), "great");
  EXPECT_EQ(with_case_of("GREAT", "it's"), "great");
  EXPECT_EQ(with_case_of("great", "A1"), "GREAT");
  EXPECT_EQ(with_case_of("\u00e9t\u00e9", "Good"), "\u00c9t\u00e9");
}

}  // namespace
}  // namespace saddle
