// WordNet's files: what is read of them. What is refused stands in wordnet_refusals_test.cpp.
#include "attacks/text/wordnet.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/attacks/text/tiny_wordnet.h"
#include "tests/support/temporary_directory.h"

namespace saddle {
namespace {

using Words = std::vector<std::string>;

Words words_of_first_sense(const WordNet& wordnet, const std::string& lemma, WordClass of) {
  const WordNetTable& table = wordnet.table(of);
  const std::uint32_t synset = table.senses_of(*wordnet.lemma(lemma, of)).front();
  Words words;
  for (std::size_t number = 1; number <= table.word_count(synset); ++number) {
    words.emplace_back(table.word_of(synset, number));
  }
  return words;
}

TEST(WordNet, reads_synsets_lemmas_and_exceptions) {
  const WordNet wordnet = film_wordnet();

  EXPECT_EQ(wordnet.table(WordClass::noun).synset_count(), 7u);
  EXPECT_EQ(wordnet.table(WordClass::noun).lemmas.size(), 12u);
  EXPECT_EQ(wordnet.table(WordClass::adv).synset_count(), 2u);
  EXPECT_EQ(wordnet.table(WordClass::verb).exceptions.lines, 2);
  EXPECT_EQ(words_of_first_sense(wordnet, "film", WordClass::noun),
            (Words{"movie", "film", "moving_picture", "flick"}));
  EXPECT_FALSE(wordnet.lemma("film", WordClass::verb));
  EXPECT_FALSE(wordnet.lemma("zebra", WordClass::noun));
}

TEST(WordNet, cuts_the_markers_off_adjectives_alone) {
  TinyLexicon lexicon = film_lexicon();
  lexicon.synsets.push_back({"a", {"afraid(p)", "main(a)"}});
  lexicon.synsets[2].words[0] = "show(p)";
  TinyFiles files = files_of(lexicon);
  std::string& index = files["index.noun"];
  index.replace(index.find("show n"), 6, "show(p) n");

  const WordNet wordnet = read_files(files);

  EXPECT_EQ(words_of_first_sense(wordnet, "afraid", WordClass::adj), (Words{"afraid", "main"}));
  EXPECT_EQ(words_of_first_sense(wordnet, "awful", WordClass::adj),
            (Words{"awful", "terrible", "galore"}));
  EXPECT_TRUE(wordnet.lemma("show(p)", WordClass::noun));
}

TEST(WordNet, knows_where_pointers_lead) {
  const WordNet wordnet = film_wordnet();
  const WordNetTable& adjectives = wordnet.table(WordClass::adj);
  const std::uint32_t awful = adjectives.senses_of(*wordnet.lemma("awful", WordClass::adj))[0];

  const auto pointers = adjectives.pointers_of(awful);

  ASSERT_EQ(pointers.size(), 1u);
  EXPECT_EQ(pointers[0].kind, PointerKind::similar);
  EXPECT_EQ(adjectives.word_of(pointers[0].synset, 1), "bad");
  EXPECT_TRUE(adjectives.synsets[awful].satellite);
  EXPECT_FALSE(adjectives.synsets[pointers[0].synset].satellite);
}

TEST(WordNet, adds_the_counts_of_all_senses_satellites_among_the_adjectives) {
  const WordNet wordnet = film_wordnet();

  EXPECT_EQ(wordnet.tag_count("film", WordClass::noun), 64);
  EXPECT_EQ(wordnet.tag_count("awful", WordClass::adj), 7);
  EXPECT_EQ(wordnet.tag_count("play", WordClass::verb), 90);
  EXPECT_EQ(wordnet.tag_count("movie", WordClass::noun), 0);
  EXPECT_EQ(wordnet.tag_count("forgotten", WordClass::noun), 0);  // counted, but no lemma
}

TEST(WordNet, counts_words_in_hexadecimal_and_takes_sixteen_of_them) {
  TinyLexicon lexicon = film_lexicon();
  Words words;
  for (char c = 'a'; c <= 'p'; ++c) words.push_back(std::string("word") + c);
  lexicon.synsets.push_back({"n", words});

  const WordNet wordnet = read_files(files_of(lexicon));

  EXPECT_EQ(words_of_first_sense(wordnet, "wordp", WordClass::noun), words);
}

TEST(WordNet, is_read_from_a_directory_of_thirteen_files) {
  const TemporaryDirectory directory;
  for (const auto& [name, contents] : files_of(film_lexicon())) {
    const Bytes bytes = bytes_of(contents);
    directory.write(name, {bytes.begin(), bytes.end()});
  }

  EXPECT_TRUE(load_wordnet(directory.path()).lemma("story", WordClass::noun));
  EXPECT_EQ(wordnet_file_names().size(), 13u);
}

TEST(WordNet, may_be_copied) {
  auto original = std::make_unique<WordNet>(film_wordnet());
  const WordNet copy = *original;
  original.reset();

  EXPECT_EQ(words_of_first_sense(copy, "story", WordClass::noun), Words{"story"});
}

TEST(WordNet, release_3_0_has_its_published_numbers_of_lines) {
  SADDLE_SYSTEM_WORDNET(wordnet);

  EXPECT_EQ(wordnet.table(WordClass::noun).lemmas.size(), 117'798u);
  EXPECT_EQ(wordnet.table(WordClass::verb).lemmas.size(), 11'529u);
  EXPECT_EQ(wordnet.table(WordClass::adj).lemmas.size(), 21'479u);
  EXPECT_EQ(wordnet.table(WordClass::adv).lemmas.size(), 4'481u);
  EXPECT_EQ(wordnet.table(WordClass::noun).synset_count(), 82'115u);
  EXPECT_EQ(wordnet.table(WordClass::verb).synset_count(), 13'767u);
  EXPECT_EQ(wordnet.table(WordClass::adj).synset_count(), 18'156u);
  EXPECT_EQ(wordnet.table(WordClass::adv).synset_count(), 3'621u);
  EXPECT_EQ(wordnet.table(WordClass::noun).exceptions.lines, 2'054);
  EXPECT_EQ(wordnet.table(WordClass::verb).exceptions.lines, 2'401);
  EXPECT_EQ(wordnet.table(WordClass::adj).exceptions.lines, 1'490);
  EXPECT_EQ(wordnet.table(WordClass::adv).exceptions.lines, 7);
}

TEST(WordNet, release_3_0_was_met_in_tagged_texts_so_often) {
  SADDLE_SYSTEM_WORDNET(wordnet);

  EXPECT_EQ(wordnet.tag_count("film", WordClass::noun), 64);
  EXPECT_EQ(wordnet.tag_count("film", WordClass::verb), 2);
  EXPECT_EQ(wordnet.tag_count("watch", WordClass::noun), 17);
  EXPECT_EQ(wordnet.tag_count("watch", WordClass::verb), 176);
  EXPECT_EQ(wordnet.tag_count("well", WordClass::adv), 139);
  EXPECT_EQ(wordnet.tag_count("well", WordClass::adj), 10);
  EXPECT_EQ(wordnet.tag_count("well", WordClass::noun), 9);
  EXPECT_EQ(wordnet.tag_count("well", WordClass::verb), 3);
  EXPECT_EQ(wordnet.tag_count("love", WordClass::noun), 48);
  EXPECT_EQ(wordnet.tag_count("love", WordClass::verb), 82);
  EXPECT_EQ(wordnet.tag_count("feel", WordClass::verb), 534);
  EXPECT_EQ(wordnet.tag_count("feel", WordClass::noun), 7);
}

// Counted by the fields of the lines alone: w_cnt, in hexadecimal, is the fourth, and p_cnt stands
// behind the words. The first field is where the line begins.
void expect_what_the_lines_say(const WordNetTable& table, const std::string& name) {
  std::ifstream file(kSystemWordNet / name);
  std::size_t position = 0, synset = 0;

  for (std::string line; std::getline(file, line); position += line.size() + 1) {
    if (line.starts_with("  ")) continue;
    std::istringstream fields(line.substr(0, line.find(" | ")));
    const Words split{std::istream_iterator<std::string>(fields), {}};
    const std::size_t words = std::stoul(split[3], nullptr, 16);
    ASSERT_EQ(std::stoul(split[0]), position);
    ASSERT_EQ(table.synsets[synset].offset, position);
    ASSERT_EQ(table.word_count(synset), words) << line;
    ASSERT_EQ(table.pointers_of(synset).size(), std::stoul(split[4 + 2 * words])) << line;
    ++synset;
  }

  EXPECT_EQ(table.synset_count(), synset);
}

TEST(WordNet, release_3_0_has_as_many_words_and_pointers_as_the_lines_of_nouns_say) {
  SADDLE_SYSTEM_WORDNET(wordnet);
  expect_what_the_lines_say(wordnet.table(WordClass::noun), "data.noun");
}

TEST(WordNet, release_3_0_has_as_many_words_and_pointers_as_the_lines_of_verbs_say) {
  SADDLE_SYSTEM_WORDNET(wordnet);
  expect_what_the_lines_say(wordnet.table(WordClass::verb), "data.verb");
}

TEST(WordNet, release_3_0_has_as_many_words_and_pointers_as_the_lines_of_adjectives_say) {
  SADDLE_SYSTEM_WORDNET(wordnet);
  expect_what_the_lines_say(wordnet.table(WordClass::adj), "data.adj");
}

TEST(WordNet, release_3_0_has_as_many_words_and_pointers_as_the_lines_of_adverbs_say) {
  SADDLE_SYSTEM_WORDNET(wordnet);
  expect_what_the_lines_say(wordnet.table(WordClass::adv), "data.adv");
}

// "afloat(p)", "main(a)" and "galore(ip)" are among them.
TEST(WordNet, release_3_0_has_no_markers_left) {
  SADDLE_SYSTEM_WORDNET(wordnet);
  const StringTable& words = wordnet.table(WordClass::adj).words;

  std::size_t marked = 0;
  for (std::size_t i = 0; i < words.size(); ++i) marked += words[i].ends_with(')') ? 1 : 0;

  EXPECT_EQ(marked, 0u);
  EXPECT_TRUE(wordnet.lemma("afloat", WordClass::adj));
  EXPECT_TRUE(wordnet.lemma("main", WordClass::adj));
  EXPECT_TRUE(wordnet.lemma("galore", WordClass::adj));
}

}  // namespace
}  // namespace saddle
