// BuildBank: a candidate bank made of WordNet, to read, mend and share (attacks/text/resources.md).
#pragma once

#include <string>

#include "apps/common/program_options.h"

namespace saddle {

struct BuildBankOptions {
  std::string wordnet;  // folder; empty: where Debian installs it
  std::string vocabulary, output;
  bool hypernyms = false;
};

// Flags and defaults; they point into `options`.
void add_flags(CLI::App& app, BuildBankOptions& options);

// Writes the synonyms of every word of the vocabulary, in lower case, and prints how many words
// have some. Throws Error where a file is missing or not what it should be.
void build_bank(const BuildBankOptions& options);

}  // namespace saddle
