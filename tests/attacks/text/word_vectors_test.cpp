// Word vectors from text and from NPY.
#include "attacks/text/word_vectors.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "attacks/text/constraints.h"
#include "core/error.h"
#include "core/format.h"
#include "tests/attacks/text/npy_files.h"
#include "tests/attacks/text/tiny_wordnet.h"
#include "tests/support/expect_near.h"
#include "tests/support/temporary_directory.h"

namespace saddle {
namespace {

using Values = std::vector<float>;

WordVectors from_text(std::string_view text, RowScale scale = RowScale::unit) {
  return parse_text_vectors(bytes_of(text), scale, "v.txt");
}

std::string refusal_of_text(std::string_view text) {
  return testing_support::message_of<Error>([&] { from_text(text); });
}

std::string refusal_of_npy(const std::string& vectors, std::string_view words) {
  return testing_support::message_of<Error>([&] {
    parse_npy_vectors(bytes_of(vectors), bytes_of(words), RowScale::unit, "v.npy", "words.txt");
  });
}

Values values_of(const WordVectors& vectors, std::int32_t row) {
  const auto span = vectors.vector(row);
  return {span.begin(), span.end()};
}

std::string on_circle(const char* word, double degrees) {
  const double angle = degrees * std::numbers::pi / 180;
  return formatted("%s %.9g %.9g\n", word, std::cos(angle), std::sin(angle));
}

TEST(WordVectors, are_read_from_lines_of_text) {
  const WordVectors vectors = from_text("the 3 4\nfilm -1e0 0 \r\n\xc3\xa9t\xc3\xa9 0.5 0.5");

  EXPECT_EQ(vectors.size(), 3);
  EXPECT_EQ(vectors.dimensions(), 2);
  EXPECT_EQ(vectors.word(2), "\xc3\xa9t\xc3\xa9");
  EXPECT_EQ(values_of(vectors, 0), (Values{0.6f, 0.8f}));
  EXPECT_EQ(values_of(vectors, 1), (Values{-1, 0}));
  EXPECT_EQ(vectors.row_of("film"), 1);
  EXPECT_EQ(vectors.row_of("Film"), std::nullopt);
  EXPECT_EQ(vectors.row_of(""), std::nullopt);
}

TEST(WordVectors, of_word2vec_have_a_first_line_that_must_be_right) {
  EXPECT_EQ(from_text("2 3\na 1 2 3\nb 4 5 6\n").size(), 2);
  EXPECT_EQ(from_text("3 2\na 1 2\nb 4 5\nc 6 7\n").dimensions(), 2);
  EXPECT_EQ(from_text("2 3 4\n5 6 7\n").word(0), "2");  // three fields are a word and its numbers
  EXPECT_CONTAINS(refusal_of_text("3 3\na 1 2 3\nb 4 5 6\n"),
                  "v.txt has 2 words, its first line says 3");
  EXPECT_CONTAINS(refusal_of_text("2 2\na 1 2 3\nb 4 5 6\n"),
                  "line 2 has 4 fields, expected a word and 2");
  EXPECT_CONTAINS(refusal_of_text("a 1\nb 2\n"), "v.txt, line 1 has two fields, 'a 1'");
  EXPECT_CONTAINS(refusal_of_text("2 9999999999\na 1 2\n"), "v.txt, line 1 has two fields");
  EXPECT_CONTAINS(refusal_of_text("2 2147483647\na 1 2\nb 1 2\n"), "line 2 has 3 fields");
}

TEST(WordVectors, are_refused_with_the_number_of_the_line_that_is_wrong) {
  EXPECT_EQ(refusal_of_text("a 1 2\nb 1 2 3\n"),
            "v.txt, line 2 has 4 fields, expected a word and 2 numbers between single blanks");
  EXPECT_CONTAINS(refusal_of_text("a 1 2\nb 1\n"), "line 2 has 2 fields");
  EXPECT_CONTAINS(refusal_of_text("a 1 2\n\n"), "line 2 has 0 fields");
  EXPECT_CONTAINS(refusal_of_text("a 1 2\nb 1  2\n"), "line 2 has 4 fields");
  EXPECT_CONTAINS(refusal_of_text("a 1 2\nb 1 two\n"),
                  "line 2 has 'two', expected a finite number");
  EXPECT_CONTAINS(refusal_of_text("a 1 2\nb 1 nan\n"), "line 2 has 'nan'");
  EXPECT_CONTAINS(refusal_of_text("a 1 2\nb 1 -inf\n"), "line 2 has '-inf'");
  EXPECT_CONTAINS(refusal_of_text("a 1 2\nb 1 1e39\n"), "line 2 has '1e39'");
  EXPECT_CONTAINS(refusal_of_text("a 1 2\nb 1 0x2\n"), "line 2 has '0x2'");
  EXPECT_CONTAINS(refusal_of_text("a 1 2\n\xff 1 2\n"),
                  R"(line 2 has '\xff', expected a word: UTF-8)");
  EXPECT_CONTAINS(refusal_of_text("a 1 2\n 1 2\n"), "line 2 has '', expected a word");
  EXPECT_CONTAINS(refusal_of_text(std::string_view("a 1 2\nb\0 1 2\n", 13)),
                  R"(line 2 has 'b\x00')");
  EXPECT_CONTAINS(refusal_of_text(""), "v.txt holds no vectors");
  EXPECT_CONTAINS(refusal_of_text("2 2\n"), "v.txt has 0 words");
  EXPECT_CONTAINS(refusal_of_text("word\n"), "line 1 has 1 fields");
  EXPECT_LT(refusal_of_text("a 1 2\n" + std::string(1 << 20, 'x') + " 1 y\n").size(), 500u);
}

// cos 10 = 0.984808, cos 50 = 0.642788: 2 - 2 cos.
TEST(WordVectors, on_the_unit_circle_have_distances_of_2_minus_2_cos) {
  const WordVectors vectors =
      from_text(on_circle("a", 0) + on_circle("b", 10) + on_circle("c", 50));

  EXPECT_NEAR(vectors.squared_distance(0, 1), 0.030384f, 1e-6);
  EXPECT_NEAR(vectors.squared_distance(0, 2), 0.714425f, 1e-6);
  EXPECT_EQ(vectors.squared_distance(0, 0), 0);
  EXPECT_EQ(vectors.squared_distance("c", "a"), vectors.squared_distance(0, 2));
  EXPECT_EQ(vectors.squared_distance("c", "zebra"), std::nullopt);
}

// All of length 1, so that numbers are exact: b has the cosine 0.75 with a, c 0.7499.
TEST(WordVectors, pass_a_limit_of_a_half_up_to_a_cosine_of_three_quarters) {
  const WordVectors vectors =
      from_text("a 1 0 0 0 0\nb 0.75 0.5 0.25 0.25 0.25\n" +
                formatted("c 0.7499 %.9g 0 0 0\n", std::sqrt(1 - 0.7499 * 0.7499)));
  const WordFilter near = within_distance(
      [&](std::string_view a, std::string_view b) { return vectors.squared_distance(a, b); }, 0.5f);

  EXPECT_EQ(vectors.squared_distance("a", "b"), 0.5f);
  EXPECT_TRUE(near("a", "b"));
  EXPECT_TRUE(near("B", "A"));
  EXPECT_FALSE(near("a", "c"));
  EXPECT_TRUE(near("a", "zebra"));
}

TEST(WordVectors, are_brought_to_length_1_unless_raw) {
  EXPECT_EQ(values_of(from_text("a 3 4\n", RowScale::unit), 0), (Values{0.6f, 0.8f}));
  EXPECT_EQ(values_of(from_text("a 3 4\n", RowScale::raw), 0), (Values{3, 4}));
  EXPECT_EQ(values_of(from_text("a 3e37 4e37\n"), 0), (Values{0.6f, 0.8f}));
  EXPECT_EQ(values_of(from_text("a 3e-44 0\n"), 0), (Values{1, 0}));
  EXPECT_EQ(from_text("a 3 4\nb 0 4\n", RowScale::raw).squared_distance(0, 1), 9);
}

TEST(WordVectors, of_zeros_are_kept_at_distance_1_and_match_nothing) {
  const WordVectors vectors = from_text("a 0 0\nb 3 4\n");

  EXPECT_EQ(values_of(vectors, 0), (Values{0, 0}));
  EXPECT_NEAR(vectors.squared_distance(0, 1), 1, 1e-6);
  EXPECT_EQ(vectors.row_of("a"), 0);
  EXPECT_FALSE(vectors.matches(0));
  EXPECT_TRUE(vectors.matches(1));
}

TEST(WordVectors, of_a_word_that_comes_twice_are_those_of_its_first_line) {
  const WordVectors vectors = from_text("b 1 0\na 1 0\nb 0 1\nb 1 1\n");

  EXPECT_EQ(vectors.row_of("b"), 0);
  EXPECT_EQ(vectors.row_of("a"), 1);
  EXPECT_EQ(vectors.size(), 4);
  EXPECT_FALSE(vectors.matches(2));
  EXPECT_FALSE(vectors.matches(3));
}

// 11 dimensions: the last lanes of the sum have fewer terms.
TEST(WordVectors, add_all_dimensions_to_the_distance) {
  const WordVectors vectors =
      from_text("a 1 2 3 4 5 6 7 8 9 10 11\nb 0 0 0 0 0 0 0 0 0 0 1\n", RowScale::raw);

  EXPECT_EQ(vectors.squared_distance(0, 1), 385 + 100);
}

TEST(WordVectors, of_npy_are_those_of_the_same_text) {
  const WordVectors text = from_text("a 0.1 0.25 3\nb 0 0 0\nc -7 1e-3 2\n");
  const std::vector<float> f4{0.1f, 0.25f, 3, 0, 0, 0, -7, 1e-3f, 2};
  const std::vector<double> f8{0.1, 0.25, 3, 0, 0, 0, -7, 1e-3, 2};

  const WordVectors of_f4 =
      parse_npy_vectors(bytes_of(npy_matrix("<f4", "3, 3", f4)), bytes_of("a\nb\nc\n"),
                        RowScale::unit, "v.npy", "words.txt");
  const WordVectors of_f8 =
      parse_npy_vectors(bytes_of(npy_matrix("<f8", "3, 3", f8)), bytes_of("a\r\nb\r\nc"),
                        RowScale::unit, "v.npy", "words.txt");

  for (std::int32_t row = 0; row < 3; ++row) {
    EXPECT_EQ(values_of(of_f4, row), values_of(text, row)) << row;
    EXPECT_EQ(values_of(of_f8, row), values_of(text, row)) << row;
    EXPECT_EQ(of_f4.word(row), text.word(row));
    EXPECT_EQ(of_f4.matches(row), text.matches(row));
  }
}

TEST(WordVectors, of_npy_are_refused_where_words_and_rows_differ) {
  const std::string vectors = npy_matrix<float>("<f4", "2, 2", {1, 2, 3, 4});

  EXPECT_CONTAINS(refusal_of_npy(vectors, "a\n"),
                  "words.txt has 1 words, and v.npy 2 rows. They do not belong together");
  EXPECT_CONTAINS(refusal_of_npy(vectors, "a\n\n"), "words.txt, line 2 has ''");
  EXPECT_CONTAINS(refusal_of_npy(vectors, "a\nb\xff\n"), "words.txt, line 2 has");
  EXPECT_CONTAINS(refusal_of_npy(npy_matrix<float>("<f4", "2, 2", {1, 2, NAN, 4}), "a\nb\n"),
                  "v.npy: row 1 has a number that is not finite");
  EXPECT_CONTAINS(refusal_of_npy(npy_matrix<double>("<f8", "1, 1", {1e39}), "a\n"),
                  "v.npy: row 0 has a number that is not finite");
  EXPECT_CONTAINS(refusal_of_npy(npy_matrix<int>("<i4", "1, 1", {1}), "a\n"), "whole numbers");
}

TEST(WordVectors, are_loaded_from_text_or_from_npy_with_its_words_beside) {
  const TemporaryDirectory directory;
  const auto write = [&](const char* name, const std::string& contents) {
    const Bytes bytes = bytes_of(contents);
    directory.write(name, {bytes.begin(), bytes.end()});
  };
  write("glove.txt", "a 1 0\nb 0 1\n");
  write("vectors.npy", npy_matrix<float>("<f4", "1, 2", {0, 2}));
  write("words.txt", "c\n");

  EXPECT_EQ(load_word_vectors(directory.path() / "glove.txt").size(), 2);
  EXPECT_EQ(load_word_vectors(directory.path() / "vectors.npy").word(0), "c");
  EXPECT_EQ(word_vector_files("d/vectors.npy"),
            (std::vector<std::filesystem::path>{"d/vectors.npy", "d/words.txt"}));
  EXPECT_EQ(word_vector_files("glove.txt"), std::vector<std::filesystem::path>{"glove.txt"});
}

}  // namespace
}  // namespace saddle
