// Antonyms: what a word must not be replaced by. Plain word vectors have them among the nearest
// neighbours, for "good" and "bad" stand in the same sentences.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "attacks/text/wordnet.h"

namespace saddle {

// The lemmas that WordNet's pointers ! lead to from any sense of a base form of `word`. Of an
// adjective in the cluster of another (pointer &) also those of the cluster's head: "awful" is as
// "bad" is, so against "good".
std::vector<std::string> antonyms(const WordNet& wordnet, std::string_view word, WordClass of);

// Whether a base form of one is an antonym of the other, as any part of speech.
bool are_antonyms(const WordNet& wordnet, std::string_view a, std::string_view b);

}  // namespace saddle
