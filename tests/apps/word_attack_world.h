// A network for text that says "good" or "bad", and the files that attacks on its words rest on.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "apps/text/attack_program.h"
#include "tests/support/temporary_directory.h"

namespace saddle {

// Under path(): run/ (the trained network), reviews/ (its texts), wordnet/ (a lexicon in which the
// adjectives "good" and "bad" share a synset, and a "film" is a "story"), vectors.txt (near words:
// the same pairs), antonyms/ (a lexicon in which they are antonyms instead).
class WordAttackWorld {
 public:
  WordAttackWorld();

  std::filesystem::path path() const { return directory_.path(); }
  // Unresolved options of an attack with these files, quiet, on one thread.
  TextAttackProgramOptions options(const std::vector<std::string>& attacks) const;
  // The same with `json` and `outcomes` under this name.
  TextAttackProgramOptions options(const std::vector<std::string>& attacks,
                                   const std::string& name) const;

 private:
  TemporaryDirectory directory_;
};

// What an attack prints.
std::string printed_by_attack(const TextAttackProgramOptions& options);

nlohmann::json json_in(const std::filesystem::path& file);
std::vector<nlohmann::json> json_lines_in(const std::filesystem::path& file);

}  // namespace saddle
