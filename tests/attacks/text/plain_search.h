// The searches once more, transcribed from their pseudo-code: lists of words, one text after the
// other, no cache, no coroutine. The engine's must ask the same questions and end at the same text.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "attacks/text/draws.h"
#include "attacks/text/quirks.h"
#include "tests/attacks/text/word_victim.h"

namespace saddle {

using PlainWords = std::vector<std::string>;

struct PlainMember {
  PlainWords words;
  Answer answer = {};
  std::vector<int> left = {};  // genetic search: how often each word may still be replaced
  bool transformed = false;    // genetic search: a swap is among its ancestors
};

struct PlainEnd {
  std::string text;
  std::int64_t queries = 0;
  bool success = false;
};

inline std::string joined_words(const PlainWords& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

inline std::size_t count_changed(const PlainWords& a, const PlainWords& b) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < a.size(); ++i) count += a[i] != b[i];
  return count;
}

// Whom to attack, for label 1; words are separated by single blanks.
struct PlainProblem {
  WordVictim victim;
  WordBank bank;
  PlainWords original;
  std::int64_t budget = kNoQueryBudget;
};

class PlainQueries {
 public:
  explicit PlainQueries(const PlainProblem& problem) : problem_(problem) {}

  std::vector<Answer> evaluate(const std::vector<PlainWords>& list) {
    std::vector<Answer> answers;
    for (const PlainWords& words : list) {
      if (over()) break;
      ++count_;
      answers.push_back(
          answer_of(problem_.victim(std::vector<std::string>{joined_words(words)})[0], 1));
    }
    return answers;
  }
  bool over() const { return count_ == problem_.budget; }
  std::int64_t count() const { return count_; }

 private:
  const PlainProblem& problem_;
  std::int64_t count_ = 0;
};

// `words` with each candidate of the word at i, by the order of their texts.
inline std::vector<PlainWords> plain_swaps(const PlainProblem& problem, const PlainWords& words,
                                           std::size_t i) {
  std::vector<PlainWords> swaps;
  const auto found = problem.bank.find(words[i]);
  if (found == problem.bank.end()) return swaps;
  for (const std::string& candidate : found->second) {
    if (candidate == words[i]) continue;
    swaps.push_back(words);
    swaps.back()[i] = candidate;
  }
  std::ranges::stable_sort(swaps, {}, joined_words);
  return swaps;
}

PlainEnd plain_pso(const PlainProblem& problem, const Quirks& quirks, TextDraws draws);

// `near` says whether a word may take the place of another.
using NearWords = std::function<bool(const std::string& word, const std::string& candidate)>;
PlainEnd plain_iga(const PlainProblem& problem, const NearWords& near_words, const Quirks& quirks,
                   TextDraws draws);

}  // namespace saddle
