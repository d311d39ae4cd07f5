// Greedy: the plain baseline, of all swaps of all words the best, until the victim is fooled.
//
// TextAttack's GreedySearch, with every word replaced once at most.
#pragma once

#include "attacks/text/example_search.h"
#include "attacks/text/swaps.h"

namespace saddle {

TextSearch greedy(CandidatesInText candidates, IsStopWord is_stop_word);

}  // namespace saddle
