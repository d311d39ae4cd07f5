#include "apps/text/build_bank.h"

#include <iostream>

#include "apps/common/output_files.h"
#include "apps/common/parse.h"
#include "apps/text/word_resources.h"
#include "attacks/text/numbered_lines.h"
#include "attacks/text/words.h"
#include "attacks/text/wordnet_bank.h"
#include "core/file.h"
#include "core/printable.h"

namespace saddle {

void add_flags(CLI::App& app, BuildBankOptions& o) {
  add_text(app, "--wordnet", o.wordnet, "DIR", "Folder of WordNet 3.0", "where Debian installs it");
  add_text(app, "--vocab", o.vocabulary, "FILE", "The words, one a line");
  add_text(app, "--out", o.output, "FILE", "The bank to write, JSON");
  add_switch(app, "--wordnet-hypernyms", o.hypernyms,
             "Nouns that share a hypernym count as synonyms, too");
}

void build_bank(const BuildBankOptions& o) {
  constexpr std::int64_t kMostBytes = std::int64_t{1} << 30;
  usage(!o.vocabulary.empty(), "--vocab is missing: name a file with a word a line");
  usage(!o.output.empty(), "--out is missing: name the file to write");
  check_outputs(std::vector{o.vocabulary}, std::vector{o.output});
  const std::vector<std::byte> bytes = read_file(o.vocabulary, kMostBytes);
  std::vector<std::string> words;
  for (const std::string_view word : plain_words(bytes, o.vocabulary, BlankLines::skip)) {
    words.push_back(lower_case(word));
  }
  require(!words.empty(), o.vocabulary, ": holds no word");
  const CandidateBank bank =
      wordnet_bank(load_wordnet(wordnet_folder(o.wordnet)), words,
                   o.hypernyms ? Relatives::co_hyponyms_too : Relatives::synonyms);
  write_file_atomically(o.output, std::string_view(candidate_bank_text(bank)));
  std::cout << bank.words.size() << " of " << words.size()
            << " words have substitutes: " << printable(o.output) << std::endl;
}

}  // namespace saddle
