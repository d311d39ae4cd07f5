// Parts of speech by name, and files of them.
#include "attacks/text/tag_file.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/attacks/text/tiny_wordnet.h"
#include "tests/support/expect_near.h"

namespace saddle {
namespace {

using enum PartOfSpeech;

TagsOfExample parsed(std::string_view text) { return parse_tag_file(bytes_of(text), "tags"); }

std::string refusal(std::string_view text) {
  return testing_support::message_of<Error>([&] { parsed(text); });
}

TEST(PartOfSpeech, has_the_names_of_universal_dependencies) {
  EXPECT_EQ(name_of(noun), "NOUN");
  EXPECT_EQ(name_of(x), "X");
  EXPECT_EQ(name_of(adj), "ADJ");
  EXPECT_EQ(part_of_speech("CCONJ"), cconj);
  EXPECT_EQ(part_of_speech("SYM"), sym);
  EXPECT_EQ(part_of_speech("noun"), std::nullopt);
  EXPECT_EQ(part_of_speech(""), std::nullopt);
}

TEST(PartOfSpeech, is_one_of_four_classes_where_it_has_substitutes) {
  EXPECT_EQ(word_class_of(noun), WordClass::noun);
  EXPECT_EQ(word_class_of(verb), WordClass::verb);
  EXPECT_EQ(word_class_of(adj), WordClass::adj);
  EXPECT_EQ(word_class_of(adv), WordClass::adv);
  EXPECT_EQ(word_class_of(propn), std::nullopt);
  EXPECT_EQ(word_class_of(aux), std::nullopt);
  EXPECT_EQ(tag_of(WordClass::adv), adv);
  EXPECT_EQ(name_of(WordClass::adj), "adj");
}

TEST(TagFile, has_the_tags_of_examples_in_any_order) {
  const TagsOfExample tags = parsed(
      "{\"index\": 7, \"tags\": [\"DET\", \"NOUN\"], \"text\": \"the film\"}\r\n\n"
      "{\"tags\": [], \"index\": 0}\n");

  EXPECT_EQ(tags, (TagsOfExample{{7, {det, noun}}, {0, {}}}));
}

TEST(TagFile, is_refused_with_the_line_that_is_wrong) {
  EXPECT_CONTAINS(refusal("{\"index\": 0, \"tags\": []}\n{\"index\": 1}\n"),
                  "tags, line 2 is something else, expected {\"index\"");
  EXPECT_CONTAINS(refusal("[1]\n"), "line 1 is something else");
  EXPECT_CONTAINS(refusal("{\"index\": -1, \"tags\": []}"), "line 1 is something else");
  EXPECT_CONTAINS(refusal("{\"index\": 1.5, \"tags\": []}"), "line 1 is something else");
  EXPECT_CONTAINS(refusal("{\"index\": 18446744073709551615, \"tags\": []}"), "beyond all data");
  EXPECT_CONTAINS(refusal("{\"index\": 0, \"tags\": \"NOUN\"}"), "line 1 is something else");
  EXPECT_CONTAINS(refusal("{\"index\": 0, \"tags\": [1]}"), "a tag that is no string");
  EXPECT_CONTAINS(refusal("{\"index\": 0, \"tags\": [\"NN\"]}"), "line 1 has the tag 'NN'");
  EXPECT_CONTAINS(refusal("{\"index\": 0, \"tags\": []}\n{\"index\": 0, \"tags\": []}"),
                  "line 2 has example 0 a second time");
  EXPECT_CONTAINS(refusal("{\"index\": 0, "), "tags, line 1: not JSON at byte");
  EXPECT_CONTAINS(refusal(" \n"), "tags is empty");
}

}  // namespace
}  // namespace saddle
