// Closed classes: the words of English that no lexicon of meanings has, and new ones do not join:
// pronouns, articles, prepositions, conjunctions, auxiliaries, numerals; and some adverbs whose
// other readings are rare.
#pragma once

#include <optional>
#include <string_view>

#include "attacks/text/part_of_speech.h"

namespace saddle {

// What a word in lower case is, in most of its places; nothing for all other words.
std::optional<PartOfSpeech> closed_class(std::string_view word);

// Of the words that the neighbours of a word are judged by.
enum class ClosedGroup { forms_of_be, have_and_do, modals, possessives, subjects, degrees };
bool belongs_to(std::string_view word, ClosedGroup group);

}  // namespace saddle
