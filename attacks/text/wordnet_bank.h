// A candidate bank made of WordNet: stands in where HowNet's is not at hand. Numbers of the two are
// not comparable.
#pragma once

#include <span>
#include <string>

#include "attacks/text/candidate_bank.h"
#include "attacks/text/synonyms.h"

namespace saddle {

// The synonyms of each word, given in lower case, as each part of speech; words without any are
// left out.
CandidateBank wordnet_bank(const WordNet& wordnet, std::span<const std::string> words,
                           Relatives relatives = Relatives::synonyms);

}  // namespace saddle
