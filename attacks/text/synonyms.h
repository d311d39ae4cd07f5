// Synonyms: the words that may stand in a word's place by WordNet.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "attacks/text/wordnet.h"

namespace saddle {

// Which synsets give words: those of the word itself; or also, for nouns, those that share a
// hypernym with them ("film": "play", "concert"), which comes closer to the number of a HowNet's.
enum class Relatives { synonyms, co_hyponyms_too };

// The words of one synset after the other, of the frequent senses first, for each base form of
// `word`, in lower case and without repetition, `word` and its base form left out, and phrases.
// Where `word` is an inflected form its synonyms are put into the same form, or left out where that
// cannot be decided (inflection.h).
std::vector<std::string> synonyms(const WordNet& wordnet, std::string_view word, WordClass of,
                                  Relatives relatives = Relatives::synonyms);

}  // namespace saddle
