// AttackedText: a text as an attack on words sees it: words, what stands between them, and which of
// the words are no longer the original's.
//
// An immutable value. Copies share what they hold, so a population of them is cheap to keep.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "attacks/text/words.h"

namespace saddle {

class AttackedText {
 public:
  // An original.
  AttackedText(std::string text, Compat compat);

  const std::string& text() const { return body_->text; }
  Compat compat() const { return body_->compat; }
  std::size_t word_count() const { return body_->ranges.size(); }
  std::string_view word(std::size_t i) const {
    const WordRange range = body_->ranges[i];
    return std::string_view(body_->text).substr(range.begin, range.end - range.begin);
  }
  std::size_t begin_of(std::size_t i) const { return body_->ranges[i].begin; }  // in bytes
  // They view this text.
  std::vector<std::string_view> words() const;

  // Whether an operation since the original, or the one that made this text, changed the word.
  bool modified(std::size_t i) const { return body_->modified[i]; }
  const std::vector<std::size_t>& newly_modified() const { return body_->newly_modified; }

  // Whether it, or a text that it was mixed of, comes from replace().
  bool transformed() const { return body_->transformed; }

  // The text with words replaced at these indices, which ascend. Nothing where it then has another
  // number of words, as after "film" -> "motion picture".
  std::optional<AttackedText> replace(std::span<const std::size_t> indices,
                                      std::span<const std::string_view> words) const;

  // The same of one index, as a string without further ado; and without the word and the blank
  // beside it: before it, or behind the first word of a text.
  std::string text_with(std::size_t index, std::string_view word) const;
  std::string text_without(std::size_t index) const;

  // `from` with the words of `to`, which has as many, where `taken` [words]; there it also takes
  // over whether they are modified. What stands between the words is from's.
  friend AttackedText mixed(const AttackedText& from, const AttackedText& to,
                            const std::vector<bool>& taken);

 private:
  struct Body {
    std::string text = {};
    Compat compat = Compat::of_2024;
    std::vector<WordRange> ranges = {};            // [words]
    std::vector<bool> modified = {};               // [words]
    std::vector<std::size_t> newly_modified = {};  // ascending
    bool transformed = false;
  };

  explicit AttackedText(Body body) : body_(std::make_shared<const Body>(std::move(body))) {}
  Body rewritten(std::span<const std::size_t> indices,
                 std::span<const std::string_view> words) const;

  std::shared_ptr<const Body> body_;
};

// Indices of the words that differ, upper from lower case told apart. Both have as many words.
std::vector<std::size_t> differences(const AttackedText& a, const AttackedText& b);
std::size_t count_differences(const AttackedText& a, const AttackedText& b);

}  // namespace saddle
