// PreTokens: the words and punctuation marks of a text, as an uncased BERT sees them.
//
// What the vocabulary (wordpiece.h) is asked for afterwards: lower case, no accents, no control
// characters, each punctuation mark and each CJK ideograph by itself. As the "fast" tokeniser of
// Hugging Face has it, but by Unicode 15 throughout: that one (0.23) takes categories from Unicode
// 8 and case from 17, so that 624 code points differ, nearly all of them assigned since.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace saddle {

// A list of strings without an allocation for each.
class PreTokens {
 public:
  std::size_t size() const { return ends_.size(); }
  std::string_view operator[](std::size_t i) const {  // UTF-8, not empty
    const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(letters_).substr(begin, ends_[i] - begin);
  }

 private:
  friend class PreTokenizer;
  std::string letters_;            // of all tokens, one after the other
  std::vector<std::size_t> ends_;  // of each token in letters_
};

// In the order of the text. Of any bytes: what is not UTF-8 is left out.
PreTokens pre_tokens(std::string_view text);

}  // namespace saddle
