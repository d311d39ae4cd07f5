// A WordNet of a few words, written as the real one is, and what tests need beside it.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "attacks/text/wordnet.h"
#include "core/file.h"

namespace saddle {

struct TinyPointer {
  std::string symbol;
  std::size_t to = 0;  // a synset, by its place in TinyLexicon
  std::string source_target = "0000";
};

struct TinySynset {
  std::string type;                // n, v, a, s, r
  std::vector<std::string> words;  // as in data.POS, "galore(ip)"
  std::vector<TinyPointer> pointers = {};
};

struct TinyLexicon {
  std::vector<TinySynset> synsets;                     // of a lemma the frequent first
  std::map<std::string, std::string> exceptions = {};  // "noun" -> lines of noun.exc
  std::string counts = "";                             // lines of cntlist.rev
};

// Names and contents of the 13 files.
using TinyFiles = std::map<std::string, std::string>;
TinyFiles files_of(const TinyLexicon& lexicon);

WordNet read_files(const TinyFiles& files);

// Nouns, verbs, adjectives and adverbs, some of each, of films: see the source.
TinyLexicon film_lexicon();
WordNet film_wordnet();

inline Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

// Where Debian's package wordnet-base puts WordNet 3.0. It is read once; nothing where it is not
// installed.
inline const std::filesystem::path kSystemWordNet = "/usr/share/wordnet";
const WordNet* system_wordnet();

// In a test: its WordNet, or the end of the test.
#define SADDLE_SYSTEM_WORDNET(wordnet)                                                          \
  if (!system_wordnet())                                                                        \
    GTEST_SKIP() << "no WordNet 3.0 in " << kSystemWordNet << ": apt-get install wordnet-base"; \
  const WordNet& wordnet = *system_wordnet()

}  // namespace saddle
