#include "tests/apps/word_attack_world.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "core/file.h"
#include "core/json_text.h"
#include "tests/apps/text_runs.h"
#include "tests/apps/training_runs.h"
#include "tests/attacks/text/tiny_wordnet.h"

namespace saddle {
namespace {

namespace fs = std::filesystem;

constexpr const char* kVectors =
    "good 1 0 0\nbad 0.9 0.1 0\nfilm 0 1 0\nstory 0.1 0.9 0\nday 0 0 1\n";

void write_lexicon(const fs::path& folder, const TinyLexicon& lexicon) {
  fs::create_directories(folder);
  for (const auto& [name, content] : files_of(lexicon)) {
    write_file_atomically(folder / name, std::string_view(content));
  }
}

TinyLexicon lexicon_of(const std::vector<TinySynset>& adjectives) {
  TinyLexicon lexicon;
  lexicon.synsets = adjectives;
  for (const TinySynset& other :
       std::vector<TinySynset>{{"n", {"film", "story"}}, {"v", {"watch"}}, {"r", {"quickly"}}}) {
    lexicon.synsets.push_back(other);
  }
  return lexicon;
}

}  // namespace

WordAttackWorld::WordAttackWorld() {
  write_text_world(path());
  TextTrainOptions run = small_text_run(path(), path() / "run");
  run.epochs = 12;
  train(resolved(run));
  write_lexicon(path() / "wordnet", lexicon_of({{"a", {"good", "bad"}}}));
  write_lexicon(path() / "antonyms", lexicon_of({{"a", {"good"}, {{"!", 1, "0101"}}},
                                                 {"a", {"bad"}, {{"!", 0, "0101"}}}}));
  write_file_atomically(path() / "vectors.txt", std::string_view(kVectors));
}

TextAttackProgramOptions WordAttackWorld::options(const std::vector<std::string>& attacks) const {
  TextAttackProgramOptions o;
  o.common.quiet = true;
  o.common.threads = 1;
  o.common.device = "cpu";
  o.data.name = "text-csv";
  o.data.directory = (path() / "reviews").string();
  o.checkpoint = (path() / "run" / "last.safetensors").string();
  o.attacks = attacks;
  o.resources.wordnet = (path() / "wordnet").string();
  const bool of_vectors = std::ranges::any_of(attacks, [](const std::string& spec) {
    return spec.starts_with("iga") || spec.starts_with("textfooler");
  });
  if (!of_vectors) return o;
  o.resources.vectors = (path() / "vectors.txt").string();
  o.resources.vectors_kind = "counter-fitted";
  return o;
}

TextAttackProgramOptions WordAttackWorld::options(const std::vector<std::string>& attacks,
                                                  const std::string& name) const {
  TextAttackProgramOptions o = options(attacks);
  o.json = (path() / (name + ".json")).string();
  o.outcomes = (path() / (name + ".jsonl")).string();
  return o;
}

std::string printed_by_attack(const TextAttackProgramOptions& options) {
  ::testing::internal::CaptureStdout();
  try {
    attack(options);
  } catch (...) {
    ::testing::internal::GetCapturedStdout();
    throw;
  }
  return ::testing::internal::GetCapturedStdout();
}

nlohmann::json json_in(const fs::path& file) { return parse_json(contents(file)); }

std::vector<nlohmann::json> json_lines_in(const fs::path& file) {
  std::istringstream lines(contents(file));
  std::vector<nlohmann::json> all;
  for (std::string line; std::getline(lines, line);) all.push_back(parse_json(line));
  return all;
}

}  // namespace saddle
