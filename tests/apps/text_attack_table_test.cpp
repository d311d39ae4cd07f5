// saddle-text attack from its files to its table, against numbers that were worked out by hand.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/common/checkpoint.h"
#include "core/file.h"
#include "tests/apps/training_runs.h"
#include "tests/apps/word_attack_world.h"
#include "tests/support/expect_near.h"

namespace saddle {
namespace {

using namespace testing_support;
using Json = nlohmann::json;

// The vocabulary, with a number for each. A text whose numbers add up to more than 0 is good.
const std::vector<std::pair<std::string, double>> kNumbers = {
    {"[PAD]", 0},  {"[UNK]", 0},   {"[CLS]", 0},  {"[SEP]", 0},
    {"[MASK]", 0}, {"good", 0.05}, {"bad", -1.2}, {"film", 0.05}};

// A BERT that adds them up. The embedding of a number a is (a, -a, b, -b), a^2 + b^2 = 2:
// layer-norm leaves it alone, its block adds nothing, and the classifier reads the mean of a.
Model adding_network() {
  ModelDescription description;
  description.network.model = "bert";
  description.network.classes = 2;
  description.class_names = {"bad", "good"};
  TextOptions& text = description.network.text;
  text.vocabulary = std::ssize(kNumbers);
  text.positions = 64;
  text.width = text.hidden = 4;
  text.layers = text.heads = 1;
  text.pooling = TextPooling::mean;
  Model model(cpu_device(), description, 0);
  std::vector<float> weights(static_cast<std::size_t>(model.network.layout.weights.size()));
  for (const Slot& slot : model.network.layout.weights.slots()) {
    float* values = weights.data() + slot.offset;
    if (slot.name.ends_with("LayerNorm.weight")) std::fill_n(values, 4, 1.f);
    if (slot.name == "classifier.weight") values[4] = 10;
    if (!slot.name.ends_with("word_embeddings.weight")) continue;
    for (const auto& [piece, a] : kNumbers) {
      const double b = std::sqrt(2 - a * a);
      for (const double value : {a, -a, b, -b}) *values++ = static_cast<float>(value);
    }
  }
  model.weights.copy_from_host(weights.data());
  return model;
}

// `count` times the word, as a text that is called good.
std::string row_of(int count, const std::string& word) {
  std::string row = word;
  for (int i = 1; i < count; ++i) row += " " + word;
  return row + ",good\n";
}

// Writes the network, its words, their neighbours and four texts.
TextAttackProgramOptions options_in(const std::filesystem::path& folder) {
  const auto write = [&](const char* name, const std::string& letters) {
    write_file_atomically(folder / name, std::string_view(letters));
  };
  std::string vocabulary;
  for (const auto& [piece, number] : kNumbers) vocabulary += piece + "\n";
  save_checkpoint(folder / "network.safetensors", adding_network());
  write("vocab.txt", vocabulary);
  write("vectors.txt", "good 1 0\nbad 0.9 0.1\n");
  write("train.csv", "text,label\nbad film,bad\n" + row_of(1, "good film"));
  write("test.csv", "text,label\n" + row_of(3, "bad") + row_of(2, "good") + row_of(3, "film") +
                        row_of(60, "good"));
  TextAttackProgramOptions o;
  o.common.quiet = true;
  o.common.threads = 1;
  o.common.device = "cpu";
  o.data.name = "text-csv";
  o.data.directory = folder.string();
  o.checkpoint = (folder / "network.safetensors").string();
  o.attacks = {"iga:changed=1,replacements=1"};
  o.resources.vectors = (folder / "vectors.txt").string();
  o.resources.vectors_kind = "counter-fitted";
  o.json = (folder / "result.json").string();
  o.outcomes = (folder / "outcomes.jsonl").string();
  o.html = (folder / "page.html").string();
  return o;
}

// Any word may be replaced, each once; "bad" is the only candidate of "good".
//
// 0, "bad bad bad": taken for bad already. 1 query.
// 1, "good good": one swap is enough, 0.05 - 1.2 < 0. The first population has one for each word:
//    1 + 2 queries.
// 2, "film film film": no candidates. 2 children in each of 20 generations: 1 + 20 * 2.
// 3, 60 times "good": three swaps are needed, 58 * 0.05 - 2 * 1.2 > 0 > 57 * 0.05 - 3 * 1.2. A text
//    of the first population has one. A child has none, one or two of its parents' swaps and is
//    then given another, so that it succeeds if it has two. A sixth of the children do: the first
//    parent's must be to the left of the second's, and the cut between them. That none of 59 does
//    has the probability 2e-5. So the first generation ends it, and each of its children is
//    asked about twice: 1 + 60 + 59 * 2 queries.
TEST(text_attack_table, is_the_one_worked_out_by_hand) {
  const TemporaryDirectory directory;
  const TextAttackProgramOptions o = options_in(directory.path());

  printed_by_attack(o);

  Json outcomes = Json::array();
  for (const Json& line : json_lines_in(o.outcomes)) {
    outcomes.push_back({line.at("status"), line.at("queries"), line.at("words"),
                        line.at("changed").size(), line.at("predicted_after")});
  }
  EXPECT_EQ(outcomes, Json::parse(R"([
      ["skipped",     1,  3, 0, 0],
      ["succeeded",   3,  2, 1, 0],
      ["failed",     41,  3, 0, 1],
      ["succeeded", 179, 60, 3, 0]])"));
  const std::vector<std::pair<std::string, std::string>> table = {
      {"Number of successful attacks:", "2"}, {"Number of failed attacks:", "1"},
      {"Number of skipped attacks:", "1"},    {"Original accuracy:", "75.0%"},
      {"Accuracy under attack:", "25.0%"},    {"Attack success rate:", "66.67%"},
      {"Average perturbed word %:", "27.5%"}, {"Average num. words per input:", "17.0"},
      {"Avg num queries:", "74.33"}};
  const std::string page = contents(o.html);
  for (const auto& [name, value] : table) {
    EXPECT_CONTAINS(page, name + "</th><td>" + value + "</td>");
  }
  const Json attack = json_in(o.json).at("attacks").at(0);
  EXPECT_EQ(attack.at("changed_words"), Json({{"1", 1}, {"3", 1}}));
  EXPECT_DOUBLE_EQ(attack.at("success_rate"), 200. / 3);
  EXPECT_DOUBLE_EQ(attack.at("queries"), (3 + 41 + 179) / 3.);
}

}  // namespace
}  // namespace saddle
