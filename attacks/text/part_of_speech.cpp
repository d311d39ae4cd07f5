#include "attacks/text/part_of_speech.h"

#include <algorithm>

namespace saddle {
namespace {

constexpr std::array<std::string_view, 17> kTags{"ADJ",   "ADP",   "ADV", "AUX",  "CCONJ", "DET",
                                                 "INTJ",  "NOUN",  "NUM", "PART", "PRON",  "PROPN",
                                                 "PUNCT", "SCONJ", "SYM", "VERB", "X"};

constexpr std::array<std::string_view, 4> kClasses{"noun", "verb", "adj", "adv"};

}  // namespace

std::string_view name_of(PartOfSpeech tag) { return kTags[static_cast<std::size_t>(tag)]; }

std::optional<PartOfSpeech> part_of_speech(std::string_view name) {
  const auto found = std::ranges::find(kTags, name);
  if (found == kTags.end()) return std::nullopt;
  return static_cast<PartOfSpeech>(found - kTags.begin());
}

std::string_view name_of(WordClass of) { return kClasses[place_of(of)]; }

std::optional<WordClass> word_class_of(PartOfSpeech tag) {
  switch (tag) {
    case PartOfSpeech::noun: return WordClass::noun;
    case PartOfSpeech::verb: return WordClass::verb;
    case PartOfSpeech::adj: return WordClass::adj;
    case PartOfSpeech::adv: return WordClass::adv;
    default: return std::nullopt;
  }
}

PartOfSpeech tag_of(WordClass of) {
  constexpr std::array kTagOf{PartOfSpeech::noun, PartOfSpeech::verb, PartOfSpeech::adj,
                              PartOfSpeech::adv};
  return kTagOf[place_of(of)];
}

}  // namespace saddle
