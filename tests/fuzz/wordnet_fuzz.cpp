// Fuzzes the files of WordNet: 13 of them between form feeds give an Error of one line, or a
// lexicon in which every question has an answer.
#include <algorithm>
#include <cstdlib>
#include <set>
#include <string_view>

#include "attacks/text/antonyms.h"
#include "attacks/text/base_forms.h"
#include "attacks/text/synonyms.h"
#include "attacks/text/tagger.h"
#include "core/error.h"

namespace {

using namespace saddle;

void expect(bool ok) {
  if (!ok) std::abort();
}

bool is_set(const std::vector<std::string>& words) {
  return std::set<std::string>(words.begin(), words.end()).size() == words.size();
}

void ask(const WordNet& wordnet, WordClass of, const std::string& lemma) {
  const std::vector<std::string> bases = base_forms(wordnet, lemma, of);
  expect(is_set(bases) && bases.front() == lemma);
  for (const std::string& word : {lemma, lemma + "s", lemma + "ing", lemma + "er"}) {
    const std::vector<std::string> others = synonyms(wordnet, word, of, Relatives::co_hyponyms_too);
    expect(is_set(others) && std::ranges::find(others, word) == others.end());
    expect(is_set(antonyms(wordnet, word, of)));
    are_antonyms(wordnet, word, lemma);
  }
}

void ask_all(const WordNet& wordnet) {
  std::vector<std::string_view> words{"the"};
  for (const WordClass of : kWordClasses) {
    const WordNetTable& table = wordnet.table(of);
    for (std::size_t i = 0; i < std::min<std::size_t>(table.lemmas.size(), 20); ++i) {
      ask(wordnet, of, std::string(table.lemmas[i]));
      words.push_back(table.lemmas[i]);
    }
  }
  expect(tag_words(wordnet, words).size() == words.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  std::map<std::string, std::string_view> files;
  for (const std::string& name : wordnet_file_names()) {
    files[name] = rest.substr(0, rest.find('\f'));
    rest.remove_prefix(std::min(files[name].size() + 1, rest.size()));
  }
  try {
    ask_all(read_wordnet(
        [&](const std::string& name) {
          const Bytes bytes = std::as_bytes(std::span(files.at(name)));
          return std::vector<std::byte>(bytes.begin(), bytes.end());
        },
        "fuzz"));
  } catch (const Error& error) {
    const std::string_view message = error.what();
    expect(message.starts_with("fuzz/") && message.find('\n') == std::string_view::npos);
    expect(message.size() < 1000);
  }
  return 0;
}
