// WordNet: the lexicon of English of Princeton University, release 3.0, read from its files.
//
// It says which words exist, which mean the same (base_forms.h, synonyms.h, antonyms.h), and how
// often a word was met as which part of speech, which the tagger asks (tagger.h). Words are given
// in lower case. Reading takes about 0.2 s; 27 MB are kept.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attacks/text/wordnet_tables.h"

namespace saddle {

struct WordNet {
  WordNetTables tables;  // a part of speech each

  const WordNetTable& table(WordClass of) const { return tables[place_of(of)]; }

  // Its place among the lemmas of that part of speech.
  std::optional<std::size_t> lemma(std::string_view word, WordClass of) const {
    return table(of).lemmas.find_sorted(word);
  }

  // How often the lemma was met as that part of speech in the texts that were tagged with senses;
  // 0 for what is none.
  std::int64_t tag_count(std::string_view word, WordClass of) const;
};

// index.POS, data.POS, POS.exc of the four parts of speech, and cntlist.rev: 13 names.
std::vector<std::string> wordnet_file_names();

// Reads the files of a directory, /usr/share/wordnet where Debian's package wordnet-base is
// installed. Throws Error where one is missing, or is not as wndb(5WN) says, with file and line.
WordNet load_wordnet(const std::filesystem::path& directory);

// The same from anywhere: `contents` gives the bytes of a name. `place` stands before names in
// errors.
using FileContents = std::function<std::vector<std::byte>(const std::string& name)>;
WordNet read_wordnet(const FileContents& contents, const std::filesystem::path& place);

}  // namespace saddle
