// WordResources: what attacks on words rest on (attacks/text/resources.md), read from the user's
// files when the first attack asks for it.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "attacks/text/part_of_speech.h"
#include "attacks/text/resource.h"
#include "attacks/text/swaps.h"

namespace saddle {

struct Setting;  // apps/common/settings.h

struct WordResourceOptions {
  std::string wordnet;                 // folder; empty: where Debian or `make` puts it
  std::string bank;                    // JSON; empty: none
  std::string vectors;                 // vectors.npy, or text; empty: the GloVe that `make` fetches
  std::string vectors_kind = "glove";  // glove, counter-fitted
  bool raw_vectors = false;            // their rows as they are, not of length 1
  std::string neighbours;              // nn.npy; empty: the search is exact
  std::string stop_words;              // a word a line; empty: the list that is built in
  std::string tags;                    // JSON lines; empty: the built-in tagger
  bool hypernyms = false;  // nouns that share a hypernym count as WordNet's synonyms, too
};

// Their rows of --help; they point into `options`.
std::vector<Setting> settings_of(WordResourceOptions& options);

// The folder itself, or where WordNet's files are looked for; throws Error where they are not.
std::filesystem::path wordnet_folder(const std::string& given);

// The parts that there are. `tags` are those of the user's file or else the tagger's.
enum class WordPart { wordnet, bank, vectors, tags, tagger, stop_words };

// The functions that it hands out refer to it and are of one thread. Each call throws Error where a
// file that it needs is missing, with the places looked at and the mend, or is not what it should
// be.
class WordResources {
 public:
  explicit WordResources(const WordResourceOptions& options);
  ~WordResources();
  WordResources(const WordResources&) = delete;
  WordResources& operator=(const WordResources&) = delete;

  // Substitutes of the part of speech that a word has where it stands: WordNet's synonyms, or what
  // the bank has.
  CandidatesInText synonyms_in_text();
  CandidatesInText bank_in_text();
  // WordNet's synonyms as any part of speech.
  CandidatesOfWord synonyms_of_word();
  // The 50 nearest words; of vectors that are not counter-fitted without those that WordNet knows
  // as antonyms.
  CandidatesOfWord neighbours();
  WordMeasure squared_distance();
  WordMeasure cosine();  // throws UsageError for raw vectors
  TagOf tag();           // of the built-in tagger
  IsStopWord is_stop_word();

  // The files behind a part, read once more for their SHA-256; none where it is built in.
  std::vector<Resource> describe(WordPart part) const;
  // How results that rest on it differ from published ones; empty: they do not.
  std::string remark(WordPart part) const;
  // What was to be said of the files read so far.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  struct Parts;
  using Substitutes = std::function<std::vector<std::string>(std::string_view word, WordClass of)>;

  void need_wordnet();
  void need_bank();
  void need_vectors();
  bool drops_antonyms() const { return options_.vectors_kind == "glove"; }
  std::vector<std::string> synonyms_of(std::string_view word, WordClass of) const;
  CandidatesInText by_class(Substitutes substitutes);
  std::vector<PartOfSpeech> tags_of(const Places& places) const;
  void warn(const std::vector<std::string>& lines);

  WordResourceOptions options_;
  std::unique_ptr<Parts> parts_;
  std::vector<std::string> warnings_;
};

}  // namespace saddle
