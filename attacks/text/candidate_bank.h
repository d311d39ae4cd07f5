// CandidateBank: which words may stand in the place of a word, by its part of speech.
//
// A file of JSON: {"film": {"noun": ["movie", "picture"], "verb": ["shoot"]}, ...}, the words in
// lower case, the keys noun, verb, adj and adv, any of them, and substitutes in whatever order is
// best. HowNet's sememes make one, and so does WordNet (wordnet_bank.h).
#pragma once

#include <array>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "attacks/text/part_of_speech.h"
#include "core/file.h"

namespace saddle {

struct CandidateBank {
  using Substitutes = std::array<std::vector<std::string>, kWordClasses.size()>;

  std::map<std::string, Substitutes, std::less<>> words;

  // What the user should be told, one line each.
  std::vector<std::string> warnings = {};

  // Of `word` in lower case; none where the bank does not know it as that.
  const std::vector<std::string>& substitutes(std::string_view word, WordClass of) const;
};

// Throws Error for what is not such a JSON, with the word concerned. Warns of words that are not in
// lower case, since they are never looked up.
CandidateBank parse_candidate_bank(Bytes bytes, const std::string& name);
CandidateBank load_candidate_bank(const std::filesystem::path& file);

// The JSON: a word a line in the order of their bytes, then always the same text for the same bank.
std::string candidate_bank_text(const CandidateBank& bank);

}  // namespace saddle
