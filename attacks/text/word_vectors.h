// WordVectors: a point for each word, near each other where words are used alike.
//
// Counter-fitted vectors push antonyms apart; plain GloVe vectors do not (antonyms.h). Both come as
// text or as vectors.npy beside words.txt.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "attacks/text/string_table.h"
#include "core/file.h"

namespace saddle {

// Rows are brought to length 1 (counter-fitted ones nearly have it; distances then mean angles), or
// stay as they are in the file.
enum class RowScale { unit, raw };

class WordVectors {
 public:
  // `values` are [words, dimensions]. Throws Error, which `name` begins, where there are none or
  // another number of them, and with the row for one that is not finite. The row of a word that an
  // earlier row has, too, is kept, but is nobody's.
  WordVectors(StringTable words, std::int64_t dimensions, std::span<const float> values,
              RowScale scale, const std::string& name);

  std::int32_t size() const { return static_cast<std::int32_t>(words_.size()); }
  std::int64_t dimensions() const { return dimensions_; }
  std::string_view word(std::int32_t row) const { return words_[static_cast<std::size_t>(row)]; }

  // The first row of that word, letter for letter.
  std::optional<std::int32_t> row_of(std::string_view word) const;

  // [dimensions]
  std::span<const float> vector(std::int32_t row) const {
    return {begin_of(row), static_cast<std::size_t>(dimensions_)};
  }

  // Whether the row may be another's neighbour: the first of its word, and not zero throughout.
  bool matches(std::int32_t row) const { return matches_[static_cast<std::size_t>(row)] != 0; }

  // sum over k of (a_k - b_k)^2 in float32, added in one order on every machine: 2 - 2 cos for
  // vectors of length 1.
  float squared_distance(std::int32_t a, std::int32_t b) const;

  // The same of two words; nothing where one has no vector.
  std::optional<float> squared_distance(std::string_view a, std::string_view b) const;

 private:
  const float* begin_of(std::int32_t row) const { return values_.data() + row * stride_; }
  void copy_rows(std::span<const float> values, RowScale scale, const std::string& name);
  void sort_words();

  StringTable words_;
  std::int64_t dimensions_ = 0, stride_ = 0;
  std::vector<float> values_;          // [words, stride], zeros behind the dimensions
  std::vector<std::int32_t> by_word_;  // rows in the order of their words' bytes, then of rows
  std::vector<char> matches_;          // [words]
};

// GloVe's text: a word a line and its numbers, between single blanks. A first line of two whole
// numbers, how many words and how many numbers, is word2vec's. Throws Error with the line number
// for anything else.
WordVectors parse_text_vectors(Bytes bytes, RowScale scale, const std::string& name);

// vectors.npy, float32 or float64, and the words of its rows, one a line.
WordVectors parse_npy_vectors(Bytes vectors, Bytes words, RowScale scale, const std::string& name,
                              const std::string& words_name);

// From a file that ends in .npy, with words.txt beside it, or from one of text.
WordVectors load_word_vectors(const std::filesystem::path& file, RowScale scale = RowScale::unit);

// The files that it reads.
std::vector<std::filesystem::path> word_vector_files(const std::filesystem::path& file);

}  // namespace saddle
