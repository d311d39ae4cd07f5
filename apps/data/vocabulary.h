// Vocabulary: the pieces that a BERT knows, from the vocab.txt that belongs to its weights.
//
// A piece's id is the number of its line, from 0; "##ing" goes on a word that another piece begins.
// Checkpoints differ in the ids of [CLS] and the like, so these are looked up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/data/piece_trie.h"
#include "core/file.h"

namespace saddle {

constexpr std::int64_t kMaxVocabularyBytes = std::int64_t{16} << 20;  // of 500,000 pieces: 5 MB

// Where a piece stands in its word.
enum class PiecePlace { begins_word, goes_on };

class Vocabulary {
 public:
  // A piece a line, UTF-8, LF or CRLF; empty lines at the end are passed over. Throws Error, with
  // the file and the line, where the file is missing, empty or larger than kMaxVocabularyBytes, a
  // line is empty, is not UTF-8 or holds a NUL, a piece comes twice, or [PAD], [UNK], [CLS] or
  // [SEP] is not there.
  static Vocabulary load(const std::filesystem::path& file);
  // The same of a file's bytes; `name` begins every message.
  static Vocabulary parse(Bytes bytes, const std::string& name);

  std::int32_t size() const { return static_cast<std::int32_t>(pieces_.size()); }
  // Of an id from 0 to size() - 1.
  const std::string& piece(std::int32_t id) const { return pieces_[static_cast<std::size_t>(id)]; }
  std::optional<std::int32_t> id_of(std::string_view piece) const;

  std::int32_t pad() const { return pad_; }          // [PAD]
  std::int32_t unknown() const { return unknown_; }  // [UNK]
  std::int32_t begin() const { return begin_; }      // [CLS]
  std::int32_t end() const { return end_; }          // [SEP]

  // The longest piece at the beginning of `rest`, which is a word or what is left of it. The bytes
  // are those of the word, without the ##.
  PieceTrie::Match longest_piece(std::string_view rest, PiecePlace place) const {
    return trie_.longest(place == PiecePlace::begins_word ? PieceTrie::kRoot : going_on_, rest);
  }

 private:
  Vocabulary(std::vector<std::string> pieces, const std::string& name);
  std::int32_t required(std::string_view piece, const std::string& name) const;

  std::vector<std::string> pieces_;  // by id
  PieceTrie trie_;
  PieceTrie::Node going_on_;  // behind ##
  std::int32_t pad_, unknown_, begin_, end_;
};

}  // namespace saddle
