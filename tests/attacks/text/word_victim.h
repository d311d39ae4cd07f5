// A victim that adds up numbers of words, and what an attack needs to be run on it in a line.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attacks/text/swaps.h"
#include "attacks/text/text_attack.h"

namespace saddle {

// z = bias + sum of theta over the words; logits (0, z), so class 1 where z > 0.
struct WordVictim {
  std::map<std::string, float, std::less<>> theta;
  float bias = 0;

  std::vector<std::vector<float>> operator()(std::span<const std::string> texts) const {
    std::vector<std::vector<float>> logits;
    for (const std::string& text : texts) {
      float z = bias;
      for (const WordRange word : word_ranges(text, Compat::of_2024)) {
        const auto found =
            theta.find(std::string_view(text).substr(word.begin, word.end - word.begin));
        if (found != theta.end()) z += found->second;
      }
      logits.push_back({0, z});
    }
    return logits;
  }
};

// Candidates of words.
using WordBank = std::map<std::string, std::vector<std::string>, std::less<>>;

inline CandidatesOfWord of_word(WordBank bank) {
  return [bank = std::move(bank)](std::string_view word) {
    const auto found = bank.find(word);
    return found == bank.end() ? std::vector<std::string>{} : found->second;
  };
}

inline CandidatesInText in_text(WordBank bank) {
  return [source = of_word(std::move(bank))](const Places& places) {
    std::vector<std::vector<std::string>> lists;
    for (std::size_t i : places.indices) lists.push_back(source(lower_case(places.words[i])));
    return lists;
  };
}

// Every two words are near each other.
inline std::optional<float> near(std::string_view, std::string_view) { return 0.f; }

inline IsStopWord stop_words(std::set<std::string, std::less<>> words) {
  return [words = std::move(words)](std::string_view word) { return words.contains(word); };
}

// One search on examples, in the order of their numbers.
inline std::vector<TextOutcome> attacked(const std::vector<TextExample>& examples,
                                         const TextSearch& search, const TextVictim& victim,
                                         const TextAttackOptions& options = {}) {
  std::vector<TextOutcome> outcomes;
  const auto keep = [&](const TextOutcome& outcome) { outcomes.push_back(outcome); };
  attack_texts(examples, search, victim, options, {.done = keep});
  std::ranges::sort(outcomes, {}, &TextOutcome::index);
  return outcomes;
}

inline TextOutcome attacked(const std::string& text, const TextSearch& search,
                            const TextVictim& victim, const TextAttackOptions& options = {}) {
  return attacked(std::vector<TextExample>{{0, text, 1}}, search, victim, options)[0];
}

// One text under many seeds: as many examples with the same text.
inline std::vector<TextExample> copies(const std::string& text, int count) {
  std::vector<TextExample> examples;
  for (int i = 0; i < count; ++i) examples.push_back({i, text, 1});
  return examples;
}

inline std::int64_t successes(const std::vector<TextOutcome>& outcomes) {
  return std::ranges::count(outcomes, TextStatus::succeeded, &TextOutcome::status);
}

inline double mean_queries(const std::vector<TextOutcome>& outcomes) {
  double sum = 0;
  for (const TextOutcome& outcome : outcomes) sum += static_cast<double>(outcome.queries);
  return sum / static_cast<double>(outcomes.size());
}

// The model of P5 and G5: four words with two candidates each. Of 81 texts 15 are taken for class
// 0, none of which has fewer than 3 words changed.
inline const std::string kFourWords = "a0 a1 a2 a3";
inline const WordVictim kFourWordVictim = [] {
  WordVictim victim;
  victim.bias = 0.6f;
  for (const char* i : {"0", "1", "2", "3"}) {
    victim.theta[std::string("a") + i] = 1;
    victim.theta[std::string("x") + i] = -1;
    victim.theta[std::string("y") + i] = 0.5f;
  }
  return victim;
}();
inline const WordBank kFourWordBank = {
    {"a0", {"x0", "y0"}}, {"a1", {"x1", "y1"}}, {"a2", {"x2", "y2"}}, {"a3", {"x3", "y3"}}};

}  // namespace saddle
