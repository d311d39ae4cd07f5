// Antonyms, of words themselves and of the heads of their clusters.
#include "attacks/text/antonyms.h"

#include <gtest/gtest.h>

#include "tests/attacks/text/tiny_wordnet.h"

namespace saddle {
namespace {

using Words = std::vector<std::string>;

TEST(Antonyms, belong_to_the_word_that_the_pointer_starts_at) {
  const WordNet wordnet = film_wordnet();

  EXPECT_EQ(antonyms(wordnet, "child", WordClass::noun), Words{"parent"});
  EXPECT_EQ(antonyms(wordnet, "kid", WordClass::noun), Words{});
  EXPECT_EQ(antonyms(wordnet, "quickly", WordClass::adv), Words{"slowly"});
  EXPECT_EQ(antonyms(wordnet, "children", WordClass::noun), Words{"parent"});
  EXPECT_EQ(antonyms(wordnet, "zebra", WordClass::noun), Words{});
}

TEST(Antonyms, of_a_satellite_are_its_heads) {
  const WordNet wordnet = film_wordnet();

  EXPECT_EQ(antonyms(wordnet, "terrible", WordClass::adj), Words{"good"});
}

TEST(Antonyms, of_whole_synsets_are_all_their_words) {
  TinyLexicon lexicon = film_lexicon();
  lexicon.synsets[6].pointers = {{"!", 1}};

  EXPECT_EQ(antonyms(read_files(files_of(lexicon)), "story", WordClass::noun),
            (Words{"play", "drama"}));
}

TEST(Antonyms, are_found_from_either_side_and_in_any_form) {
  const WordNet wordnet = film_wordnet();

  EXPECT_TRUE(are_antonyms(wordnet, "good", "bad"));
  EXPECT_TRUE(are_antonyms(wordnet, "awful", "good"));
  EXPECT_TRUE(are_antonyms(wordnet, "good", "awful"));
  EXPECT_TRUE(are_antonyms(wordnet, "worst", "better"));
  EXPECT_TRUE(are_antonyms(wordnet, "parents", "children"));
  EXPECT_FALSE(are_antonyms(wordnet, "good", "fine"));
  EXPECT_FALSE(are_antonyms(wordnet, "bad", "awful"));
  EXPECT_FALSE(are_antonyms(wordnet, "zebra", "good"));
}

TEST(Antonyms, of_release_3_0) {
  SADDLE_SYSTEM_WORDNET(wordnet);

  EXPECT_TRUE(are_antonyms(wordnet, "good", "bad"));
  EXPECT_TRUE(are_antonyms(wordnet, "loved", "hates"));
  EXPECT_TRUE(are_antonyms(wordnet, "quickly", "slowly"));
  EXPECT_TRUE(are_antonyms(wordnet, "awful", "good"));
  EXPECT_FALSE(are_antonyms(wordnet, "good", "great"));
  EXPECT_FALSE(are_antonyms(wordnet, "movie", "film"));
}

}  // namespace
}  // namespace saddle
