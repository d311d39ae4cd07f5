// Candidate banks: what is read, refused and written.
#include "attacks/text/candidate_bank.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/attacks/text/tiny_wordnet.h"
#include "tests/support/expect_near.h"
#include "tests/support/temporary_directory.h"

namespace saddle {
namespace {

using Words = std::vector<std::string>;

CandidateBank parsed(std::string_view json) { return parse_candidate_bank(bytes_of(json), "bank"); }

std::string refusal(std::string_view json) {
  return testing_support::message_of<Error>([&] { parsed(json); });
}

TEST(CandidateBank, gives_the_substitutes_of_a_word_by_part_of_speech_in_the_files_order) {
  const CandidateBank bank =
      parsed(R"({"film": {"verb": ["shoot"], "noun": ["movie", "flick", "movie"]}, "good": {}})");

  EXPECT_EQ(bank.substitutes("film", WordClass::noun), (Words{"movie", "flick", "movie"}));
  EXPECT_EQ(bank.substitutes("film", WordClass::verb), Words{"shoot"});
  EXPECT_EQ(bank.substitutes("film", WordClass::adj), Words{});
  EXPECT_EQ(bank.substitutes("good", WordClass::adj), Words{});
  EXPECT_EQ(bank.substitutes("zebra", WordClass::noun), Words{});
  EXPECT_EQ(bank.warnings, Words{});
}

TEST(CandidateBank, warns_of_words_that_are_never_looked_up) {
  const CandidateBank bank = parsed(R"({"Film": {}, "\u00c9t\u00e9": {}, "\u00e9t\u00e9": {}})");

  EXPECT_EQ(bank.warnings,
            Words{"bank: 2 of 3 words are not in lower case and are never looked up"});
}

TEST(CandidateBank, refuses_other_shapes_and_names_the_word) {
  EXPECT_CONTAINS(refusal("{\"film\": "), "bank: not JSON at byte 9, expected {\"word\"");
  EXPECT_CONTAINS(refusal("[]"), "bank holds no words");
  EXPECT_CONTAINS(refusal("{}"), "bank holds no words");
  EXPECT_CONTAINS(refusal(R"({"film": ["movie"]})"), "bank: the entry of 'film' is no object");
  EXPECT_CONTAINS(refusal(R"({"film": {"noun": "movie"}})"), "something else than a list");
  EXPECT_CONTAINS(refusal(R"({"film": {"noun": {"movie": 1}}})"), "something else than a list");
  EXPECT_CONTAINS(refusal(R"({"film": {"noun": [1]}})"), "a substitute that is no string");
  EXPECT_CONTAINS(refusal(R"({"film": {"noun": [""]}})"), "a substitute that is empty");
  EXPECT_CONTAINS(refusal(R"({"film": {"noun": ["a\u0007"]}})"), "holds a control character");
  EXPECT_CONTAINS(refusal(R"({"film": {"adjective": []}})"), "the key 'adjective'");
  EXPECT_CONTAINS(refusal(R"({"": {}})"), "the word is empty");
  EXPECT_CONTAINS(refusal("{\"\\u001b[31m\": 3}"), R"(the entry of '\x1b[31m': the word)");
  EXPECT_CONTAINS(refusal("{\"a\xff\": {}}"), "not JSON");
}

TEST(CandidateBank, is_written_a_word_a_line_and_read_back_the_same) {
  const CandidateBank bank = parsed(
      R"({"zoo": {"noun": ["b", "a"]}, "f\"\u00e9": {"adv": ["x"], "verb": ["y"], "noun": []}})");

  const std::string text = candidate_bank_text(bank);

  EXPECT_EQ(text,
            "{\n\"f\\\"\xc3\xa9\": {\"verb\":[\"y\"],\"adv\":[\"x\"]},\n"
            "\"zoo\": {\"noun\":[\"b\",\"a\"]}\n}\n");
  EXPECT_EQ(parsed(text).words, bank.words);
}

TEST(CandidateBank, is_loaded_from_a_file) {
  const TemporaryDirectory directory;
  const Bytes bytes = bytes_of(R"({"film": {"noun": ["movie"]}})");
  directory.write("bank.json", {bytes.begin(), bytes.end()});

  EXPECT_EQ(load_candidate_bank(directory.path() / "bank.json").words.size(), 1u);
}

}  // namespace
}  // namespace saddle
