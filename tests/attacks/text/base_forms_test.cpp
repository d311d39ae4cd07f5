// Base forms, by exceptions and by rules of detachment.
#include "attacks/text/base_forms.h"

#include <gtest/gtest.h>

#include "tests/attacks/text/tiny_wordnet.h"

namespace saddle {
namespace {

using Words = std::vector<std::string>;

TEST(BaseForms, are_what_a_rule_leaves_where_that_is_a_lemma) {
  const WordNet wordnet = film_wordnet();

  EXPECT_EQ(base_forms(wordnet, "stories", WordClass::noun), Words{"story"});
  EXPECT_EQ(base_forms(wordnet, "films", WordClass::noun), Words{"film"});
  EXPECT_EQ(base_forms(wordnet, "watching", WordClass::verb), Words{"watch"});
  EXPECT_EQ(base_forms(wordnet, "watches", WordClass::verb), Words{"watch"});
  EXPECT_EQ(base_forms(wordnet, "finest", WordClass::adj), Words{"fine"});
  EXPECT_EQ(base_forms(wordnet, "films", WordClass::verb), Words{});
  EXPECT_EQ(base_forms(wordnet, "slowlys", WordClass::adv), Words{});
  EXPECT_EQ(base_forms(wordnet, "unknown", WordClass::noun), Words{});
  EXPECT_EQ(base_forms(wordnet, "", WordClass::noun), Words{});
}

TEST(BaseForms, are_those_of_the_exceptions_alone_where_they_have_the_word) {
  TinyLexicon lexicon = film_lexicon();
  lexicon.synsets.push_back({"n", {"films"}});
  lexicon.exceptions["noun"] += "films story missing\n";
  const WordNet wordnet = read_files(files_of(lexicon));

  EXPECT_EQ(base_forms(wordnet, "children", WordClass::noun), Words{"child"});
  EXPECT_EQ(base_forms(wordnet, "films", WordClass::noun), (Words{"films", "story"}));
  EXPECT_EQ(base_forms(wordnet, "better", WordClass::adj), Words{"good"});
}

TEST(BaseForms, of_a_lemma_begin_with_itself_and_repeat_nothing) {
  TinyLexicon lexicon = film_lexicon();
  lexicon.synsets.push_back({"v", {"hale", "haled"}});
  const WordNet wordnet = read_files(files_of(lexicon));

  EXPECT_EQ(base_forms(wordnet, "story", WordClass::noun), Words{"story"});
  EXPECT_EQ(base_forms(wordnet, "haled", WordClass::verb), (Words{"haled", "hale"}));
}

TEST(BaseForms, take_no_short_noun_and_none_in_ss_for_a_plural) {
  TinyLexicon lexicon = film_lexicon();
  lexicon.synsets.push_back({"n", {"i", "as", "bos"}});
  const WordNet wordnet = read_files(files_of(lexicon));

  EXPECT_EQ(base_forms(wordnet, "is", WordClass::noun), Words{});
  EXPECT_EQ(base_forms(wordnet, "boss", WordClass::noun), Words{});
}

TEST(BaseForms, of_release_3_0) {
  SADDLE_SYSTEM_WORDNET(wordnet);

  EXPECT_EQ(base_forms(wordnet, "movies", WordClass::noun), Words{"movie"});
  EXPECT_EQ(base_forms(wordnet, "children", WordClass::noun), Words{"child"});
  EXPECT_EQ(base_forms(wordnet, "went", WordClass::verb), Words{"go"});
  EXPECT_EQ(base_forms(wordnet, "is", WordClass::verb), Words{"be"});
  EXPECT_EQ(base_forms(wordnet, "has", WordClass::verb), Words{"have"});
  EXPECT_EQ(base_forms(wordnet, "women", WordClass::noun), Words{"woman"});
  EXPECT_EQ(base_forms(wordnet, "better", WordClass::adj), (Words{"better", "good", "well"}));
  EXPECT_EQ(base_forms(wordnet, "better", WordClass::adv), (Words{"better", "well"}));
  EXPECT_EQ(base_forms(wordnet, "glasses", WordClass::noun), (Words{"glasses", "glass"}));
  EXPECT_EQ(base_forms(wordnet, "men", WordClass::noun), (Words{"men", "man"}));
  EXPECT_EQ(base_forms(wordnet, "lying", WordClass::verb), Words{"lie"});
  EXPECT_EQ(base_forms(wordnet, "axes", WordClass::noun), (Words{"ax", "axis"}));
  EXPECT_EQ(base_forms(wordnet, "qwertyuiop", WordClass::noun), Words{});
}

}  // namespace
}  // namespace saddle
