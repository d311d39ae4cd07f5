#include "attacks/text/swaps.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>

#include "core/error.h"

namespace saddle {

SwapFinder::SwapFinder(const SwapRules& rules, const AttackedText& original, std::int64_t example)
    : rules_(&rules),
      original_(original),
      original_words_(original_.words()),
      example_(example),
      most_changed_(most_changed_words(original.word_count(), rules.most_changed)) {
  require(static_cast<bool>(rules.in_text) != static_cast<bool>(rules.of_word),
          "text attack: its rules need one source of candidates, by text or by word");
}

bool SwapFinder::may_touch(const AttackedText& text, std::size_t i) const {
  if (rules_->repeats == Repeats::forbidden && text.modified(i)) return false;
  return !rules_->is_stop_word || !rules_->is_stop_word(text.word(i));
}

std::vector<std::size_t> SwapFinder::allowed(const AttackedText& text) const {
  std::vector<std::size_t> indices;
  for (std::size_t i = 0; i < text.word_count(); ++i) {
    if (may_touch(text, i)) indices.push_back(i);
  }
  return indices;
}

// Written as `word` is, without `word` itself, what is not one word, and what the rules refuse.
SwapFinder::Words SwapFinder::usable(std::string_view word, const Words& candidates) {
  Words usable;
  for (const std::string& raw : candidates) {
    std::string candidate = with_case_of(raw, word);
    if (candidate == word) continue;
    const std::string_view only = only_word(candidate, original_.compat());
    if (only.empty()) ++rejected_;
    if (only.empty() || (rules_->accepts && !rules_->accepts(word, only))) continue;
    usable.push_back(std::move(candidate));
  }
  return usable;
}

const SwapFinder::Words& SwapFinder::candidates_of(std::string_view word) {
  const auto [entry, is_new] = known_.try_emplace(std::string(word));
  if (is_new) entry->second = usable(word, rules_->of_word(lower_case(word)));
  return entry->second;
}

std::vector<SwapFinder::Words> SwapFinder::candidates(const AttackedText& current,
                                                      std::span<const std::size_t> indices) {
  const std::vector<std::string_view> words = current.words();
  std::vector<Words> lists = rules_->in_text({example_, words, indices});
  require(lists.size() == indices.size(), "text attack: the source of candidates gave ",
          lists.size(), " lists for ", indices.size(), " words");
  for (std::size_t j = 0; j < lists.size(); ++j) lists[j] = usable(words[indices[j]], lists[j]);
  return lists;
}

// Appends the swaps at `i`; `elsewhere` words differ from the original's at other indices.
void SwapFinder::add_swaps(const AttackedText& current, std::size_t i, const Words& words,
                           std::size_t elsewhere, std::vector<Swap>& swaps) const {
  const auto begin = static_cast<std::ptrdiff_t>(swaps.size());
  for (const std::string& word : words) {
    const std::string_view only = only_word(word, current.compat());
    if (elsewhere + (only != original_words_[i]) > most_changed_) continue;
    if (rules_->accepts_in_text && !rules_->accepts_in_text(original_words_, i, only)) continue;
    swaps.push_back({i, word, current.text_with(i, word)});
  }
  const auto rest = [&](const Swap& swap) {  // they are the same before it
    return std::string_view(swap.text).substr(current.begin_of(i));
  };
  std::ranges::stable_sort(swaps.begin() + begin, swaps.end(), {}, rest);
}

std::vector<Swap> SwapFinder::find(const AttackedText& current,
                                   std::span<const std::size_t> asked) {
  std::vector<std::size_t> indices;
  for (std::size_t i : asked) {
    if (may_touch(current, i)) indices.push_back(i);
  }
  if (indices.empty()) return {};
  const std::vector<Words> lists =
      rules_->in_text ? candidates(current, indices) : std::vector<Words>{};
  const std::size_t changed = count_differences(current, original_);
  std::vector<Swap> swaps;
  for (std::size_t j = 0; j < indices.size(); ++j) {
    const std::string_view word = current.word(indices[j]);
    add_swaps(current, indices[j], rules_->in_text ? lists[j] : candidates_of(word),
              changed - (word != original_words_[indices[j]]), swaps);
  }
  return swaps;
}

std::vector<Swap> SwapFinder::find(const AttackedText& current) {
  std::vector<std::size_t> all(current.word_count());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return find(current, all);
}

bool SwapFinder::passes(const AttackedText& text, const AttackedText& current) const {
  if (text.text() == current.text()) return false;
  if (count_differences(text, original_) > most_changed_) return false;
  return std::ranges::all_of(text.newly_modified(), [&](std::size_t i) {
    return (!rules_->accepts || rules_->accepts(current.word(i), text.word(i))) &&
           (!rules_->accepts_in_text || rules_->accepts_in_text(original_words_, i, text.word(i)));
  });
}

AttackedText swapped(const AttackedText& current, const Swap& swap) {
  const std::string_view word = swap.word;
  const std::optional<AttackedText> next = current.replace({&swap.index, 1}, {&word, 1});
  require(next.has_value(), "attacked text: '", swap.word, "' is not one word");
  return *next;
}

std::vector<std::string> texts_out_of(std::vector<Swap>& swaps) {
  std::vector<std::string> texts;
  texts.reserve(swaps.size());
  for (Swap& swap : swaps) texts.push_back(std::move(swap.text));
  return texts;
}

}  // namespace saddle
