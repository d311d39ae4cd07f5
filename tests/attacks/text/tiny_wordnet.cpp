#include "tests/attacks/text/tiny_wordnet.h"

#include <algorithm>
#include <optional>

#include "core/format.h"

namespace saddle {
namespace {

// Two lines of a licence stand above, as in the real files.
const std::string kLicence = "  1 A licence.  \n  2 It ends here.  \n";

WordClass class_of(const std::string& type) {
  if (type == "n") return WordClass::noun;
  if (type == "v") return WordClass::verb;
  return type == "r" ? WordClass::adv : WordClass::adj;
}

char letter_of(WordClass of) { return "nvar"[place_of(of)]; }

using Offsets = std::vector<unsigned>;

std::string line_of(const TinyLexicon& lexicon, std::size_t at, const Offsets& offsets) {
  const TinySynset& synset = lexicon.synsets[at];
  std::string line = formatted("%08u 03 %s %02x", offsets[at], synset.type.c_str(),
                               static_cast<unsigned>(synset.words.size()));
  for (const std::string& word : synset.words) line += " " + word + " 0";
  line += formatted(" %03u", static_cast<unsigned>(synset.pointers.size()));
  for (const TinyPointer& pointer : synset.pointers) {
    const char pos = letter_of(class_of(lexicon.synsets[pointer.to].type));
    line += formatted(" %s %08u %c %s", pointer.symbol.c_str(), offsets[pointer.to], pos,
                      pointer.source_target.c_str());
  }
  if (synset.type == "v") line += " 01 + 08 00";
  return line + " | a gloss; \"an example\"  \n";
}

std::string data_of(const TinyLexicon& lexicon, WordClass of, Offsets& offsets) {
  std::string data = kLicence;
  for (std::size_t i = 0; i < lexicon.synsets.size(); ++i) {
    if (class_of(lexicon.synsets[i].type) != of) continue;
    offsets[i] = static_cast<unsigned>(data.size());
    data += line_of(lexicon, i, offsets);
  }
  return data;
}

std::string lemma_of(std::string word) {
  word = word.substr(0, word.find('('));
  std::ranges::transform(word, word.begin(), [](unsigned char c) { return std::tolower(c); });
  return word;
}

std::string index_of(const TinyLexicon& lexicon, WordClass of, const Offsets& offsets) {
  std::map<std::string, Offsets> senses;
  for (std::size_t i = 0; i < lexicon.synsets.size(); ++i) {
    if (class_of(lexicon.synsets[i].type) != of) continue;
    for (const std::string& word : lexicon.synsets[i].words) {
      senses[lemma_of(word)].push_back(offsets[i]);
    }
  }
  std::string index = kLicence;
  for (const auto& [lemma, places] : senses) {
    const auto count = static_cast<unsigned>(places.size());
    index += formatted("%s %c %u 1 @ %u 0", lemma.c_str(), letter_of(of), count, count);
    for (const unsigned place : places) index += formatted(" %08u", place);
    index += "  \n";
  }
  return index;
}

}  // namespace

TinyFiles files_of(const TinyLexicon& lexicon) {
  TinyFiles files;
  Offsets offsets(lexicon.synsets.size());
  for (int round = 0; round < 2; ++round) {  // offsets have one width: the second round knows all
    for (const WordClass of : kWordClasses) {
      files["data." + std::string(name_of(of))] = data_of(lexicon, of, offsets);
    }
  }
  for (const WordClass of : kWordClasses) {
    const std::string name(name_of(of));
    files["index." + name] = index_of(lexicon, of, offsets);
    files[name + ".exc"] = lexicon.exceptions.contains(name) ? lexicon.exceptions.at(name) : "";
  }
  files["cntlist.rev"] = lexicon.counts;
  return files;
}

WordNet read_files(const TinyFiles& files) {
  return read_wordnet(
      [&](const std::string& name) {
        const Bytes bytes = bytes_of(files.at(name));
        return std::vector<std::byte>(bytes.begin(), bytes.end());
      },
      "tiny");
}

TinyLexicon film_lexicon() {
  TinyLexicon lexicon;
  lexicon.synsets = {
      {"n", {"movie", "film", "moving_picture", "Flick"}, {{"@", 2}}},  // 0
      {"n", {"play", "drama"}, {{"@", 2}}},                             // 1
      {"n", {"show"}, {{"~", 0}, {"~", 1}}},                            // 2
      {"n", {"film", "coating"}},                                       // 3
      {"n", {"child", "kid"}, {{"!", 5, "0101"}}},                      // 4
      {"n", {"parent"}, {{"!", 4, "0101"}}},                            // 5
      {"n", {"story"}},                                                 // 6
      {"v", {"watch", "see", "follow"}},                                // 7
      {"v", {"stop", "halt", "quit"}},                                  // 8
      {"v", {"play"}},                                                  // 9
      {"a", {"good", "fine"}, {{"!", 11, "0101"}}},                     // 10
      {"a", {"bad"}, {{"!", 10, "0101"}, {"&", 12}}},                   // 11
      {"s", {"awful", "terrible", "galore(ip)"}, {{"&", 11}}},          // 12
      {"r", {"quickly", "rapidly", "fast"}, {{"!", 14, "0101"}}},       // 13
      {"r", {"slowly"}, {{"!", 13, "0101"}}},                           // 14
      {"a", {"fast", "quick", "rapid"}},                                // 15
  };
  lexicon.exceptions = {{"noun", "children child\n"},
                        {"verb", "saw see\nseen see\n"},
                        {"adj", "best good\nbetter good\nworse bad\nworst bad\n"}};
  lexicon.counts =
      "awful%5:00:00:bad:00 1 3\nawful%3:00:00:: 2 4\nfilm%1:06:00:: 1 60\nfilm%1:17:00:: 2 4\n"
      "forgotten%1:00:00:: 1 9\nplay%1:10:00:: 1 5\nplay%2:33:00:: 1 90\nquickly%4:02:00:: 1 7\n";
  return lexicon;
}

WordNet film_wordnet() { return read_files(files_of(film_lexicon())); }

const WordNet* system_wordnet() {
  static const std::optional<WordNet> wordnet = [] {
    const bool there = std::filesystem::exists(kSystemWordNet / "index.noun");
    return there ? std::optional(load_wordnet(kSystemWordNet)) : std::nullopt;
  }();
  return wordnet ? &*wordnet : nullptr;
}

}  // namespace saddle
