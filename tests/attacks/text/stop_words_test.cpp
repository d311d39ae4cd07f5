// Stop words: the project's own, and a user's file.
#include "attacks/text/stop_words.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/attacks/text/tiny_wordnet.h"
#include "tests/support/expect_near.h"
#include "tests/support/temporary_directory.h"

namespace saddle {
namespace {

std::string refusal(std::string_view text) {
  return testing_support::message_of<Error>([&] { parse_stop_words(bytes_of(text), "stop.txt"); });
}

TEST(StopWords, of_english_have_every_kind_that_the_published_attacks_leave_alone) {
  const StopWords& words = english_stop_words();

  for (const char* word :
       {"i",    "themselves", "those",  "whom", "having", "the",    "because", "between",
        "once", "very",       "should", "just", "s",      "y",      "ll",      "ve",
        "ain",  "ma",         "isn't",  "isn",  "couldn", "needn't"}) {
    EXPECT_TRUE(words.contains(word)) << word;
  }
  EXPECT_GT(words.size(), 170u);
  EXPECT_LT(words.size(), 220u);
}

TEST(StopWords, of_english_have_no_word_of_meaning_and_no_capitals) {
  const StopWords& words = english_stop_words();

  EXPECT_FALSE(words.contains("film"));
  EXPECT_FALSE(words.contains("good"));
  EXPECT_FALSE(words.contains("never"));
  EXPECT_FALSE(words.contains("The"));
  EXPECT_FALSE(words.contains("I"));
  EXPECT_FALSE(words.contains(""));
}

TEST(StopWords, are_read_one_a_line) {
  EXPECT_EQ(parse_stop_words(bytes_of("\xef\xbb\xbfthe\r\n\n  \nof \nThe\nthe\n\xc3\xa9t\xc3\xa9"),
                             "stop.txt"),
            (StopWords{"the", "of", "The", "\xc3\xa9t\xc3\xa9"}));
}

TEST(StopWords, refuse_what_is_not_a_word_a_line) {
  EXPECT_EQ(refusal("the\nof the\n"),
            "stop.txt, line 2 has 'of the', expected a word: UTF-8 without blanks and control "
            "characters");
  EXPECT_CONTAINS(refusal("the\n\xff\xfe\n"), R"(stop.txt, line 2 has '\xff\xfe')");
  EXPECT_CONTAINS(refusal(std::string_view("a\0b\n", 4)), R"(has 'a\x00b')");
  EXPECT_CONTAINS(refusal("\n\n"), "stop.txt is empty");
  EXPECT_CONTAINS(refusal(""), "stop.txt is empty");
  EXPECT_LT(refusal(std::string(1 << 20, ' ') + "a b").size(), 500u);
}

TEST(StopWords, are_loaded_from_a_file) {
  const TemporaryDirectory directory;
  const Bytes bytes = bytes_of("the\n");
  directory.write("stop.txt", {bytes.begin(), bytes.end()});

  EXPECT_EQ(load_stop_words(directory.path() / "stop.txt"), StopWords{"the"});
  EXPECT_CONTAINS(testing_support::message_of<Error>([&] { load_stop_words(directory.path()); }),
                  directory.path().string());
}

}  // namespace
}  // namespace saddle
