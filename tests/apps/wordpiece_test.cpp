// Texts to ids with a vocabulary of 33 pieces. Answers are those of Hugging Face's tokenizers
// 0.23.3.
#include "apps/data/wordpiece.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/apps/data_files.h"

namespace saddle {
namespace {

using Ids = std::vector<std::int32_t>;

constexpr const char* kPieces =
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nun\n##aff\n##able\n##a\n##ff\n##b\n##le\nthe\nfilm\n##s\n"
    "!\n,\n.\n'\ns\nit\ncafe\nnaive\n東\n京\nis\n##n\n##t\nisn\na\nb\n##c\nt\n";

WordPiece small_wordpiece(SpecialTokens special = SpecialTokens::recognised) {
  return WordPiece(Vocabulary::parse(bytes_of(kPieces), "vocab.txt"), special);
}

Ids encoded(std::string_view text, std::int64_t max_length = 512) {
  return small_wordpiece().encode(text, max_length).ids;
}

TEST(wordpiece, takes_the_longest_piece_first) {
  EXPECT_EQ(encoded("unaffable"), (Ids{2, 5, 6, 7, 3}));
  EXPECT_EQ(encoded("unaff able"), (Ids{2, 5, 6, 29, 10, 11, 3}));
}

TEST(wordpiece, sees_no_case_and_no_accents) {
  EXPECT_EQ(encoded("UNAFFABLE films!"), (Ids{2, 5, 6, 7, 13, 14, 15, 3}));
  EXPECT_EQ(encoded("Café naïve 東京"), (Ids{2, 21, 22, 23, 24, 3}));
}

TEST(wordpiece, splits_punctuation_off) {
  EXPECT_EQ(encoded("It's isn't"), (Ids{2, 20, 18, 19, 28, 18, 32, 3}));
}

TEST(wordpiece, makes_one_unknown_of_a_word_that_pieces_do_not_cover) {
  EXPECT_EQ(encoded("unaffx the"), (Ids{2, 1, 12, 3}));
  EXPECT_EQ(encoded("xa"), (Ids{2, 1, 3}));
}

TEST(wordpiece, has_two_ids_of_an_empty_text) {
  EXPECT_EQ(encoded(""), (Ids{2, 3}));
  EXPECT_EQ(encoded(" \u200b\xff"), (Ids{2, 3}));
}

TEST(wordpiece, knows_no_word_of_more_than_100_characters) {
  Ids hundred(102, 8);
  hundred[0] = 2;
  hundred[1] = 29;
  hundred[101] = 3;

  EXPECT_EQ(encoded(std::string(100, 'a')), hundred);
  EXPECT_EQ(encoded(std::string(101, 'a')), (Ids{2, 1, 3}));
}

TEST(wordpiece, counts_characters_of_a_word_and_not_bytes) {
  std::string letters, pieces = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nо\n##о\n";  // Cyrillic
  for (int i = 0; i < 100; ++i) letters += "о";
  const WordPiece wordpiece(Vocabulary::parse(bytes_of(pieces), "vocab.txt"));

  EXPECT_EQ(wordpiece.encode(letters, 512).ids.size(), 102u);
  EXPECT_EQ(wordpiece.encode(letters + "о", 512).ids, (Ids{2, 1, 3}));
}

TEST(wordpiece, recognises_special_tokens_in_their_spelling_alone) {
  EXPECT_EQ(encoded("the [MASK] film"), (Ids{2, 12, 4, 13, 3}));
  EXPECT_EQ(encoded("the [mask] film"), (Ids{2, 12, 1, 1, 1, 13, 3}));
  EXPECT_EQ(encoded("[[PAD][UNK][CLS][SEP]"), (Ids{2, 1, 0, 1, 2, 3, 3}));
  EXPECT_EQ(encoded("[SE\u200bP]").size(), 5u);
}

TEST(wordpiece, splits_words_at_special_tokens) {
  EXPECT_EQ(encoded("un[MASK]s"), (Ids{2, 5, 4, 19, 3}));
}

TEST(wordpiece, takes_special_tokens_for_words_where_told_so) {
  const WordPiece wordpiece = small_wordpiece(SpecialTokens::plain_text);

  EXPECT_EQ(wordpiece.encode("the [MASK] film", 512).ids, (Ids{2, 12, 1, 1, 1, 13, 3}));
}

TEST(wordpiece, does_not_recognise_a_mask_that_the_vocabulary_lacks) {
  const WordPiece wordpiece(
      Vocabulary::parse(bytes_of("[SEP]\n[CLS]\n[UNK]\n[PAD]\nmask\n"), "vocab.txt"));

  EXPECT_EQ(wordpiece.encode("[MASK][SEP]", 512).ids, (Ids{1, 2, 4, 2, 0, 0}));
}

TEST(wordpiece, keeps_the_first_pieces_and_says_how_many_it_cut_off) {
  const WordPiece wordpiece = small_wordpiece();
  const std::string text = "the film the film the film the";

  EXPECT_EQ(wordpiece.encode(text, 6).ids, (Ids{2, 12, 13, 12, 13, 3}));
  EXPECT_EQ(wordpiece.encode(text, 6).cut_off, 3);
  EXPECT_EQ(wordpiece.encode(text, 2).ids, (Ids{2, 3}));
  EXPECT_EQ(wordpiece.encode(text, 2).cut_off, 7);
  EXPECT_EQ(wordpiece.encode(text, 8).cut_off, 1);
  EXPECT_EQ(wordpiece.encode(text, 9).cut_off, 0);
  EXPECT_EQ(wordpiece.encode(text, 9).ids.size(), 9u);
}

TEST(wordpiece, wants_room_for_two_ids) {
  EXPECT_EQ(error_of([] { encoded("the", 1); }),
            "wordpiece: max_length is 1, expected 2 at least, for [CLS] and [SEP]");
}

TEST(wordpiece, of_long_texts_takes_no_longer_a_byte) {
  constexpr std::size_t kBytes = 1 << 20;
  const WordPiece wordpiece = small_wordpiece();
  std::string words;
  while (words.size() < kBytes) words += std::string(100, 'a') + ' ';

  EXPECT_EQ(wordpiece.encode(std::string(kBytes, 'a'), 512).ids, (Ids{2, 1, 3}));
  EXPECT_EQ(wordpiece.encode(std::string(kBytes, '['), 512).cut_off, kBytes - 510);
  EXPECT_EQ(wordpiece.encode(words, 512).cut_off, std::int64_t(words.size() / 101 * 100 - 510));
}

}  // namespace
}  // namespace saddle
