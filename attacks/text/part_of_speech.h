// Parts of speech: the universal tags that a word of a text has, and the four of them whose words
// have substitutes (WordClass), as WordNet and candidate banks know them.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace saddle {

// The tags of Universal Dependencies, in their order.
enum class PartOfSpeech {
  adj,
  adp,
  adv,
  aux,
  cconj,
  det,
  intj,
  noun,
  num,
  part,
  pron,
  propn,
  punct,
  sconj,
  sym,
  verb,
  x
};

// "NOUN"
std::string_view name_of(PartOfSpeech tag);

// The tag of that name; nothing where there is none.
std::optional<PartOfSpeech> part_of_speech(std::string_view name);

enum class WordClass { noun, verb, adj, adv };

inline constexpr std::array kWordClasses{WordClass::noun, WordClass::verb, WordClass::adj,
                                         WordClass::adv};

// Its place in tables of four.
constexpr std::size_t place_of(WordClass of) { return static_cast<std::size_t>(of); }

// "noun", "verb", "adj", "adv": the keys of a bank, the endings of WordNet's files.
std::string_view name_of(WordClass of);

// The class of a tag's words; nothing for pronouns, auxiliaries, names and whatever else has no
// substitutes.
std::optional<WordClass> word_class_of(PartOfSpeech tag);

PartOfSpeech tag_of(WordClass of);

}  // namespace saddle
