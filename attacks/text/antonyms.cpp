#include "attacks/text/antonyms.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "attacks/text/base_forms.h"

namespace saddle {
namespace {

// Words in the order in which they were found first.
class WordList {
 public:
  void add(std::string_view word) {
    if (known_.emplace(word).second) words_.emplace_back(word);
  }
  std::vector<std::string>&& take() { return std::move(words_); }

 private:
  std::vector<std::string> words_;
  std::unordered_set<std::string> known_;
};

// What the pointers ! of a synset lead to: those that start at `word`, or, where it is empty, all.
void add_antonyms(const WordNet& wordnet, WordClass of, std::uint32_t synset, std::string_view word,
                  WordList& found) {
  const WordNetTable& table = wordnet.table(of);
  for (const SynsetPointer& pointer : table.pointers_of(synset)) {
    if (pointer.kind != PointerKind::antonym) continue;
    const bool starts_here =
        word.empty() || pointer.source == 0 || table.word_of(synset, pointer.source) == word;
    if (!starts_here) continue;
    const WordNetTable& there = wordnet.table(pointer.to);
    if (pointer.target != 0) {
      found.add(there.word_of(pointer.synset, pointer.target));
      continue;
    }
    for (std::size_t number = 1; number <= there.word_count(pointer.synset); ++number) {
      found.add(there.word_of(pointer.synset, number));
    }
  }
}

void add_antonyms_of_heads(const WordNet& wordnet, std::uint32_t satellite, WordList& found) {
  const WordNetTable& table = wordnet.table(WordClass::adj);
  for (const SynsetPointer& pointer : table.pointers_of(satellite)) {
    const bool to_head = pointer.kind == PointerKind::similar && pointer.to == WordClass::adj &&
                         !table.synsets[pointer.synset].satellite;
    if (to_head) add_antonyms(wordnet, WordClass::adj, pointer.synset, "", found);
  }
}

bool is_antonym(const WordNet& wordnet, std::string_view word, std::string_view other,
                WordClass of) {
  const std::vector<std::string> against = antonyms(wordnet, word, of);
  if (against.empty()) return false;
  return std::ranges::any_of(base_forms(wordnet, other, of), [&](const std::string& base) {
    return std::ranges::find(against, base) != against.end();
  });
}

}  // namespace

std::vector<std::string> antonyms(const WordNet& wordnet, std::string_view word, WordClass of) {
  const WordNetTable& table = wordnet.table(of);
  WordList found;
  for (const std::string& base : base_forms(wordnet, word, of)) {
    for (const std::uint32_t synset : table.senses_of(*wordnet.lemma(base, of))) {
      add_antonyms(wordnet, of, synset, base, found);
      if (table.synsets[synset].satellite) add_antonyms_of_heads(wordnet, synset, found);
    }
  }
  return found.take();
}

bool are_antonyms(const WordNet& wordnet, std::string_view a, std::string_view b) {
  return std::ranges::any_of(kWordClasses, [&](WordClass of) {
    return is_antonym(wordnet, a, b, of) || is_antonym(wordnet, b, a, of);
  });
}

}  // namespace saddle
