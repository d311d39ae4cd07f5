// vocab.txt files, sound and broken, and the longest pieces of words.
#include "apps/data/vocabulary.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/apps/data_files.h"

namespace saddle {
namespace {

const std::string kOrdinary = "[UNK]\nthe\n[SEP]\n[CLS]\n##s\n[PAD]\ncafé\n";

Vocabulary vocabulary_of(const std::string& lines) {
  return Vocabulary::parse(bytes_of(lines), "vocab.txt");
}

void expect_no_vocabulary(const std::string& message, const std::string& lines) {
  EXPECT_EQ(error_of([&] { vocabulary_of(lines); }),
            message + ". Take the vocab.txt that came with the model");
}

TEST(vocabulary, has_the_number_of_its_line_as_the_id_of_a_piece) {
  const Vocabulary vocabulary = vocabulary_of(kOrdinary);

  EXPECT_EQ(vocabulary.size(), 7);
  EXPECT_EQ(vocabulary.unknown(), 0);
  EXPECT_EQ(vocabulary.end(), 2);
  EXPECT_EQ(vocabulary.begin(), 3);
  EXPECT_EQ(vocabulary.pad(), 5);
  EXPECT_EQ(vocabulary.id_of("the"), 1);
  EXPECT_EQ(vocabulary.id_of("##s"), 4);
  EXPECT_EQ(vocabulary.id_of("café"), 6);
  EXPECT_EQ(vocabulary.piece(6), "café");
}

TEST(vocabulary, has_no_id_of_parts_of_pieces_and_what_goes_beyond) {
  const Vocabulary vocabulary = vocabulary_of(kOrdinary);

  EXPECT_EQ(vocabulary.id_of("th"), std::nullopt);
  EXPECT_EQ(vocabulary.id_of("thes"), std::nullopt);
  EXPECT_EQ(vocabulary.id_of("s"), std::nullopt);
  EXPECT_EQ(vocabulary.id_of(""), std::nullopt);
  EXPECT_EQ(vocabulary.id_of("[MASK]"), std::nullopt);
}

TEST(vocabulary, takes_lf_crlf_and_no_end_of_the_last_line) {
  const Vocabulary crlf = vocabulary_of("[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\na\r\n\r\n\n");
  const Vocabulary open = vocabulary_of("[PAD]\n[UNK]\n[CLS]\n[SEP]\na");

  EXPECT_EQ(crlf.size(), 5);
  EXPECT_EQ(crlf.piece(4), "a");
  EXPECT_EQ(open.size(), 5);
  EXPECT_EQ(open.piece(4), "a");
}

TEST(vocabulary, strips_nothing_but_the_end_of_a_line) {
  const Vocabulary vocabulary = vocabulary_of("[PAD]\n[UNK]\n[CLS]\n[SEP]\n a \nb\rc\n\u3000\n");

  EXPECT_EQ(vocabulary.id_of(" a "), 4);
  EXPECT_EQ(vocabulary.id_of("b\rc"), 5);
  EXPECT_EQ(vocabulary.id_of("\u3000"), 6);
}

TEST(vocabulary, is_read_from_a_file) {
  const TemporaryDirectory directory;
  directory.write("vocab.txt", bytes_of(kOrdinary));

  EXPECT_EQ(Vocabulary::load(directory.path() / "vocab.txt").size(), 7);
  expect_error("none.txt", [&] { Vocabulary::load(directory.path() / "none.txt"); });
}

TEST(vocabulary, of_a_file_that_is_too_large_is_refused) {
  const TemporaryDirectory directory;
  directory.write("vocab.txt", Blob(std::size_t{kMaxVocabularyBytes} + 1, std::byte{'a'}));

  expect_error("vocab.txt", [&] { Vocabulary::load(directory.path() / "vocab.txt"); });
}

TEST(vocabulary, without_a_special_piece_is_refused) {
  const std::string why = ", which a BERT cannot do without";
  expect_no_vocabulary("vocab.txt has no piece [PAD]" + why, "[UNK]\n[CLS]\n[SEP]\n");
  expect_no_vocabulary("vocab.txt has no piece [UNK]" + why, "[PAD]\n[CLS]\n[SEP]\n");
  expect_no_vocabulary("vocab.txt has no piece [CLS]" + why, "[PAD]\n[UNK]\n[SEP]\n[cls]\n");
  expect_no_vocabulary("vocab.txt has no piece [SEP]" + why, "[PAD]\n[UNK]\n[CLS]\n[SEP\n");
}

TEST(vocabulary, of_broken_lines_is_refused) {
  expect_no_vocabulary("vocab.txt is empty, expected a piece a line", "");
  expect_no_vocabulary("vocab.txt is empty, expected a piece a line", "\n\r\n");
  expect_no_vocabulary("vocab.txt, line 2 is empty, expected a piece", "[PAD]\n\n[UNK]\n");
  expect_no_vocabulary("vocab.txt, line 1 is empty, expected a piece", "\r\n[UNK]\n");
  expect_no_vocabulary("vocab.txt, line 2 is not UTF-8", "[PAD]\ncaf\xe9\n");
  expect_no_vocabulary("vocab.txt, line 2 is not UTF-8", "[PAD]\n\xed\xa0\x80");
  expect_no_vocabulary("vocab.txt, line 1 holds a NUL", std::string("[PAD]\0\n[UNK]\n", 13));
}

TEST(vocabulary, with_a_piece_twice_is_refused_by_both_lines) {
  expect_no_vocabulary("vocab.txt has 'the' twice, in lines 2 and 8", kOrdinary + "the\n");
  expect_no_vocabulary("vocab.txt has 'a\\x1b' twice, in lines 8 and 10",
                       kOrdinary + "a\x1b\nb\na\x1b\na\x1b\n");
  std::string forty = kOrdinary;
  for (int i = 0; i < 40; ++i) forty += "x\n";
  expect_no_vocabulary("vocab.txt has 'x' twice, in lines 8 and 9", forty);
}

TEST(vocabulary, may_have_many_pieces_and_long_ones) {
  std::string lines = kOrdinary;
  for (int i = 0; i < 100'000; ++i) lines += "piece" + std::to_string(i) + "\n";
  lines += std::string(1 << 20, 'x') + "\n";

  const Vocabulary vocabulary = vocabulary_of(lines);

  EXPECT_EQ(vocabulary.id_of("piece99999"), 100'006);
  EXPECT_EQ(vocabulary.longest_piece(std::string(1 << 21, 'x'), PiecePlace::begins_word).bytes,
            1u << 20);
}

TEST(vocabulary, tells_pieces_that_begin_words_from_those_that_go_on) {
  const Vocabulary vocabulary = vocabulary_of(kOrdinary + "##\ns\n");

  EXPECT_EQ(vocabulary.longest_piece("sth", PiecePlace::begins_word).id, 8);
  EXPECT_EQ(vocabulary.longest_piece("sth", PiecePlace::goes_on).id, 4);
  EXPECT_EQ(vocabulary.longest_piece("sth", PiecePlace::goes_on).bytes, 1u);
  EXPECT_EQ(vocabulary.longest_piece("the", PiecePlace::goes_on).bytes, 0u);
  EXPECT_EQ(vocabulary.longest_piece("", PiecePlace::goes_on).bytes, 0u);
}

TEST(vocabulary, may_have_no_pieces_that_go_on) {
  const Vocabulary vocabulary = vocabulary_of("[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n");

  EXPECT_EQ(vocabulary.longest_piece("a", PiecePlace::begins_word).bytes, 1u);
  EXPECT_EQ(vocabulary.longest_piece("a", PiecePlace::goes_on).bytes, 0u);
}

// The longest of the pieces that begin `word`, by trying each.
std::string longest_by_trial(const std::vector<std::string>& pieces, const std::string& word) {
  std::string longest;
  for (const std::string& piece : pieces) {
    if (word.starts_with(piece) && piece.size() > longest.size()) longest = piece;
  }
  return longest;
}

TEST(vocabulary, finds_the_longest_piece_of_every_word_of_seven_letters) {
  const std::vector<std::string> pieces{"a", "ab", "abba", "abbab", "bb", "bbbbbb", "babab", "aab"};
  std::string lines = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n";
  for (const std::string& piece : pieces) lines += piece + "\n";
  const Vocabulary vocabulary = vocabulary_of(lines);

  for (unsigned bits = 0; bits < 128; ++bits) {
    std::string word;
    for (unsigned i = 0; i < 7; ++i) word += (bits >> i & 1) != 0 ? 'a' : 'b';
    const PieceTrie::Match match = vocabulary.longest_piece(word, PiecePlace::begins_word);
    const std::string longest = longest_by_trial(pieces, word);

    EXPECT_EQ(match.bytes, longest.size()) << word;
    EXPECT_EQ(match.bytes > 0 ? vocabulary.piece(match.id) : "", longest) << word;
  }
}

}  // namespace
}  // namespace saddle
