// WordNet's files from anywhere: what is not as the format says is refused in one line with file
// and line number.
#include <gtest/gtest.h>

#include "attacks/text/antonyms.h"
#include "attacks/text/synonyms.h"
#include "core/error.h"
#include "tests/attacks/text/tiny_wordnet.h"
#include "tests/support/expect_near.h"
#include "tests/support/temporary_directory.h"

namespace saddle {
namespace {

// What is said of the films' WordNet where `from` in a file has become `to`.
std::string refusal(const std::string& file, const std::string& from, const std::string& to) {
  TinyFiles files = files_of(film_lexicon());
  std::string& text = files.at(file);
  const std::size_t at = text.find(from);
  if (at == std::string::npos) return "(the file has no '" + from + "')";
  text.replace(at, from.size(), to);
  return testing_support::message_of<Error>([&] { read_files(files); });
}

TEST(WordNetRefusals, say_file_line_field_what_came_and_the_mend) {
  EXPECT_EQ(refusal("data.noun", "n 04 movie", "n 0g movie"),
            "tiny/data.noun, line 3: w_cnt is '0g', expected 2 hexadecimal digits. Install WordNet "
            "3.0 anew (Debian: wordnet-base)");
}

TEST(WordNetRefusals, concern_counts_that_do_not_fit_the_line) {
  EXPECT_CONTAINS(refusal("data.noun", "n 04 movie", "n 05 movie"), "lex_id is '@'");
  EXPECT_CONTAINS(refusal("data.noun", "n 04 movie", "n 03 movie"), "p_cnt is 'Flick'");
  EXPECT_CONTAINS(refusal("data.noun", "n 04 movie", "n 4 movie"), "w_cnt is '4'");
  EXPECT_CONTAINS(refusal("data.noun", "n 01 story", "n 00 story"), "expected at least 1");
  EXPECT_CONTAINS(refusal("data.noun", " 001 @", " 002 @"), "pointer's synset_offset is 'a'");
  EXPECT_CONTAINS(refusal("data.noun", " 001 @", " 000 @"), "expected | and the gloss");
  EXPECT_CONTAINS(refusal("data.noun", " 001 @", " 0a1 @"), "p_cnt is '0a1', expected 3 digits");
  EXPECT_CONTAINS(refusal("data.verb", "01 + 08 00", "02 + 08 00"), "frame is '|'");
  EXPECT_CONTAINS(refusal("data.verb", "01 + 08 00", "01 - 08 00"), "frame is '-'");
  EXPECT_CONTAINS(refusal("index.noun", "film n 2 1 @ 2", "film n 2 1 @ 3"), "sense_cnt is '3'");
  EXPECT_CONTAINS(refusal("index.noun", "film n 2 1 @ 2", "film n 1 1 @ 1"), "the line's length");
  EXPECT_CONTAINS(refusal("index.noun", "film n 2 1 @ 2", "film n 3 1 @ 3"), "synset_offset is ''");
}

TEST(WordNetRefusals, concern_fields_of_other_characters_and_empty_ones) {
  EXPECT_CONTAINS(refusal("data.noun", "03 n", "3 n"), "lex_filenum is '3'");
  EXPECT_CONTAINS(refusal("data.noun", "03 n", "03 v"), "ss_type is 'v'");
  EXPECT_CONTAINS(refusal("data.noun", "03 n", "03 s"), "ss_type is 's'");
  EXPECT_CONTAINS(refusal("data.noun", "movie 0", "movie  0"), "lex_id is ''");
  EXPECT_CONTAINS(refusal("data.noun", "movie 0", "mov\xc3\xa9 0"), "visible ASCII characters");
  EXPECT_CONTAINS(refusal("data.noun", "movie 0", std::string("mov\0e 0", 7)), R"(mov\x00e)");
  EXPECT_CONTAINS(refusal("data.noun", "@ 0", "@@@ 0"), "pointer_symbol is '@@@'");
  EXPECT_CONTAINS(refusal("data.noun", " n 0000", " x 0000"), "expected n, v, a, s or r");
  EXPECT_CONTAINS(refusal("data.noun", " n 0000", " n 00g0"), "expected 4 hexadecimal digits");
  EXPECT_CONTAINS(refusal("index.noun", "child n", "Child n"), "lower-case");
  EXPECT_CONTAINS(refusal("index.noun", "child n", "child v"), "pos is 'v'");
  EXPECT_CONTAINS(refusal("index.noun", "child n 1", "child n -1"), "synset_cnt is '-1'");
  EXPECT_CONTAINS(refusal("index.noun", "child n 1", "child n 1234567890"), "1 to 9 digits");
}

TEST(WordNetRefusals, concern_lines_that_are_not_where_they_say) {
  EXPECT_CONTAINS(refusal("data.noun", "A licence", "A longer licence"),
                  "line 3: synset_offset is '00000037', expected the line's own position, byte 44");
  EXPECT_CONTAINS(refusal("data.noun", "\n00000", "\n\n00000"), "line 3: synset_offset is ''");
}

TEST(WordNetRefusals, concern_offsets_that_point_nowhere) {
  EXPECT_CONTAINS(refusal("data.adv", "! 0", "! 9"), "tiny/data.adv, line 3: a pointer to 9");
  EXPECT_CONTAINS(refusal("data.adv", "r 0101", "r 0102"), "word 2, of tiny/data.adv, expected");
  EXPECT_CONTAINS(refusal("data.adv", "r 0101", "r 0401"), "source is '4'");
  EXPECT_CONTAINS(refusal("data.adv", "r 0101", "n 0101"), "of tiny/data.noun");
  EXPECT_CONTAINS(refusal("index.adv", "slowly r 1 1 @ 1 0 0", "slowly r 1 1 @ 1 0 1"),
                  "a line of the data file that has the lemma");
}

TEST(WordNetRefusals, concern_lemmas_that_the_synset_has_not_or_that_come_twice) {
  EXPECT_CONTAINS(refusal("index.noun", "story n", "storz n"),
                  "expected a line of the data file that has the lemma");
  EXPECT_CONTAINS(refusal("index.noun", "film n", "a n"), "expected one behind the line before");
  TinyLexicon lexicon = film_lexicon();
  lexicon.synsets[6].words = {"story", "story"};
  EXPECT_CONTAINS(testing_support::message_of<Error>([&] { read_files(files_of(lexicon)); }),
                  "expected every synset once");
}

TEST(WordNetRefusals, concern_exceptions_and_counts) {
  EXPECT_CONTAINS(refusal("verb.exc", "saw see", "saw"), "tiny/verb.exc, line 1: base form is ''");
  std::string bases = "x";
  for (int i = 0; i < 21; ++i) bases += " b" + std::to_string(i);
  EXPECT_CONTAINS(refusal("verb.exc", "saw see", bases), "expected at most 20");
  EXPECT_CONTAINS(refusal("cntlist.rev", "film%1:", "film%6:"), "line 3: sense_key is 'film%6:");
  EXPECT_CONTAINS(refusal("cntlist.rev", "film%1:06:00:: 1 60", "film 1 60"),
                  "sense_key is 'film'");
  EXPECT_CONTAINS(refusal("cntlist.rev", " 1 60", " 1 sixty"), "tag_cnt is 'sixty'");
  EXPECT_CONTAINS(refusal("cntlist.rev", " 1 60", " 1"), "tag_cnt is ''");
}

TEST(WordNetRefusals, concern_files_without_anything_and_missing_ones) {
  TinyFiles files = files_of(film_lexicon());
  files["data.adv"] = "  1 licence\n";
  EXPECT_CONTAINS(testing_support::message_of<Error>([&] { read_files(files); }),
                  "tiny/data.adv has no synsets");
  files = files_of(film_lexicon());
  files["index.adv"] = "";
  EXPECT_CONTAINS(testing_support::message_of<Error>([&] { read_files(files); }),
                  "tiny/index.adv has no lemmas");
  const TemporaryDirectory directory;
  EXPECT_CONTAINS(testing_support::message_of<Error>([&] { load_wordnet(directory.path()); }),
                  "data.noun: cannot be opened");
}

// Cut anywhere, a file is refused, or ends behind a whole line, whose loss others point out.
TEST(WordNetRefusals, concern_files_that_are_cut_off) {
  const TinyFiles whole = files_of(film_lexicon());
  int taken = 0;
  for (std::size_t size = 0; size < whole.at("data.noun").size() - 40; ++size) {
    TinyFiles files = whole;
    files["data.noun"].resize(size);
    try {
      read_files(files);
      ++taken;
    } catch (const Error&) {
      // refused
    }
  }
  EXPECT_EQ(taken, 0);
}

TEST(WordNet, pointers_may_go_round_in_circles) {
  TinyLexicon lexicon;
  lexicon.synsets = {{"n", {"egg"}, {{"@", 1}, {"~", 1}, {"@", 0}}},
                     {"n", {"hen"}, {{"@", 0}, {"~", 0}}},
                     {"v", {"be"}},
                     {"s", {"round"}, {{"&", 4}, {"&", 3}, {"!", 3}}},
                     {"a", {"circular"}, {{"&", 3}, {"!", 4}}},
                     {"r", {"so"}}};
  const WordNet wordnet = read_files(files_of(lexicon));

  using Words = std::vector<std::string>;
  EXPECT_EQ(synonyms(wordnet, "egg", WordClass::noun, Relatives::co_hyponyms_too), Words{"hen"});
  EXPECT_EQ(antonyms(wordnet, "round", WordClass::adj), (Words{"round", "circular"}));
}

}  // namespace
}  // namespace saddle
