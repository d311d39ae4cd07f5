// WordAttacks: the register of attacks on words: for each its keys, what it rests on, and what sets
// it apart from the publication.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "apps/attacking/spec.h"
#include "apps/text/word_resources.h"
#include "attacks/text/example_search.h"
#include "attacks/text/quirks.h"

namespace saddle {

// An attack as a spec describes it.
struct WordAttack {
  std::string name, spec;
  std::uint64_t seed = 0;
  std::vector<WordPart> parts;     // what it rests on
  std::vector<std::string> notes;  // how it differs from its publication, whatever it rests on
  double most_changed = 1;         // the share of words that may differ, as the attack has it
  std::function<TextSearch(WordResources& resources)> search;
};

// Throws UsageError for an unknown name or key, and for values that do not work. `seed` is the
// default of the key "seed".
WordAttack make_word_attack(const AttackSpec& spec, const Quirks& quirks, std::uint64_t seed);

// Every attack with its keys, for --list-attacks.
std::string describe_word_attacks();

// "paper": the attacks of the paper's Table 10, PSO with the bank where there is one, else with
// WordNet. Throws UsageError for another name.
std::vector<std::string> word_suite_specs(const std::string& suite, bool has_bank);

}  // namespace saddle
