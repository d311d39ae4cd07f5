// WordNetTable: what the files of WordNet 3.0 (wndb(5WN)) say of one part of speech.
//
// The parsers take bytes as they lie in index.POS, data.POS, POS.exc and cntlist.rev. These may
// come from anywhere: what is not as the format says is an Error with file, line and what was
// expected. Kept are words, pointers and counts; glosses, verb frames and lexicographers' numbers
// are not.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "attacks/text/part_of_speech.h"
#include "attacks/text/string_table.h"
#include "core/file.h"

namespace saddle {

// What leads from one synset to another: "!", "&", "@", "~", or anything else.
enum class PointerKind : std::uint8_t { antonym, similar, hypernym, hyponym, other };

struct SynsetPointer {
  PointerKind kind = PointerKind::other;
  WordClass to = WordClass::noun;       // the part of speech that it leads to,
  std::uint32_t synset = 0;             // and the place there; until link_pointers, the byte offset
  std::uint8_t source = 0, target = 0;  // words of both synsets, from 1; 0: the whole synset
};

struct Synset {
  std::uint32_t offset = 0;         // of its line in the data file, in bytes
  std::uint32_t first_word = 0;     // in WordNetTable::words; the next synset's ends its own
  std::uint32_t first_pointer = 0;  // in WordNetTable::pointers, likewise
  bool satellite = false;           // an adjective of a cluster, which its head has the antonyms of
};

// Irregular forms, both ways; forms and bases in the order of the file.
struct ExceptionList {
  std::map<std::string, std::vector<std::string>, std::less<>> bases, forms;
  std::int64_t lines = 0;
};

struct WordNetTable {
  StringTable lemmas;                      // ascending, lower-case, _ for a blank
  std::vector<std::uint32_t> first_sense;  // [lemmas + 1], in `senses`
  std::vector<std::uint32_t> senses;  // synsets of one lemma after the other, the frequent first
  std::vector<std::uint32_t> tag_counts;  // [lemmas], how often it was met in texts with its sense
  std::vector<Synset> synsets;            // [N + 1], ascending offsets; the last one only ends
  StringTable words;                      // of one synset after the other, lower-case
  std::vector<SynsetPointer> pointers;
  ExceptionList exceptions;
  std::size_t header_lines = 0;  // of the data file, before the first synset's

  std::size_t synset_count() const { return synsets.size() - 1; }

  std::span<const std::uint32_t> senses_of(std::size_t lemma) const {
    return std::span(senses).subspan(first_sense[lemma],
                                     first_sense[lemma + 1] - first_sense[lemma]);
  }
  std::span<const SynsetPointer> pointers_of(std::size_t synset) const {
    const std::uint32_t begin = synsets[synset].first_pointer;
    return std::span(pointers).subspan(begin, synsets[synset + 1].first_pointer - begin);
  }
  std::size_t word_count(std::size_t synset) const {
    return synsets[synset + 1].first_word - synsets[synset].first_word;
  }
  // `number` from 1, as pointers have it.
  std::string_view word_of(std::size_t synset, std::size_t number) const {
    return words[synsets[synset].first_word + number - 1];
  }
};

using WordNetTables = std::array<WordNetTable, kWordClasses.size()>;

// data.POS: synsets, words and pointers, which are offsets still.
void parse_wordnet_data(Bytes bytes, WordClass of, const std::string& name, WordNetTable& table);

// Turns the offsets of all pointers into places. `names` are the data files'.
void link_wordnet_pointers(WordNetTables& tables, const std::array<std::string, 4>& names);

// index.POS: lemmas and senses. The data come first.
void parse_wordnet_index(Bytes bytes, WordClass of, const std::string& name, WordNetTable& table);

// POS.exc.
ExceptionList parse_wordnet_exceptions(Bytes bytes, const std::string& name);

// cntlist.rev: the counts of all parts of speech. Lemmas that the index does not know are passed
// over: the counts are older than it. The indices come first.
void parse_wordnet_counts(Bytes bytes, const std::string& name, WordNetTables& tables);

}  // namespace saddle
