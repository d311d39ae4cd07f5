// WordPiece: the tokeniser of uncased BERTs, from a text to the ids of its pieces.
//
// The text is taken apart into words and punctuation marks (pre_tokens.h), and of each the longest
// piece at its beginning is taken, then the longest at the beginning of the rest, and so on. The
// ids are those of Hugging Face's "fast" tokeniser; pre_tokens.h says where they are not.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apps/data/vocabulary.h"

namespace saddle {

// What "[SEP]" and the like are in a text, in this spelling: the special token, as Hugging Face
// has it, or three words like any others.
enum class SpecialTokens { recognised, plain_text };

struct EncodedText {
  std::vector<std::int32_t> ids;  // [CLS] ... [SEP], not padded
  std::int64_t cut_off = 0;       // pieces that had no room
};

// Calls from several threads do not meet.
class WordPiece {
 public:
  explicit WordPiece(Vocabulary vocabulary, SpecialTokens special = SpecialTokens::recognised);

  const Vocabulary& vocabulary() const { return vocabulary_; }

  // At most max_length ids, which is 2 at least; the text's last pieces are cut off. Of any bytes.
  EncodedText encode(std::string_view text, std::int64_t max_length) const;

 private:
  struct Special {
    std::string_view text;
    std::int32_t id;
  };
  void append_text(std::string_view text, std::vector<std::int32_t>& ids) const;
  void append_word(std::string_view word, std::vector<std::int32_t>& ids) const;

  Vocabulary vocabulary_;
  std::vector<Special> specials_;  // that are recognised
};

}  // namespace saddle
