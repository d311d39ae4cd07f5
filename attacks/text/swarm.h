// Swarm: the steps of particles in the space of words, and the velocities that they follow from.
//
// Zang et al., "Word-level textual adversarial attacking as combinatorial optimization", ACL 2020,
// section 3, with the constants of its code.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "attacks/text/attacked_text.h"
#include "attacks/text/draws.h"

namespace saddle {

// What changes from iteration to iteration.
struct SwarmRates {
  double inertia = 0;    // w: the share of a velocity that stays
  double to_local = 0;   // probability of a turn to the particle's own best text
  double to_global = 0;  // and to the swarm's
};

// Of iteration i of all: inertia 0.8 -> 0.2, to_local 0.8 -> 0.2, to_global 0.2 -> 0.8.
inline SwarmRates swarm_rates(int i, int iterations) {
  constexpr double kMost = 0.8, kLeast = 0.2;
  const double passed = static_cast<double>(i) / iterations;
  return {.inertia = (kMost - kLeast) * (iterations - i) / iterations + kLeast,
          .to_local = kMost - passed * (kMost - kLeast),
          .to_global = kLeast + passed * (kMost - kLeast)};
}

// v <- w v + (1 - w) (e(x, local) + e(x, global)), e = -3 where the particle's word is the same, 3
// where it differs; `same` says for how many of the two it is the same.
inline double next_velocity(double v, double inertia, int same) {
  constexpr double kMostVelocity = 3;
  return inertia * v + (1 - inertia) * kMostVelocity * (2 - 2 * same);
}

// Probability that a turn keeps the particle's word.
inline double keep_probability(double v) { return 1 / (1 + std::exp(-v)); }

// Of mutating a particle, some share of whose words is changed.
inline double mutation_probability(double changed_share) { return 1 - 2 * changed_share; }

// Of moving to each of n neighbours, by what is gained there: losses count as 0; where nothing can
// be gained all are alike.
std::vector<double> move_probabilities(std::span<const double> gains);

// The elite, with a word of the particle's wherever a draw falls below `keep` [words]; a draw a
// word.
AttackedText turned(const AttackedText& particle, const AttackedText& elite,
                    std::span<const double> keep, TextDraws& draws);

}  // namespace saddle
