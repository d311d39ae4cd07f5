// PSO: a particle swarm searches combinations of substitutes.
//
// Zang, Qi, Yang, Liu, Zhang, Liu, Sun, "Word-level textual adversarial attacking as combinatorial
// optimization", ACL 2020, as TextAttack's recipe PSOZang2020 has it. Particles are texts; each
// turns, word by word, between itself, its own best text so far and the swarm's (swarm.h), and is
// now and then moved to one of the best texts one word away. A word that was replaced is not
// replaced again, so every word is the original's or one of its candidates.
//
// Candidates have the part of speech of the word whose place they take. The recipe takes them from
// HowNet; with others it is another attack. It has no constraint on the texts that turns make, so
// the reference's redrawing of turns that break one is left out.
#pragma once

#include "attacks/text/example_search.h"
#include "attacks/text/quirks.h"
#include "attacks/text/swaps.h"

namespace saddle {

struct PsoOptions {
  Quirks quirks = quirks_of(Compat::of_2024);  // the first two
  int population = 60;
  int iterations = 20;
};

// Throws Error for a population or a number of iterations below 1.
TextSearch pso(const PsoOptions& options, CandidatesInText candidates, IsStopWord is_stop_word);

// How much of a text of n words counts as changed: the share of words that differ, or with the
// quirk of the ratio 1 / n, however many do.
double changed_share(const AttackedText& text, const AttackedText& original, const Quirks& quirks);

}  // namespace saddle
