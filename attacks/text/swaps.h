// Swaps: all texts that are one word away from a text and that an attack's rules allow.
//
// Where candidates come from, and whatever they must keep to, is a SwapRules; the searches (pso.h,
// iga.h, greedy_search.h) see nothing else of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "attacks/text/attacked_text.h"
#include "attacks/text/constraints.h"

namespace saddle {

// Where candidates are asked for.
struct Places {
  std::int64_t example = 0;                 // its number in the data set
  std::span<const std::string_view> words;  // of the text as it is now
  std::span<const std::size_t> indices;     // ascending
};

// The words that may stand at each of the indices, in any case; [indices].
using CandidatesInText = std::function<std::vector<std::vector<std::string>>(const Places& places)>;

// Those of a word, given in lower case, whatever stands around it.
using CandidatesOfWord = std::function<std::vector<std::string>(std::string_view word)>;

// Whether a word may be replaced that was replaced before.
enum class Repeats { allowed, forbidden };

struct SwapRules {
  CandidatesInText in_text = {};  // one of these two
  CandidatesOfWord of_word = {};
  IsStopWord is_stop_word = {};  // stop words stay; none: no word is one
  Repeats repeats = Repeats::allowed;
  double most_changed = 1;           // share of the words that may differ from the original's
  WordFilter accepts = {};           // of the word that stands there now and a candidate
  PlaceFilter accepts_in_text = {};  // of the original text and a candidate
};

// The text with another word at one index.
struct Swap {
  std::size_t index = 0;
  std::string word, text;
};

// Finds the swaps of one example.
class SwapFinder {
 public:
  // Keeps a reference to the rules. Throws Error where they name no source of candidates, or two.
  SwapFinder(const SwapRules& rules, const AttackedText& original, std::int64_t example);

  // The indices that may be touched in `text`.
  std::vector<std::size_t> allowed(const AttackedText& text) const;

  // At these indices, which ascend, or at all, where the rules allow it: one index after the other,
  // those of one sorted by the bytes of their texts. Equal ones stay where the source repeats
  // itself.
  std::vector<Swap> find(const AttackedText& current, std::span<const std::size_t> indices);
  std::vector<Swap> find(const AttackedText& current);

  // Whether a text made in another way, of `current`, keeps to the rules for candidates.
  bool passes(const AttackedText& text, const AttackedText& current) const;

  // How often a source's candidate was left out since it is not one word ("motion picture").
  std::int64_t rejected() const { return rejected_; }

 private:
  using Words = std::vector<std::string>;

  bool may_touch(const AttackedText& text, std::size_t i) const;
  Words usable(std::string_view word, const Words& candidates);
  std::vector<Words> candidates(const AttackedText& current, std::span<const std::size_t> indices);
  const Words& candidates_of(std::string_view word);
  void add_swaps(const AttackedText& current, std::size_t i, const Words& words,
                 std::size_t elsewhere, std::vector<Swap>& swaps) const;

  const SwapRules* rules_;
  AttackedText original_;
  std::vector<std::string_view> original_words_;
  std::int64_t example_, rejected_ = 0;
  std::size_t most_changed_;
  std::unordered_map<std::string, Words> known_;  // usable candidates of words met so far
};

// The text that a swap of `current` stands for, which its index and word alone say.
AttackedText swapped(const AttackedText& current, const Swap& swap);

// Moves their texts out of them, to be asked about.
std::vector<std::string> texts_out_of(std::vector<Swap>& swaps);

}  // namespace saddle
