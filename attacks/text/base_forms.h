// Base forms: "movies" is a form of "movie", "went" one of "go" (morphy(7WN)).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "attacks/text/wordnet.h"

namespace saddle {

// The lemmas of that part of speech that `word`, in lower case, may be a form of, without
// repetition: the word itself where it is one; then the bases that the exceptions list, and where
// they have no entry, those that a rule of detachment leaves ("-ies" becomes "-y"). As in WordNet's
// own program no noun of two letters or in -ss counts as a plural.
std::vector<std::string> base_forms(const WordNet& wordnet, std::string_view word, WordClass of);

}  // namespace saddle
