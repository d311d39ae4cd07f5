#include "apps/text/word_resources.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "apps/common/parse.h"
#include "apps/common/settings.h"
#include "apps/data/data_places.h"
#include "attacks/text/antonyms.h"
#include "attacks/text/candidate_bank.h"
#include "attacks/text/neighbours.h"
#include "attacks/text/stop_words.h"
#include "attacks/text/synonyms.h"
#include "attacks/text/tag_file.h"
#include "attacks/text/tagger.h"
#include "attacks/text/word_vectors.h"
#include "attacks/text/wordnet.h"

namespace saddle {
namespace {

namespace fs = std::filesystem;

constexpr int kNeighbours = 50;  // of the recipes

// The first place with the file, or Error: what is missing, where it was looked for, the mend.
fs::path found_in(const std::vector<fs::path>& places, const char* file, const std::string& what,
                  const std::string& mend) {
  for (const fs::path& place : places) {
    if (is_there(place / file)) return place;
  }
  fail("there is no ", what, ": looked for ", file, " in ", joined_places(places), ". ", mend);
}

fs::path vectors_file(const std::string& given) {
  if (!given.empty()) return given;
  return found_in(places_to_search("glove-6b-50d", {}, "", ""), "vectors.npy", "word vectors",
                  "Name some with --vectors, or fetch GloVe's with `make text-data`") /
         "vectors.npy";
}

std::vector<fs::path> wordnet_files(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const std::string& name : wordnet_file_names()) files.push_back(folder / name);
  return files;
}

}  // namespace

fs::path wordnet_folder(const std::string& given) {
  return found_in(places_to_search("wordnet", {}, "/usr/share/wordnet", given), "index.noun",
                  "WordNet",
                  "Install it (Debian: wordnet-base) and name its folder with --wordnet");
}

std::vector<Setting> settings_of(WordResourceOptions& o) {
  return {{"--wordnet",
           "",
           &o.wordnet,
           "folder of WordNet 3.0; else where Debian installs it",
           {.type = "DIR"}},
          {"--wordnet-hypernyms", "", &o.hypernyms,
           "nouns that share a hypernym count as synonyms, too"},
          {"--bank",
           "",
           &o.bank,
           "substitutes of each word, JSON: HowNet's, of the published PSO, or one of `saddle-text "
           "build-bank`",
           {.type = "FILE"}},
          {"--vectors",
           "",
           &o.vectors,
           "word vectors: .npy with words.txt beside it, or GloVe's text; else GloVe's of `make "
           "text-data`",
           {.type = "FILE"}},
          {"--vectors-kind",
           "",
           &o.vectors_kind,
           "plain vectors have antonyms among the nearest words, which WordNet then takes out",
           {.choices = {"glove", "counter-fitted"}}},
          {"--raw-vectors", "", &o.raw_vectors, "take vectors as they are, not of length 1"},
          {"--neighbours",
           "",
           &o.neighbours,
           "the nearest words of each, nn.npy; else they are searched for, exactly",
           {.type = "FILE"}},
          {"--stop-words",
           "",
           &o.stop_words,
           "words that stay as they are, one a line; else a list that is built in",
           {.type = "FILE"}},
          {"--tags",
           "",
           &o.tags,
           "parts of speech of each text's words, JSON lines; else the built-in tagger",
           {.type = "FILE"}}};
}

struct WordResources::Parts {
  std::optional<WordNet> wordnet;
  std::optional<CandidateBank> bank;
  std::optional<WordVectors> vectors;
  std::optional<Neighbours> neighbours;
  std::optional<StopWords> stop_words;
  std::optional<TagsOfExample> tags;
};

WordResources::WordResources(const WordResourceOptions& options)
    : options_(options), parts_(std::make_unique<Parts>()) {
  if (!options.stop_words.empty()) parts_->stop_words = load_stop_words(options.stop_words);
  if (!options.tags.empty()) parts_->tags = load_tag_file(options.tags);
}

WordResources::~WordResources() = default;

void WordResources::warn(const std::vector<std::string>& lines) {
  warnings_.insert(warnings_.end(), lines.begin(), lines.end());
}

void WordResources::need_wordnet() {
  if (!parts_->wordnet) parts_->wordnet = load_wordnet(wordnet_folder(options_.wordnet));
}

void WordResources::need_bank() {
  if (parts_->bank) return;
  usage(!options_.bank.empty(),
        "the attack takes its candidates from a bank: name it with --bank, or let WordNet's "
        "synonyms stand in, as pso-wordnet does");
  parts_->bank = load_candidate_bank(options_.bank);
  warn(parts_->bank->warnings);
}

void WordResources::need_vectors() {
  if (parts_->vectors) return;
  parts_->vectors = load_word_vectors(vectors_file(options_.vectors),
                                      options_.raw_vectors ? RowScale::raw : RowScale::unit);
  std::optional<NeighbourTable> table;
  if (!options_.neighbours.empty()) {
    table = load_neighbour_table(options_.neighbours, *parts_->vectors, kNeighbours);
    warn(table->warnings);
  }
  parts_->neighbours.emplace(*parts_->vectors, kNeighbours, std::move(table));
  if (drops_antonyms()) need_wordnet();
}

std::vector<PartOfSpeech> WordResources::tags_of(const Places& places) const {
  if (!parts_->tags) return tag_words(*parts_->wordnet, places.words);
  const auto found = parts_->tags->find(places.example);
  require(found != parts_->tags->end(), options_.tags, ": has no tags of example ", places.example);
  require(found->second.size() == places.words.size(), options_.tags, ": example ", places.example,
          " has ", places.words.size(), " words and ", found->second.size(), " tags");
  return found->second;
}

CandidatesInText WordResources::by_class(Substitutes substitutes) {
  if (!parts_->tags) need_wordnet();
  // A search asks for the same words again and again.
  using Key = std::pair<std::string, WordClass>;
  auto known = std::make_shared<std::map<Key, std::vector<std::string>>>();
  return [this, known, substitutes = std::move(substitutes)](const Places& places) {
    const std::vector<PartOfSpeech> tags = tags_of(places);
    std::vector<std::vector<std::string>> found;
    for (const std::size_t i : places.indices) {
      found.emplace_back();
      const std::optional<WordClass> of = word_class_of(tags[i]);
      if (!of) continue;
      Key key{lower_case(places.words[i]), *of};
      auto entry = known->find(key);
      if (entry == known->end()) {
        entry = known->emplace(key, substitutes(key.first, *of)).first;
      }
      found.back() = entry->second;
    }
    return found;
  };
}

std::vector<std::string> WordResources::synonyms_of(std::string_view word, WordClass of) const {
  return synonyms(*parts_->wordnet, word, of,
                  options_.hypernyms ? Relatives::co_hyponyms_too : Relatives::synonyms);
}

CandidatesInText WordResources::synonyms_in_text() {
  need_wordnet();
  return by_class([this](std::string_view word, WordClass of) { return synonyms_of(word, of); });
}

CandidatesInText WordResources::bank_in_text() {
  need_bank();
  return by_class(
      [this](std::string_view word, WordClass of) { return parts_->bank->substitutes(word, of); });
}

CandidatesOfWord WordResources::synonyms_of_word() {
  need_wordnet();
  return [this](std::string_view word) {
    std::vector<std::string> all;
    for (const WordClass of : kWordClasses) {
      for (std::string& synonym : synonyms_of(word, of)) {
        if (std::ranges::find(all, synonym) == all.end()) all.push_back(std::move(synonym));
      }
    }
    return all;
  };
}

CandidatesOfWord WordResources::neighbours() {
  need_vectors();
  return [this](std::string_view word) {
    std::vector<std::string> near = parts_->neighbours->words_near(word);
    if (drops_antonyms()) {
      std::erase_if(near, [&](const std::string& other) {
        return are_antonyms(*parts_->wordnet, word, other);
      });
    }
    return near;
  };
}

WordMeasure WordResources::squared_distance() {
  need_vectors();
  return [this](std::string_view a, std::string_view b) {
    return parts_->vectors->squared_distance(a, b);
  };
}

WordMeasure WordResources::cosine() {
  usage(!options_.raw_vectors, "--raw-vectors: a cosine is taken of vectors of length 1");
  return [distance = squared_distance()](std::string_view a, std::string_view b) {
    std::optional<float> d = distance(a, b);
    if (d) d = 1 - *d / 2;
    return d;
  };
}

TagOf WordResources::tag() {
  need_wordnet();
  return [this](std::span<const std::string_view> words, std::size_t index) {
    return name_of(tag_words(*parts_->wordnet, words)[index]);
  };
}

IsStopWord WordResources::is_stop_word() {
  const StopWords& words = parts_->stop_words ? *parts_->stop_words : english_stop_words();
  return [&words](std::string_view word) { return words.contains(word); };
}

std::vector<Resource> WordResources::describe(WordPart part) const {
  const auto wordnet = [&] {
    return describe_resource("wordnet", wordnet_files(wordnet_folder(options_.wordnet)));
  };
  switch (part) {
    case WordPart::wordnet:
    case WordPart::tagger: return {wordnet()};
    case WordPart::bank: return {describe_resource("bank", {options_.bank})};
    case WordPart::vectors: {
      std::vector<fs::path> files = word_vector_files(vectors_file(options_.vectors));
      if (!options_.neighbours.empty()) files.emplace_back(options_.neighbours);
      std::vector<Resource> resources = {describe_resource(options_.vectors_kind, files)};
      if (drops_antonyms()) resources.push_back(wordnet());
      return resources;
    }
    case WordPart::tags:
      if (options_.tags.empty()) return {wordnet()};
      return {describe_resource("tags", {options_.tags})};
    case WordPart::stop_words:
      if (options_.stop_words.empty()) return {};
      return {describe_resource("stop words", {options_.stop_words})};
  }
  return {};
}

std::string WordResources::remark(WordPart part) const {
  if (part == WordPart::wordnet) {
    return options_.hypernyms ? "WordNet's synonyms, and nouns that share a hypernym with a word"
                              : "WordNet's synonyms";
  }
  if (part == WordPart::vectors && drops_antonyms()) {
    return "the nearest words are those of plain vectors without WordNet's antonyms, not of "
           "counter-fitted ones as in publications";
  }
  if (part == WordPart::tagger || (part == WordPart::tags && options_.tags.empty())) {
    return "parts of speech are those of the built-in tagger, not of a trained one";
  }
  return "";
}

}  // namespace saddle
