#include "attacks/text/attacked_text.h"

#include <algorithm>
#include <utility>

#include "core/error.h"

namespace saddle {

AttackedText::AttackedText(std::string text, Compat compat) {
  Body body{.text = std::move(text), .compat = compat};
  body.ranges = word_ranges(body.text, compat);
  body.modified.resize(body.ranges.size());
  body_ = std::make_shared<const Body>(std::move(body));
}

std::vector<std::string_view> AttackedText::words() const {
  std::vector<std::string_view> words;
  words.reserve(word_count());
  for (std::size_t i = 0; i < word_count(); ++i) words.push_back(word(i));
  return words;
}

// The new text with its ranges as if every new word were one word; nothing is modified yet.
AttackedText::Body AttackedText::rewritten(std::span<const std::size_t> indices,
                                           std::span<const std::string_view> words) const {
  Body next{.compat = body_->compat, .modified = body_->modified};
  next.text.reserve(body_->text.size() + 16 * indices.size());
  next.ranges.reserve(word_count());
  std::size_t copied = 0, next_index = 0;
  for (std::size_t i = 0; i < word_count(); ++i) {
    const WordRange old = body_->ranges[i];
    const bool replaced = next_index < indices.size() && indices[next_index] == i;
    const std::string_view put = replaced ? words[next_index] : word(i);
    next_index += replaced;
    next.text.append(body_->text, copied, old.begin - copied);
    const auto begin = static_cast<std::uint32_t>(next.text.size());
    next.text += put;
    next.ranges.push_back({begin, static_cast<std::uint32_t>(next.text.size())});
    copied = old.end;
  }
  next.text.append(body_->text, copied);
  return next;
}

std::optional<AttackedText> AttackedText::replace(std::span<const std::size_t> indices,
                                                  std::span<const std::string_view> words) const {
  require(indices.size() == words.size(), "attacked text: ", words.size(), " words for ",
          indices.size(), " places");
  Body next = rewritten(indices, words);
  bool plain = true;
  for (std::size_t j = 0; j < indices.size(); ++j) {
    require(indices[j] < word_count() && (j == 0 || indices[j - 1] < indices[j]),
            "attacked text: places must ascend and lie below ", word_count());
    plain = plain && !words[j].empty() && only_word(words[j], compat()) == words[j];
    if (words[j] == word(indices[j])) continue;
    next.modified[indices[j]] = true;
    next.newly_modified.push_back(indices[j]);
  }
  if (!plain) next.ranges = word_ranges(next.text, compat());
  if (next.ranges.size() != word_count()) return std::nullopt;
  next.transformed = true;
  return AttackedText(std::move(next));
}

std::string AttackedText::text_with(std::size_t index, std::string_view word) const {
  const WordRange old = body_->ranges[index];
  std::string text;
  text.reserve(body_->text.size() - (old.end - old.begin) + word.size());
  text.append(body_->text, 0, old.begin).append(word).append(body_->text, old.end);
  return text;
}

std::string AttackedText::text_without(std::size_t index) const {
  WordRange gone = body_->ranges[index];
  const std::string& text = body_->text;
  if (gone.end == text.size())
    return text.substr(0, gone.begin);  // no word follows: nothing to close up
  if (index == 0 && text[gone.end] == ' ') ++gone.end;
  if (index > 0 && text[gone.begin - 1] == ' ') --gone.begin;
  return text.substr(0, gone.begin) + text.substr(gone.end);
}

AttackedText mixed(const AttackedText& from, const AttackedText& to,
                   const std::vector<bool>& taken) {
  require(from.word_count() == to.word_count() && taken.size() == from.word_count(),
          "attacked text: ", from.word_count(), " and ", to.word_count(),
          " words cannot be mixed by ", taken.size(), " choices");
  std::vector<std::size_t> indices;
  std::vector<std::string_view> words;
  for (std::size_t i = 0; i < taken.size(); ++i) {
    if (!taken[i] || from.word(i) == to.word(i)) continue;
    indices.push_back(i);
    words.push_back(to.word(i));
  }
  AttackedText::Body next = from.rewritten(indices, words);
  for (std::size_t i = 0; i < taken.size(); ++i) {
    if (taken[i]) next.modified[i] = to.modified(i);
  }
  next.newly_modified = std::move(indices);
  next.transformed = from.transformed() || to.transformed();
  return AttackedText(std::move(next));
}

std::vector<std::size_t> differences(const AttackedText& a, const AttackedText& b) {
  std::vector<std::size_t> different;
  for (std::size_t i = 0; i < std::min(a.word_count(), b.word_count()); ++i) {
    if (a.word(i) != b.word(i)) different.push_back(i);
  }
  return different;
}

std::size_t count_differences(const AttackedText& a, const AttackedText& b) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < std::min(a.word_count(), b.word_count()); ++i) {
    count += a.word(i) != b.word(i);
  }
  return count;
}

}  // namespace saddle
