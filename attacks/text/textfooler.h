// TextFooler: words by the score without them, the neighbours of an embedding in their places.
//
// Jin, Jin, Zhou, Szolovits, "Is BERT really robust? A strong baseline for natural language attack
// on text classification and entailment", AAAI 2020, as TextAttack's recipe TextFoolerJin2019 has
// it: 50 neighbours, a cosine of at least 0.5 between both words, the same part of speech (nouns
// and verbs count as one), no word replaced twice. The recipe also asks a sentence encoder (USE)
// that both sentences mean the same, and of several texts that fool the victim at a word it takes
// the one nearest in meaning. There is no such encoder here: more swaps pass, so the attack is
// stronger, and the one with the highest score is taken. Results must say so.
#pragma once

#include "attacks/text/example_search.h"
#include "attacks/text/swaps.h"

namespace saddle {

// `neighbours` gives the 50 words nearest to one; without `tag` parts of speech do not matter. The
// recipe has a list of stop words of its own.
TextSearch textfooler(CandidatesOfWord neighbours, WordMeasure cosine, TagOf tag,
                      IsStopWord is_stop_word);

}  // namespace saddle
