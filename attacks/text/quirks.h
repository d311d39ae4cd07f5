// Quirks: what the published searches do that neither paper describes, where results hang on it.
//
// Numbers are comparable to published ones only with the same quirks, so they are the default. The
// mended searches are what the papers mean.
#pragma once

#include "attacks/text/words.h"

namespace saddle {

struct Quirks {
  // Particle swarm. A text with several changed words counts as one with a single one, so it is
  // mutated far more often (TextAttack, issue 787).
  bool ratio_of_one_word = true;
  // The best texts so far are the particles themselves, and move with them.
  bool shared_elites = true;

  // Genetic search. Of two texts the one that fools the victim less is the likelier parent.
  bool weak_parents = true;
  // The member of the first population that should change the first word changes any.
  bool first_word_at_random = true;
  // Texts mixed of two are not held to the constraints: more words than allowed may change.
  bool unchecked_children = true;
  // Nobody looks at the last generation.
  bool last_generation_unseen = true;
};

// Of TextAttack's release: the two of the swarm are gone since 2026.
constexpr Quirks quirks_of(Compat compat) {
  Quirks quirks;
  quirks.ratio_of_one_word = quirks.shared_elites = compat == Compat::of_2024;
  return quirks;
}

// None of them.
constexpr Quirks kNoQuirks{false, false, false, false, false, false};

}  // namespace saddle
