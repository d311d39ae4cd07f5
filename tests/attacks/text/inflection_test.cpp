// Inflection by rule and by WordNet's exceptions.
#include "attacks/text/inflection.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "attacks/text/base_forms.h"
#include "tests/attacks/text/tiny_wordnet.h"

namespace saddle {
namespace {

std::string form(std::string_view base, Inflection inflection) {
  return regular_form(base, inflection).value_or("(none)");
}

TEST(Inflection, of_nouns_adds_s_or_es) {
  EXPECT_EQ(form("film", Inflection::plural), "films");
  EXPECT_EQ(form("story", Inflection::plural), "stories");
  EXPECT_EQ(form("day", Inflection::plural), "days");
  EXPECT_EQ(form("class", Inflection::plural), "classes");
  EXPECT_EQ(form("box", Inflection::plural), "boxes");
  EXPECT_EQ(form("waltz", Inflection::plural), "waltzes");
  EXPECT_EQ(form("church", Inflection::plural), "churches");
  EXPECT_EQ(form("wish", Inflection::plural), "wishes");
  EXPECT_EQ(form("studio", Inflection::plural), "studios");
}

TEST(Inflection, of_verbs_adds_s_ed_and_ing) {
  EXPECT_EQ(form("watch", Inflection::third_person), "watches");
  EXPECT_EQ(form("go", Inflection::third_person), "goes");
  EXPECT_EQ(form("cry", Inflection::third_person), "cries");
  EXPECT_EQ(form("watch", Inflection::past), "watched");
  EXPECT_EQ(form("love", Inflection::past), "loved");
  EXPECT_EQ(form("cry", Inflection::past), "cried");
  EXPECT_EQ(form("play", Inflection::past), "played");
  EXPECT_EQ(form("watch", Inflection::ing), "watching");
  EXPECT_EQ(form("love", Inflection::ing), "loving");
  EXPECT_EQ(form("cry", Inflection::ing), "crying");
  EXPECT_EQ(form("tie", Inflection::ing), "tying");
  EXPECT_EQ(form("see", Inflection::ing), "seeing");
  EXPECT_EQ(form("dye", Inflection::ing), "dyeing");
}

TEST(Inflection, doubles_the_last_letter_of_one_syllable_with_one_vowel) {
  EXPECT_EQ(form("stop", Inflection::past), "stopped");
  EXPECT_EQ(form("stop", Inflection::ing), "stopping");
  EXPECT_EQ(form("quit", Inflection::ing), "quitting");
  EXPECT_EQ(form("up", Inflection::past), "upped");
  EXPECT_EQ(form("load", Inflection::past), "loaded");
  EXPECT_EQ(form("fix", Inflection::past), "fixed");
  EXPECT_EQ(form("show", Inflection::past), "showed");
  EXPECT_EQ(form("play", Inflection::ing), "playing");
  EXPECT_EQ(form("visit", Inflection::past), "visited");
  EXPECT_EQ(form("help", Inflection::past), "helped");
}

TEST(Inflection, of_adjectives_needs_one_syllable_or_y) {
  EXPECT_EQ(form("dull", Inflection::comparative), "duller");
  EXPECT_EQ(form("nice", Inflection::superlative), "nicest");
  EXPECT_EQ(form("big", Inflection::comparative), "bigger");
  EXPECT_EQ(form("silly", Inflection::superlative), "silliest");
  EXPECT_EQ(form("gray", Inflection::comparative), "grayer");
  EXPECT_EQ(form("boring", Inflection::comparative), "(none)");
  EXPECT_EQ(form("little", Inflection::superlative), "(none)");
  EXPECT_EQ(form("", Inflection::plural), "(none)");
}

TEST(Inflection, is_told_by_the_ending) {
  EXPECT_EQ(inflection_of("children", "child", WordClass::noun), Inflection::plural);
  EXPECT_EQ(inflection_of("goes", "go", WordClass::verb), Inflection::third_person);
  EXPECT_EQ(inflection_of("going", "go", WordClass::verb), Inflection::ing);
  EXPECT_EQ(inflection_of("went", "go", WordClass::verb), Inflection::past);
  EXPECT_EQ(inflection_of("worse", "bad", WordClass::adj), Inflection::comparative);
  EXPECT_EQ(inflection_of("worst", "bad", WordClass::adj), Inflection::superlative);
  EXPECT_EQ(inflection_of("better", "well", WordClass::adv), std::nullopt);
}

TEST(Inflection, of_be_is_a_list) {
  EXPECT_EQ(inflection_of("is", "be", WordClass::verb), Inflection::third_person);
  EXPECT_EQ(inflection_of("was", "be", WordClass::verb), Inflection::past);
  EXPECT_EQ(inflection_of("been", "be", WordClass::verb), Inflection::past);
  EXPECT_EQ(inflection_of("being", "be", WordClass::verb), Inflection::ing);
  EXPECT_EQ(inflection_of("am", "be", WordClass::verb), std::nullopt);
  EXPECT_EQ(inflected(film_wordnet(), "be", WordClass::verb, Inflection::past), "was");
}

TEST(Inflection, takes_the_first_exception_of_the_kind_before_a_rule) {
  const WordNet wordnet = film_wordnet();

  EXPECT_EQ(inflected(wordnet, "child", WordClass::noun, Inflection::plural), "children");
  EXPECT_EQ(inflected(wordnet, "see", WordClass::verb, Inflection::past), "saw");
  EXPECT_EQ(inflected(wordnet, "see", WordClass::verb, Inflection::ing), "seeing");
  EXPECT_EQ(inflected(wordnet, "see", WordClass::verb, Inflection::third_person), "sees");
  EXPECT_EQ(inflected(wordnet, "good", WordClass::adj, Inflection::comparative), "better");
  EXPECT_EQ(inflected(wordnet, "bad", WordClass::adj, Inflection::superlative), "worst");
  EXPECT_EQ(inflected(wordnet, "film", WordClass::noun, Inflection::plural), "films");
  EXPECT_EQ(inflected(wordnet, "awful", WordClass::adj, Inflection::comparative), std::nullopt);
}

TEST(Inflection, passes_over_exceptions_that_are_the_base_itself) {
  TinyLexicon lexicon = film_lexicon();
  lexicon.exceptions["adj"] += "fine fine\n";

  EXPECT_EQ(
      inflected(read_files(files_of(lexicon)), "fine", WordClass::adj, Inflection::comparative),
      "finer");
}

// Two descriptions of English, the exceptions and rules of detachment and those of inflection, undo
// each other for all but a few of the words.
TEST(Inflection, of_release_3_0_leads_back_to_the_base_form) {
  SADDLE_SYSTEM_WORDNET(wordnet);
  const WordNetTable& verbs = wordnet.table(WordClass::verb);
  int words = 0, back = 0;

  for (std::size_t i = 0; i < verbs.lemmas.size(); ++i) {
    const std::string verb(verbs.lemmas[i]);
    if (verb.find_first_of("_-'.") != std::string::npos) continue;
    for (const Inflection inflection :
         {Inflection::third_person, Inflection::past, Inflection::ing}) {
      const auto bases = base_forms(wordnet, *inflected(wordnet, verb, WordClass::verb, inflection),
                                    WordClass::verb);
      ++words;
      back += std::ranges::find(bases, verb) != bases.end() ? 1 : 0;
    }
  }

  EXPECT_GT(words, 20'000);
  EXPECT_GT(back, 0.99 * words);
}

}  // namespace
}  // namespace saddle
