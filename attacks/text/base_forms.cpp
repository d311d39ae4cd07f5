#include "attacks/text/base_forms.h"

#include <algorithm>
#include <span>

namespace saddle {
namespace {

// A suffix, and what stands in its place.
struct Detachment {
  std::string_view suffix, ending;
};

// In the order of morphy(7WN).
constexpr Detachment kOfNouns[] = {{"s", ""},      {"ses", "s"},   {"xes", "x"},   {"zes", "z"},
                                   {"ches", "ch"}, {"shes", "sh"}, {"men", "man"}, {"ies", "y"}};
constexpr Detachment kOfVerbs[] = {{"s", ""},   {"ies", "y"}, {"es", "e"},  {"es", ""},
                                   {"ed", "e"}, {"ed", ""},   {"ing", "e"}, {"ing", ""}};
constexpr Detachment kOfAdjectives[] = {{"er", ""}, {"est", ""}, {"er", "e"}, {"est", "e"}};

std::span<const Detachment> rules_of(WordClass of) {
  switch (of) {
    case WordClass::noun: return kOfNouns;
    case WordClass::verb: return kOfVerbs;
    case WordClass::adj: return kOfAdjectives;
    default: return {};
  }
}

bool may_be_detached(std::string_view word, WordClass of) {
  return of != WordClass::noun || (word.size() > 2 && !word.ends_with("ss"));
}

}  // namespace

std::vector<std::string> base_forms(const WordNet& wordnet, std::string_view word, WordClass of) {
  std::vector<std::string> forms;
  const auto take = [&](const std::string& form) {
    if (wordnet.lemma(form, of) && std::ranges::find(forms, form) == forms.end()) {
      forms.push_back(form);
    }
  };
  take(std::string(word));
  const auto& exceptions = wordnet.table(of).exceptions.bases;
  if (const auto found = exceptions.find(word); found != exceptions.end()) {
    for (const std::string& base : found->second) take(base);
    return forms;
  }
  if (!may_be_detached(word, of)) return forms;
  for (const auto& [suffix, ending] : rules_of(of)) {
    if (!word.ends_with(suffix)) continue;
    take(std::string(word.substr(0, word.size() - suffix.size())) + std::string(ending));
  }
  return forms;
}

}  // namespace saddle
