// PWWS: words by saliency and by what a synonym gains there, WordNet's synonyms in their places.
//
// Ren, Deng, He, Che, "Generating natural language adversarial examples through probability
// weighted word saliency", ACL 2019, as TextAttack's recipe PWWSRen2019 has it: named entities are
// not swapped, and a word counts by the best score of its candidates, where the paper takes what
// they gain over the original. The recipe writes a candidate as WordNet does; here it is written as
// the word that it replaces.
#pragma once

#include "attacks/text/example_search.h"
#include "attacks/text/swaps.h"

namespace saddle {

// `synonyms` gives those of a word as any part of speech.
TextSearch pwws(CandidatesOfWord synonyms, IsStopWord is_stop_word);

}  // namespace saddle
