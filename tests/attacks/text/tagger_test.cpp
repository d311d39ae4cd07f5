// The tagger: its rules one by one, and how often it agrees with a person.
#include "attacks/text/tagger.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/attacks/text/tiny_wordnet.h"
#include "tests/support/source_directory.h"

namespace saddle {
namespace {

using enum PartOfSpeech;
using Tags = std::vector<PartOfSpeech>;

Tags tags_of(const WordNet& wordnet, const std::string& text) {
  std::istringstream stream(text);
  const std::vector<std::string> words{std::istream_iterator<std::string>(stream), {}};
  return tag_words(wordnet, std::vector<std::string_view>(words.begin(), words.end()));
}

Tags tags_of(const std::string& text) { return tags_of(film_wordnet(), text); }

PartOfSpeech last_tag_of(const std::string& text) { return tags_of(text).back(); }

TEST(Tagger, knows_closed_classes_and_numbers) {
  EXPECT_EQ(tags_of("she and the two of 90 wouldn't not"),
            (Tags{pron, cconj, det, num, adp, num, aux, part}));
  EXPECT_EQ(tags_of("THE"), Tags{det});
  EXPECT_EQ(tags_of(""), Tags{});
}

TEST(Tagger, asks_the_counts_of_the_base_forms) {
  EXPECT_EQ(tags_of("play"), Tags{verb});  // 90 to 5
  EXPECT_EQ(tags_of("films"), Tags{noun});
  EXPECT_EQ(tags_of("awful"), Tags{adj});
  EXPECT_EQ(tags_of("quickly"), Tags{adv});
  EXPECT_EQ(tags_of("fast"), Tags{adj});  // 1 to 1: adjectives before adverbs
}

TEST(Tagger, guesses_what_no_lexicon_has) {
  EXPECT_EQ(tags_of("zzyzx"), Tags{noun});
  EXPECT_EQ(tags_of("zzyzxly"), Tags{adv});
  EXPECT_EQ(tags_of("zzyzxless"), Tags{adj});
  EXPECT_EQ(tags_of("half-baked"), Tags{adj});
  EXPECT_EQ(tags_of("not-so-good"), Tags{adj});
  EXPECT_EQ(tags_of("zzyzx-film"), Tags{noun});
  EXPECT_EQ(last_tag_of("with Zzyzx"), propn);
  EXPECT_EQ(tags_of("Zzyzx"), Tags{noun});
  EXPECT_EQ(last_tag_of("the play's"), noun);
}

TEST(Tagger, takes_no_verb_behind_an_article_or_a_possessive) {
  EXPECT_EQ(last_tag_of("the play"), noun);
  EXPECT_EQ(last_tag_of("her play"), noun);
  EXPECT_EQ(last_tag_of("the awful play"), noun);
}

TEST(Tagger, takes_a_verb_behind_to_a_modal_or_a_subject) {
  EXPECT_EQ(tags_of("to stop"), (Tags{part, verb}));
  EXPECT_EQ(tags_of("to films"), (Tags{adp, noun}));
  EXPECT_EQ(last_tag_of("he stops"), verb);
  EXPECT_EQ(last_tag_of("could stop"), verb);
}

TEST(Tagger, tells_auxiliaries_from_verbs_by_what_follows) {
  EXPECT_EQ(tags_of("it has never watched"), (Tags{pron, aux, adv, verb}));
  EXPECT_EQ(tags_of("it has the film"), (Tags{pron, verb, det, noun}));
  EXPECT_EQ(tags_of("there is the film"), (Tags{pron, verb, det, noun}));
}

TEST(Tagger, tells_conjunctions_and_articles_from_pronouns_and_prepositions) {
  EXPECT_EQ(tags_of("this film"), (Tags{det, noun}));
  EXPECT_EQ(tags_of("this is"), (Tags{pron, aux}));
  EXPECT_EQ(tags_of("before the film"), (Tags{adp, det, noun}));
  EXPECT_EQ(tags_of("before she stops"), (Tags{sconj, pron, verb}));
  EXPECT_EQ(tags_of("is that the film"), (Tags{aux, sconj, det, noun}));
  EXPECT_EQ(tags_of("film that stops"), (Tags{noun, pron, verb}));
}

// 94.9 % of 1052 words, 93.3 % of the nouns, verbs, adjectives and adverbs among them. The
// sentences were tagged by hand before the tagger was run, and left as they were; it was then
// mended with every second sentence in view, of whose words it tags 95.8 %, of the others' 93.9 %.
TEST(Tagger, agrees_with_a_person_on_film_reviews) {
  SADDLE_SYSTEM_WORDNET(wordnet);
  std::ifstream file(source_directory() / "tests/attacks/text/tagged_reviews.txt");
  int words = 0, right = 0;

  for (std::string line; std::getline(file, line);) {
    std::istringstream stream(line);
    std::string text;
    std::vector<std::string> expected;
    for (std::string pair; stream >> pair;) {
      const std::size_t slash = pair.rfind('/');
      text += pair.substr(0, slash) + " ";
      expected.push_back(pair.substr(slash + 1));
    }
    const Tags tags = tags_of(wordnet, text);
    ASSERT_EQ(tags.size(), expected.size()) << line;
    for (std::size_t i = 0; i < tags.size(); ++i) right += name_of(tags[i]) == expected[i] ? 1 : 0;
    words += static_cast<int>(tags.size());
  }

  EXPECT_EQ(words, 1052);
  EXPECT_GE(100.0 * right / words, 93.9);
}

}  // namespace
}  // namespace saddle
