#include "attacks/text/wordnet_bank.h"

#include <algorithm>

namespace saddle {

CandidateBank wordnet_bank(const WordNet& wordnet, std::span<const std::string> words,
                           Relatives relatives) {
  CandidateBank bank;
  for (const std::string& word : words) {
    CandidateBank::Substitutes substitutes;
    for (const WordClass of : kWordClasses) {
      substitutes[place_of(of)] = synonyms(wordnet, word, of, relatives);
    }
    const bool any =
        std::ranges::any_of(substitutes, [](const auto& list) { return !list.empty(); });
    if (any) bank.words.emplace(word, std::move(substitutes));
  }
  return bank;
}

}  // namespace saddle
