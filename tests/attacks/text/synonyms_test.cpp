// Synonyms, and the bank that is made of them.
#include "attacks/text/synonyms.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "attacks/text/wordnet_bank.h"
#include "tests/attacks/text/tiny_wordnet.h"

namespace saddle {
namespace {

using Words = std::vector<std::string>;

Words first(Words words, std::size_t count) {
  words.resize(std::min(words.size(), count));
  return words;
}

TEST(Synonyms, go_through_senses_and_leave_out_the_word_and_phrases) {
  const WordNet wordnet = film_wordnet();

  EXPECT_EQ(synonyms(wordnet, "film", WordClass::noun), (Words{"movie", "flick", "coating"}));
  EXPECT_EQ(synonyms(wordnet, "story", WordClass::noun), Words{});
  EXPECT_EQ(synonyms(wordnet, "film", WordClass::adj), Words{});
}

TEST(Synonyms, of_an_inflected_word_are_inflected_as_it_is) {
  const WordNet wordnet = film_wordnet();

  EXPECT_EQ(synonyms(wordnet, "films", WordClass::noun), (Words{"movies", "flicks", "coatings"}));
  EXPECT_EQ(synonyms(wordnet, "kids", WordClass::noun), Words{"children"});
  EXPECT_EQ(synonyms(wordnet, "watched", WordClass::verb), (Words{"saw", "followed"}));
  EXPECT_EQ(synonyms(wordnet, "seen", WordClass::verb), (Words{"watched", "followed"}));
  EXPECT_EQ(synonyms(wordnet, "halting", WordClass::verb), (Words{"stopping", "quitting"}));
  EXPECT_EQ(synonyms(wordnet, "better", WordClass::adj), Words{"finer"});
}

TEST(Synonyms, whose_form_cannot_be_decided_are_left_out) {
  TinyLexicon lexicon = film_lexicon();
  lexicon.synsets[10].words = {"good", "fine", "splendid"};
  lexicon.synsets.push_back({"v", {"be", "exist"}});
  lexicon.exceptions["verb"] += "am be\n";
  const WordNet wordnet = read_files(files_of(lexicon));

  EXPECT_EQ(synonyms(wordnet, "finest", WordClass::adj), Words{"best"});
  EXPECT_EQ(synonyms(wordnet, "am", WordClass::verb), Words{});
}

TEST(Synonyms, may_take_in_the_co_hyponyms_of_nouns) {
  const WordNet wordnet = film_wordnet();

  EXPECT_EQ(synonyms(wordnet, "movie", WordClass::noun, Relatives::co_hyponyms_too),
            (Words{"film", "flick", "play", "drama"}));
  EXPECT_EQ(synonyms(wordnet, "movies", WordClass::noun, Relatives::co_hyponyms_too),
            (Words{"films", "flicks", "plays", "dramas"}));
  EXPECT_EQ(synonyms(wordnet, "watch", WordClass::verb, Relatives::co_hyponyms_too),
            (Words{"see", "follow"}));
}

TEST(Synonyms, of_release_3_0) {
  SADDLE_SYSTEM_WORDNET(wordnet);

  EXPECT_EQ(synonyms(wordnet, "movie", WordClass::noun),
            (Words{"film", "picture", "pic", "flick"}));
  EXPECT_EQ(synonyms(wordnet, "film", WordClass::noun),
            (Words{"movie", "picture", "pic", "flick", "cinema", "celluloid"}));
  EXPECT_EQ(synonyms(wordnet, "quickly", WordClass::adv),
            (Words{"rapidly", "speedily", "chop-chop", "apace", "promptly", "quick", "cursorily"}));
  EXPECT_EQ(synonyms(wordnet, "watch", WordClass::verb),
            (Words{"observe", "follow", "view", "see", "catch", "determine", "check", "ascertain",
                   "learn"}));
  EXPECT_EQ(synonyms(wordnet, "actor", WordClass::noun),
            (Words{"histrion", "player", "thespian", "doer", "worker"}));
  EXPECT_EQ(first(synonyms(wordnet, "funny", WordClass::adj), 3),
            (Words{"amusing", "comic", "comical"}));
  EXPECT_EQ(synonyms(wordnet, "funny", WordClass::adj).size(), 17u);
  EXPECT_EQ(synonyms(wordnet, "dull", WordClass::adj).size(), 18u);
  EXPECT_EQ(synonyms(wordnet, "awful", WordClass::adj).size(), 23u);
}

TEST(Synonyms, of_release_3_0_are_inflected) {
  SADDLE_SYSTEM_WORDNET(wordnet);

  EXPECT_EQ(synonyms(wordnet, "movies", WordClass::noun),
            (Words{"films", "pictures", "pics", "flicks"}));
  EXPECT_EQ(synonyms(wordnet, "watched", WordClass::verb),
            (Words{"observed", "followed", "viewed", "saw", "caught", "determined", "checked",
                   "ascertained", "learnt"}));
}

TEST(WordNetBank, has_the_synonyms_of_each_word_that_has_some) {
  const Words words{"film", "play", "story", "fast", "zebra", "film"};

  const CandidateBank bank = wordnet_bank(film_wordnet(), words);

  EXPECT_EQ(bank.words.size(), 3u);
  EXPECT_EQ(bank.substitutes("film", WordClass::noun), (Words{"movie", "flick", "coating"}));
  EXPECT_EQ(bank.substitutes("play", WordClass::noun), Words{"drama"});
  EXPECT_EQ(bank.substitutes("play", WordClass::verb), Words{});
  EXPECT_EQ(bank.substitutes("fast", WordClass::adj), (Words{"quick", "rapid"}));
  EXPECT_EQ(bank.substitutes("fast", WordClass::adv), (Words{"quickly", "rapidly"}));
}

}  // namespace
}  // namespace saddle
