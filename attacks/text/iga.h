// IGA: a genetic search, whose children are the beginning of one text and the end of another.
//
// Wang, Jin, He, "Natural language adversarial attack and defense in word level", 2019 (arXiv
// 1909.06723), as TextAttack's recipe IGAWang2019 has it. The first population has a text for each
// of the first 60 words, that one replaced by the best of its candidates; so a short text has a
// small one. Candidates are the 50 nearest words of an embedding within a squared distance of 0.5
// of the word that stands there, which may itself be a substitute: five times at most. No more than
// a fifth of the words may differ from the original's; but see Quirks::unchecked_children.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "attacks/text/example_search.h"
#include "attacks/text/quirks.h"
#include "attacks/text/swaps.h"

namespace saddle {

struct IgaOptions {
  Quirks quirks = {};  // the last four
  int population = 60;
  int iterations = 20;
  double temperature = 0.3;
  int replacements = 5;        // of one word at most
  int crossover_retries = 20;  // of a child that breaks a constraint, where that is looked at
  double most_changed = 0.2;   // share of the words
  float most_squared_distance = 0.5f;
};

// `neighbours` gives the words nearest to one, without itself. Throws Error for a population or a
// number of iterations below 1.
TextSearch iga(const IgaOptions& options, CandidatesOfWord neighbours, WordMeasure squared_distance,
               IsStopWord is_stop_word);

// What of it is arithmetic. Probabilities of becoming a parent: softmax of -score / temperature, or
// of +score / temperature without the quirk of weak parents.
std::vector<double> parent_probabilities(std::span<const float> scores, double temperature,
                                         const Quirks& quirks);

// The text before word `cut` and the other from it on.
AttackedText crossed(const AttackedText& before, const AttackedText& from_cut, std::size_t cut);

}  // namespace saddle
