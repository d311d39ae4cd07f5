#include "attacks/text/wordnet_tables.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "attacks/text/wordnet_line.h"
#include "core/error.h"

namespace saddle {
namespace {

constexpr std::size_t kMostBases = 20;  // WordNet 3.0 has up to 2; more would make look-ups slow

// Licence lines, which begin with two blanks.
bool is_licence(std::string_view line) { return line.starts_with("  "); }

std::string_view letter_of(WordClass of) {
  return std::string_view("nvar").substr(place_of(of), 1);
}

PointerKind kind_of(std::string_view symbol) {
  if (symbol == "!") return PointerKind::antonym;
  if (symbol == "&") return PointerKind::similar;
  if (symbol == "@") return PointerKind::hypernym;
  if (symbol == "~") return PointerKind::hyponym;
  return PointerKind::other;
}

std::string lower_ascii(std::string_view word) {
  std::string lower(word);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

// The syntactic marker of an adjective, "galore(ip)".
std::string_view without_marker(std::string_view word) {
  for (const std::string_view marker : {"(p)", "(a)", "(ip)"})
    if (word.ends_with(marker)) return word.substr(0, word.size() - marker.size());
  return word;
}

void take_words(WordNetLine& line, WordClass of, WordNetTable& table) {
  const std::uint32_t count = line.hexadecimal("w_cnt", 2);
  if (count == 0) line.refuse("w_cnt", "00", "at least 1");
  for (std::uint32_t i = 0; i < count; ++i) {
    std::string_view word = line.field("word");
    if (of == WordClass::adj) word = without_marker(word);
    table.words.add(lower_ascii(word));
    line.hexadecimal("lex_id", 1);
  }
}

void take_pointers(WordNetLine& line, WordNetTable& table) {
  const std::uint32_t words =
      static_cast<std::uint32_t>(table.words.size()) - table.synsets.back().first_word;
  const std::uint32_t count = line.decimal("p_cnt", 3);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::string_view symbol = line.field("pointer_symbol");
    if (symbol.size() > 2) line.refuse("pointer_symbol", symbol, "one or two characters");
    SynsetPointer pointer{.kind = kind_of(symbol)};
    pointer.synset = line.decimal("pointer's synset_offset", 8);
    pointer.to = line.word_class("pointer's pos");
    const std::uint32_t source_target = line.hexadecimal("source/target", 4);
    pointer.source = static_cast<std::uint8_t>(source_target >> 8);
    pointer.target = static_cast<std::uint8_t>(source_target & 0xff);
    if (pointer.source > words) {
      line.refuse("source", std::to_string(pointer.source), "a word of the synset");
    }
    table.pointers.push_back(pointer);
  }
}

// The sentence frames of a verb: f_cnt times "+ f_num w_num".
void pass_frames(WordNetLine& line) {
  const std::uint32_t count = line.decimal("f_cnt", 2);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::string_view plus = line.field("frame");
    if (plus != "+") line.refuse("frame", plus, "+");
    line.decimal("f_num", 2);
    line.hexadecimal("w_num", 2);
  }
}

void take_synset(std::string_view text, const NumberedLines& lines, WordClass of,
                 WordNetTable& table) {
  WordNetLine line(text, lines);
  Synset synset;
  synset.offset = line.decimal("synset_offset", 8);
  if (synset.offset != lines.begin()) {
    line.refuse("synset_offset", text.substr(0, 8),
                "the line's own position, byte " + std::to_string(lines.begin()));
  }
  line.decimal("lex_filenum", 2);
  const std::string_view type = line.field("ss_type");
  synset.satellite = type == "s";
  if (type != letter_of(of) && !(synset.satellite && of == WordClass::adj)) {
    line.refuse("ss_type", type, "that of the file");
  }
  synset.first_word = static_cast<std::uint32_t>(table.words.size());
  synset.first_pointer = static_cast<std::uint32_t>(table.pointers.size());
  table.synsets.push_back(synset);
  take_words(line, of, table);
  take_pointers(line, table);
  if (of == WordClass::verb) pass_frames(line);
  const std::string_view bar = line.field("what follows the pointers");
  if (bar != "|") line.refuse("what follows the pointers", bar, "| and the gloss");
}

// Of the synset at that offset.
std::optional<std::uint32_t> place_at(const WordNetTable& table, std::uint32_t offset) {
  const auto end = table.synsets.end() - 1;
  const auto found =
      std::ranges::lower_bound(table.synsets.begin(), end, offset, {}, &Synset::offset);
  if (found == end || found->offset != offset) return std::nullopt;
  return static_cast<std::uint32_t>(found - table.synsets.begin());
}

bool has_word(const WordNetTable& table, std::size_t synset, std::string_view lemma) {
  for (std::size_t number = 1; number <= table.word_count(synset); ++number)
    if (table.word_of(synset, number) == lemma) return true;
  return false;
}

void take_senses(WordNetLine& line, std::string_view lemma, std::uint32_t count,
                 WordNetTable& table) {
  const std::size_t first = table.senses.size();
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t offset = line.decimal("synset_offset", 8);
    const std::optional<std::uint32_t> synset = place_at(table, offset);
    if (!synset || !has_word(table, *synset, lemma)) {
      line.refuse("synset_offset", std::to_string(offset),
                  "a line of the data file that has the lemma");
    }
    table.senses.push_back(*synset);
  }
  std::vector<std::uint32_t> sorted(table.senses.begin() + static_cast<std::ptrdiff_t>(first),
                                    table.senses.end());
  std::ranges::sort(sorted);
  if (std::ranges::adjacent_find(sorted) != sorted.end()) {
    line.refuse("synset_offset", lemma, "every synset once");
  }
}

void take_lemma(std::string_view text, const NumberedLines& lines, WordClass of,
                WordNetTable& table) {
  WordNetLine line(text, lines);
  const std::string_view lemma = line.field("lemma");
  if (lower_ascii(lemma) != lemma) line.refuse("lemma", lemma, "lower-case letters");
  const std::size_t size = table.lemmas.size();
  if (size > 0 && table.lemmas[size - 1] >= lemma) {
    line.refuse("lemma", lemma, "one behind the line before it, in the order of their bytes");
  }
  const std::string_view pos = line.field("pos");
  if (pos != letter_of(of)) line.refuse("pos", pos, "that of the file");
  const std::uint32_t synsets = line.decimal("synset_cnt");
  const std::uint32_t symbols = line.decimal("p_cnt");
  for (std::uint32_t i = 0; i < symbols; ++i) line.field("ptr_symbol");
  const std::uint32_t senses = line.decimal("sense_cnt");
  if (senses != synsets || senses == 0) {
    line.refuse("sense_cnt", std::to_string(senses), "synset_cnt, at least 1");
  }
  line.decimal("tagsense_cnt");
  table.lemmas.add(lemma);
  table.first_sense.push_back(static_cast<std::uint32_t>(table.senses.size()));
  take_senses(line, lemma, senses, table);
  if (!line.at_end()) line.refuse("the line's length", "longer", "synset_cnt offsets");
}

}  // namespace

void parse_wordnet_data(Bytes bytes, WordClass of, const std::string& name, WordNetTable& table) {
  NumberedLines lines(bytes, name);
  while (const auto line = lines.next()) {
    if (is_licence(*line) && table.synsets.empty()) continue;
    if (table.synsets.empty()) table.header_lines = lines.number() - 1;
    take_synset(*line, lines, of, table);
  }
  require(!table.synsets.empty(), name, " has no synsets", kWordNetMend);
  table.synsets.push_back({.offset = std::numeric_limits<std::uint32_t>::max(),
                           .first_word = static_cast<std::uint32_t>(table.words.size()),
                           .first_pointer = static_cast<std::uint32_t>(table.pointers.size())});
}

void link_wordnet_pointers(WordNetTables& tables, const std::array<std::string, 4>& names) {
  for (const WordClass of : kWordClasses) {
    WordNetTable& table = tables[place_of(of)];
    for (std::size_t synset = 0; synset < table.synset_count(); ++synset) {
      for (std::uint32_t i = table.synsets[synset].first_pointer;
           i < table.synsets[synset + 1].first_pointer; ++i) {
        SynsetPointer& pointer = table.pointers[i];
        const WordNetTable& there = tables[place_of(pointer.to)];
        const std::optional<std::uint32_t> place = place_at(there, pointer.synset);
        if (!place || pointer.target > there.word_count(*place)) {
          fail(names[place_of(of)], ", line ", table.header_lines + synset + 1, ": a pointer to ",
               pointer.synset, ", word ", int{pointer.target}, ", of ", names[place_of(pointer.to)],
               ", expected a synset's offset and a word of it", kWordNetMend);
        }
        pointer.synset = *place;
      }
    }
  }
}

void parse_wordnet_index(Bytes bytes, WordClass of, const std::string& name, WordNetTable& table) {
  NumberedLines lines(bytes, name);
  while (const auto line = lines.next()) {
    if (is_licence(*line) && table.lemmas.size() == 0) continue;
    take_lemma(*line, lines, of, table);
  }
  require(table.lemmas.size() > 0, name, " has no lemmas", kWordNetMend);
  table.first_sense.push_back(static_cast<std::uint32_t>(table.senses.size()));
  table.tag_counts.resize(table.lemmas.size());
}

ExceptionList parse_wordnet_exceptions(Bytes bytes, const std::string& name) {
  ExceptionList list;
  NumberedLines lines(bytes, name);
  while (const auto text = lines.next()) {
    WordNetLine line(*text, lines);
    const std::string form(line.field("inflected form"));
    do {
      const std::string base(line.field("base form"));
      std::vector<std::string>& bases = list.bases[form];
      if (bases.size() == kMostBases) line.refuse("base form", base, "at most 20 of a form");
      bases.push_back(base);
      list.forms[base].push_back(form);
    } while (!line.at_end());
    ++list.lines;
  }
  return list;
}

void parse_wordnet_counts(Bytes bytes, const std::string& name, WordNetTables& tables) {
  constexpr std::array kClassOfType{WordClass::noun, WordClass::verb, WordClass::adj,
                                    WordClass::adv, WordClass::adj};  // 5: satellites
  NumberedLines lines(bytes, name);
  while (const auto text = lines.next()) {
    WordNetLine line(*text, lines);
    const std::string_view key = line.field("sense_key");
    const std::size_t percent = key.rfind('%');
    const bool is_key = percent != std::string_view::npos && percent + 2 < key.size() &&
                        key[percent + 1] >= '1' && key[percent + 1] <= '5' &&
                        key[percent + 2] == ':';
    if (!is_key) line.refuse("sense_key", key, "lemma%1:... to lemma%5:...");
    line.decimal("sense_number");
    const std::uint32_t count = line.decimal("tag_cnt");
    const WordClass of = kClassOfType[static_cast<std::size_t>(key[percent + 1] - '1')];
    WordNetTable& table = tables[place_of(of)];
    const auto lemma = table.lemmas.find_sorted(key.substr(0, percent));
    if (!lemma) continue;
    std::uint32_t& sum = table.tag_counts[*lemma];
    sum += std::min(count, std::numeric_limits<std::uint32_t>::max() - sum);
  }
}

}  // namespace saddle
