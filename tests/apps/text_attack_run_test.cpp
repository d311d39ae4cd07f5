// saddle-text attack: what it finds, whatever the batch, and again after an interruption.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "apps/text/attack_program.h"
#include "apps/text/build_bank.h"
#include "apps/text/evaluate_texts.h"
#include "apps/text/text_victim.h"
#include "core/file.h"
#include "tests/apps/text_runs.h"
#include "tests/apps/text_tables.h"
#include "tests/apps/training_runs.h"
#include "tests/apps/word_attack_world.h"
#include "tests/attacks/text/npy_files.h"
#include "tests/support/expect_near.h"
#include "tests/support/thread_count.h"

namespace saddle {
namespace {

using namespace testing_support;
using Json = nlohmann::json;

class TextAttackRun : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { world = new WordAttackWorld; }
  static void TearDownTestSuite() {
    delete world;
    world = nullptr;
  }
  static TextModel model() {
    return load_text_model(world->path() / "run" / "last.safetensors", "", cpu_device(),
                           Precision::fp32);
  }

  static WordAttackWorld* world;
};
WordAttackWorld* TextAttackRun::world = nullptr;

int times_in(const std::string& whole, const std::string& part) {
  int times = 0;
  for (auto at = whole.find(part); at != whole.npos; at = whole.find(part, at + 1)) ++times;
  return times;
}

// A word in each text says its class, and its only synonym says the other: one swap is enough.
TEST_F(TextAttackRun, swaps_the_word_that_says_the_class) {
  const TextAttackProgramOptions o = world->options({"pso-wordnet"}, "swap");

  printed_by_attack(o);

  const Json json = json_in(o.json), attack = json.at("attacks").at(0);
  EXPECT_EQ(json.at("examples"), 20);
  EXPECT_GT(json.at("clean_accuracy").get<double>(), 90);
  EXPECT_EQ(attack.at("failed"), 0);
  EXPECT_EQ(attack.at("success_rate"), 100);
  EXPECT_EQ(attack.at("robust_accuracy"), 0);
  for (const Json& line : json_lines_in(o.outcomes)) {
    if (line.at("status") == "skipped") continue;
    EXPECT_EQ(line.at("changed").size(), 1) << line;
    const std::string original = line.at("original"), other = line.at("adversarial");
    const bool good = original.find("good") != std::string::npos;
    EXPECT_NE(other.find(good ? "bad" : "good"), std::string::npos) << line;
  }
}

// Whose labels are not those of the reviewers: a number of it never stands without saying so.
TEST_F(TextAttackRun, says_once_what_the_labels_of_the_rated_set_are) {
  const TemporaryDirectory directory;
  write_rated(directory);
  TextTrainOptions run = small_text_run(world->path(), directory.path() / "run");
  run.data.name = "rotten-tomatoes-rated";
  run.data.directory = directory.path().string();
  run.data.train_limit = run.data.test_limit = 8;
  run.epochs = 1;
  TextAttackProgramOptions o = world->options({"pwws"}, "rated");
  o.data = run.data;
  o.checkpoint = (directory.path() / "run" / "last.safetensors").string();
  const std::string remark = "labels are the sign of the mean rating";

  ::testing::internal::CaptureStderr();
  train(resolved(run));
  const std::string told_by_training = ::testing::internal::GetCapturedStderr();
  ::testing::internal::CaptureStderr();
  printed_by_attack(o);
  const std::string told_by_attack = ::testing::internal::GetCapturedStderr();

  EXPECT_EQ(times_in(told_by_training, remark), 1) << told_by_training;
  EXPECT_EQ(times_in(told_by_attack, remark), 1) << told_by_attack;
  EXPECT_EQ(times_in(contents(directory.path() / "run" / "config.json"), remark), 1);
  EXPECT_EQ(times_in(contents(o.json), remark), 1);
}

// The texts it writes, asked about as saddle-text predict asks.
TEST_F(TextAttackRun, writes_texts_that_the_network_takes_for_what_it_says) {
  const TextAttackProgramOptions o = world->options({"pso-wordnet", "iga", "pwws"}, "asked");
  printed_by_attack(o);
  std::vector<std::string> texts;
  std::vector<Json> lines = json_lines_in(o.outcomes);
  for (const Json& line : lines) texts.push_back(line.at("adversarial"));
  const TextModel asked = model();

  const std::vector<float> z = logits_of_texts(asked.model.evaluation(), cpu_device(),
                                               encode(texts, asked.pieces, asked.max_length()), 7);

  ASSERT_EQ(lines.size(), 60);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::int32_t label = lines[i].at("label");
    const Answer answer = answer_of(std::span(z).subspan(2 * i, 2), label);
    EXPECT_EQ(answer.predicted, lines[i].at("predicted_after").get<std::int32_t>()) << lines[i];
    EXPECT_NEAR(answer.score, lines[i].at("score_after").get<float>(), 1e-5) << lines[i];
  }
}

TEST_F(TextAttackRun, finds_the_same_in_any_batches_and_side_by_side) {
  TextAttackProgramOptions o = world->options({"pso-wordnet", "iga:changed=1"}, "together"),
                           alone = world->options({"pso-wordnet", "iga:changed=1"}, "alone");
  alone.batch_size = 1;
  alone.concurrent = 1;

  printed_by_attack(o);
  printed_by_attack(alone);

  EXPECT_EQ(contents(o.outcomes), contents(alone.outcomes));
}

// Of few texts: beside other work threads wait for one another.
TEST_F(TextAttackRun, finds_the_same_on_sixteen_threads_in_large_batches_as_on_one_in_small_ones) {
  const ThreadCount restored;
  const std::vector<std::string> attacks{"pso-wordnet", "iga:changed=1"};
  TextAttackProgramOptions small = world->options(attacks, "small"),
                           large = world->options(attacks, "large");
  small.data.test_limit = large.data.test_limit = 3;
  small.batch_size = 1;
  large.batch_size = 512;
  large.common.threads = 16;

  printed_by_attack(small);
  printed_by_attack(large);

  EXPECT_EQ(contents(small.outcomes), contents(large.outcomes));
}

// What the report says of the quirks of an attack with these options, on two texts.
Json quirks_with(TextAttackProgramOptions options) {
  options.data.test_limit = 2;
  printed_by_attack(options);
  return json_in(options.json).at("quirks");
}

TEST_F(TextAttackRun, has_the_quirks_of_2024_unless_told_otherwise) {
  EXPECT_EQ(quirks_with(world->options({"pso-wordnet"}, "of-2024")), Json::parse(R"({
      "ratio_of_one_word": true, "shared_elites": true, "weak_parents": true,
      "first_word_at_random": true, "unchecked_children": true, "last_generation_unseen": true})"));
}

TEST_F(TextAttackRun, has_the_quirks_of_2026_where_told_so) {
  TextAttackProgramOptions o = world->options({"pso-wordnet"}, "of-2026");
  o.compat = "2026";

  EXPECT_EQ(quirks_with(o), Json::parse(R"({
      "ratio_of_one_word": false, "shared_elites": false, "weak_parents": true,
      "first_word_at_random": true, "unchecked_children": true, "last_generation_unseen": true})"));
}

TEST_F(TextAttackRun, has_no_quirks_at_all_where_it_is_strict) {
  TextAttackProgramOptions o = world->options({"pso-wordnet"}, "strict");
  o.strict = true;

  EXPECT_EQ(quirks_with(o), Json::parse(R"({
      "ratio_of_one_word": false, "shared_elites": false, "weak_parents": false,
      "first_word_at_random": false, "unchecked_children": false,
      "last_generation_unseen": false})"));
}

TEST_F(TextAttackRun, mends_one_quirk_of_the_genetic_search_at_a_time) {
  TextAttackProgramOptions o = world->options({"iga:changed=1"}, "mended");
  o.ga_selection = "fitness";
  EXPECT_EQ(quirks_with(o).at("weak_parents"), false);
  EXPECT_EQ(quirks_with(o).at("unchecked_children"), true);
  o.ga_selection = "reference";
  o.ga_check_crossover = true;
  EXPECT_EQ(quirks_with(o).at("weak_parents"), true);
  EXPECT_EQ(quirks_with(o).at("unchecked_children"), false);
}

TEST_F(TextAttackRun, asks_a_network_that_says_the_same_of_a_text_whatever_is_beside_it) {
  const TextModel asked = model();
  const TextVictim together = text_victim(asked, 64), alone = text_victim(asked, 1);
  std::vector<std::string> texts;
  for (int i = 0; i < 100; ++i) {
    texts.push_back("the film" + std::string(static_cast<std::size_t>(i % 7), ' '));
    for (int word = 0; word < i % 11; ++word) texts.back() += i % 3 == 0 ? " good" : " story of";
  }

  const std::vector<std::vector<float>> answers = together(texts);

  for (std::size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(answers[i], alone({&texts[i], 1}).front()) << texts[i];
  }
}

TEST_F(TextAttackRun, goes_on_where_its_time_was_over) {
  const TextAttackProgramOptions whole = world->options({"pso-wordnet", "iga"}, "whole");
  TextAttackProgramOptions cut = world->options({"pso-wordnet", "iga"}, "cut");
  printed_by_attack(whole);
  cut.time_budget = 1e-9;

  const std::string early = printed_by_attack(cut);

  EXPECT_EQ(json_in(cut.json).at("finished"), false);
  EXPECT_EQ(json_in(cut.json).at("unfinished"), Json({"pso-wordnet", "iga"}));
  EXPECT_TRUE(json_in(cut.json).at("attacks").at(0).at("success_rate").is_null());
  EXPECT_TRUE(std::filesystem::exists(cut.json + ".state"));
  cut.time_budget.reset();
  printed_by_attack(cut);
  EXPECT_EQ(contents(cut.outcomes), contents(whole.outcomes));
  EXPECT_EQ(json_in(cut.json).at("finished"), true);
  EXPECT_FALSE(std::filesystem::exists(cut.json + ".state"));
}

TEST_F(TextAttackRun, ends_where_the_query_budget_is_spent) {
  TextAttackProgramOptions o = world->options({"iga:changed=1"}, "budget");
  o.query_budget = 2;

  printed_by_attack(o);

  for (const Json& line : json_lines_in(o.outcomes)) EXPECT_LE(line.at("queries"), 2) << line;
  EXPECT_EQ(json_in(o.json).at("query_budget"), 2);
}

// The same words from a file as from WordNet.
TEST_F(TextAttackRun, takes_candidates_from_a_bank_that_was_built_of_wordnet) {
  BuildBankOptions build;
  build.wordnet = (world->path() / "wordnet").string();
  build.vocabulary = (world->path() / "words.txt").string();
  build.output = (world->path() / "bank.json").string();
  write_file_atomically(build.vocabulary, std::string_view("Good\nbad\nfilm\nstory\nzebra\n"));
  ::testing::internal::CaptureStdout();
  build_bank(build);
  EXPECT_CONTAINS(::testing::internal::GetCapturedStdout(), "4 of 5 words have substitutes");
  EXPECT_EQ(json_in(build.output).at("good"), Json({{"adj", {"bad"}}}));
  TextAttackProgramOptions of_bank = world->options({"pso"}, "of-bank"),
                           of_wordnet = world->options({"pso-wordnet"}, "of-wordnet");
  of_bank.resources.bank = build.output;

  printed_by_attack(of_bank);
  printed_by_attack(of_wordnet);

  std::vector<Json> want = json_lines_in(of_wordnet.outcomes);
  for (Json& line : want) line["attack"] = "pso";
  EXPECT_EQ(json_lines_in(of_bank.outcomes), want);
  EXPECT_EQ(json_in(of_bank.json).at("resources").at(0).at("kind"), "bank");
}

TEST_F(TextAttackRun, takes_parts_of_speech_from_a_file) {
  TextAttackProgramOptions o = world->options({"pso-wordnet"}, "tagged");
  o.resources.tags = (world->path() / "tags.jsonl").string();
  std::string lines;
  const TextSet set = load(o.data, "test");
  for (std::int64_t i = 0; i < set.size(); ++i) {
    const auto words = AttackedText(set.texts[static_cast<std::size_t>(i)], Compat::of_2024);
    Json tags(std::vector<std::string>(words.word_count(), "PRON"));
    lines += Json({{"index", i}, {"tags", tags}}).dump() + "\n";
  }
  write_file_atomically(o.resources.tags, std::string_view(lines));

  printed_by_attack(o);

  const Json attack = json_in(o.json).at("attacks").at(0);
  EXPECT_EQ(attack.at("succeeded"), 0);  // no pronoun has a substitute
  EXPECT_CONTAINS(attack.at("warnings").at(0).get<std::string>(), "nothing was tried on them");
}

// A table of one neighbour for each of the five words, for two attacks.
TEST_F(TextAttackRun, makes_do_with_a_narrow_table_of_neighbours_and_warns_once) {
  TextAttackProgramOptions o = world->options({"iga:changed=1", "textfooler"}, "narrow");
  o.resources.neighbours = (world->path() / "nn.npy").string();
  const std::vector<std::int32_t> rows{0, 1, 1, 0, 2, 3, 3, 2, 4, 3};
  write_file_atomically(o.resources.neighbours,
                        std::string_view(npy_matrix<std::int32_t>("<i4", "5, 2", rows)));

  printed_by_attack(o);

  const Json json = json_in(o.json);
  ASSERT_EQ(json.at("warnings").size(), 1u) << json.at("warnings");
  EXPECT_CONTAINS(json.at("warnings").at(0).get<std::string>(), "nn.npy has 1 neighbours a word");
  EXPECT_EQ(json.at("attacks").at(0).at("success_rate"), 100);
}

TEST_F(TextAttackRun, leaves_antonyms_out_of_the_neighbours_of_plain_vectors) {
  TextAttackProgramOptions plain = world->options({"iga:changed=1"}, "plain"),
                           fitted = world->options({"iga:changed=1"}, "fitted");
  for (TextAttackProgramOptions* o : {&plain, &fitted}) {
    o->resources.wordnet = (world->path() / "antonyms").string();
  }
  plain.resources.vectors_kind = "glove";

  printed_by_attack(plain);
  printed_by_attack(fitted);

  for (const Json& line : json_lines_in(plain.outcomes)) {
    const auto good_of = [&](const char* key) {
      return line.at(key).get<std::string>().find("good") != std::string::npos;
    };
    EXPECT_EQ(good_of("original"), good_of("adversarial")) << line;
  }
  EXPECT_EQ(json_in(fitted.json).at("attacks").at(0).at("success_rate"), 100);
  EXPECT_EQ(json_in(plain.json).at("attacks").at(0).at("resources"), Json({"glove", "wordnet"}));
  EXPECT_EQ(json_in(fitted.json).at("attacks").at(0).at("resources"), Json({"counter-fitted"}));
}

TEST_F(TextAttackRun, prints_the_table_what_it_rests_on_and_some_texts) {
  TextAttackProgramOptions o = world->options({"pso-wordnet", "textfooler"});
  o.shown = 1;
  o.html = (world->path() / "page.html").string();

  const std::string lines = printed_by_attack(o);

  EXPECT_CONTAINS(lines, "success %");
  EXPECT_CONTAINS(lines, "pso-wordnet");
  EXPECT_CONTAINS(lines, "without the sentence encoder");
  EXPECT_CONTAINS(lines, "built-in tagger");
  EXPECT_CONTAINS(lines, "the quirks of its code (--compat 2024)");
  EXPECT_CONTAINS(contents(o.html), "<del>");
}

}  // namespace
}  // namespace saddle
