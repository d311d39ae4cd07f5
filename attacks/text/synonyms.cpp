#include "attacks/text/synonyms.h"

#include <unordered_set>

#include "attacks/text/base_forms.h"
#include "attacks/text/inflection.h"

namespace saddle {
namespace {

// Synsets in the order in which they were found first.
class SynsetList {
 public:
  void add(std::uint32_t synset) {
    if (known_.insert(synset).second) synsets_.push_back(synset);
  }
  const std::vector<std::uint32_t>& synsets() const { return synsets_; }

 private:
  std::vector<std::uint32_t> synsets_;
  std::unordered_set<std::uint32_t> known_;
};

// Those that pointers of a kind lead to, within the part of speech.
void follow(const WordNetTable& table, WordClass of, std::uint32_t synset, PointerKind kind,
            SynsetList& found) {
  for (const SynsetPointer& pointer : table.pointers_of(synset)) {
    if (pointer.kind == kind && pointer.to == of) found.add(pointer.synset);
  }
}

std::vector<std::uint32_t> synsets_of(const WordNetTable& table, std::size_t lemma, WordClass of,
                                      Relatives relatives) {
  SynsetList all;
  for (const std::uint32_t synset : table.senses_of(lemma)) all.add(synset);
  if (relatives == Relatives::synonyms || of != WordClass::noun) return all.synsets();
  SynsetList hypernyms;
  for (const std::uint32_t synset : table.senses_of(lemma)) {
    follow(table, of, synset, PointerKind::hypernym, hypernyms);
  }
  for (const std::uint32_t hypernym : hypernyms.synsets()) {
    follow(table, of, hypernym, PointerKind::hyponym, all);
  }
  return all.synsets();
}

}  // namespace

std::vector<std::string> synonyms(const WordNet& wordnet, std::string_view word, WordClass of,
                                  Relatives relatives) {
  const WordNetTable& table = wordnet.table(of);
  std::vector<std::string> found;
  std::unordered_set<std::string> known{std::string(word)};
  for (const std::string& base : base_forms(wordnet, word, of)) {
    const bool is_base = base == word;
    const std::optional<Inflection> inflection = inflection_of(word, base, of);
    if (!is_base && !inflection) continue;
    for (const std::uint32_t synset : synsets_of(table, *wordnet.lemma(base, of), of, relatives)) {
      for (std::size_t number = 1; number <= table.word_count(synset); ++number) {
        const std::string_view other = table.word_of(synset, number);
        if (other == base || other.find('_') != std::string_view::npos) continue;
        const std::optional<std::string> form =
            is_base ? std::string(other) : inflected(wordnet, other, of, *inflection);
        if (form && known.insert(*form).second) found.push_back(*form);
      }
    }
  }
  return found;
}

}  // namespace saddle
