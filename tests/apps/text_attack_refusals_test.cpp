// saddle-text attack: what it refuses, and what it warns of.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "apps/text/attack_report.h"
#include "apps/text/attack_state.h"
#include "core/file.h"
#include "tests/apps/training_runs.h"
#include "tests/apps/word_attack_world.h"
#include "tests/support/expect_near.h"

namespace saddle {
namespace {

using namespace testing_support;
using Json = nlohmann::json;

class TextAttackRefusals : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { world = new WordAttackWorld; }
  static void TearDownTestSuite() {
    delete world;
    world = nullptr;
  }
  static std::string refusal(const TextAttackProgramOptions& o) {
    return message_of<std::exception>([&] { printed_by_attack(o); });
  }

  static WordAttackWorld* world;
};
WordAttackWorld* TextAttackRefusals::world = nullptr;

TEST_F(TextAttackRefusals, says_which_attacks_and_keys_there_are) {
  EXPECT_CONTAINS(refusal(world->options({"pos"})), "there is no attack 'pos'. There are pso, ");
  EXPECT_CONTAINS(refusal(world->options({"pwws:population=3"})), "pwws has no key 'population'");
  EXPECT_CONTAINS(refusal(world->options({"iga:changed=2"})), "changed 2 is outside 0 to 1");
  EXPECT_CONTAINS(refusal(world->options({"iga", "iga"})), "given twice");
  EXPECT_CONTAINS(refusal(world->options({})), "no attack: give --attack SPEC");
}

TEST_F(TextAttackRefusals, says_which_files_are_missing_and_how_to_get_them) {
  TextAttackProgramOptions o = world->options({"pso-wordnet"});
  EXPECT_CONTAINS(refusal(world->options({"pso"})), "name it with --bank");
  o.resources.wordnet = (world->path() / "nowhere").string();
  EXPECT_CONTAINS(refusal(o), "there is no WordNet: looked for index.noun in");
  o = world->options({"iga"});
  o.resources.vectors = (world->path() / "nowhere.txt").string();
  EXPECT_CONTAINS(refusal(o), "nowhere.txt");
}

TEST_F(TextAttackRefusals, wants_tags_of_every_text_and_word) {
  TextAttackProgramOptions o = world->options({"pso-wordnet"});
  o.resources.tags = (world->path() / "few.jsonl").string();
  write_file_atomically(o.resources.tags,
                        std::string_view("{\"index\": 0, \"tags\": [\"ADJ\"]}\n"));
  EXPECT_CONTAINS(refusal(o), "words and 1 tags");
  write_file_atomically(o.resources.tags,
                        std::string_view("{\"index\": 99, \"tags\": [\"ADJ\"]}\n"));
  EXPECT_CONTAINS(refusal(o), "has no tags of example");
}

TEST_F(TextAttackRefusals, takes_no_set_of_other_classes) {
  TextAttackProgramOptions o = world->options({"pso-wordnet"});
  const auto folder = world->path() / "others";
  std::filesystem::create_directories(folder);
  for (const char* file : {"train.csv", "test.csv"}) {
    write_file_atomically(folder / file, std::string_view("text,label\nthe film,up\na day,down\n"));
  }
  o.data.directory = folder.string();
  EXPECT_CONTAINS(refusal(o), "has label 'up', which is none of the classes: bad, good");
}

TEST_F(TextAttackRefusals, refuses_flags_that_contradict_each_other) {
  TextAttackProgramOptions o = world->options({"iga"});
  o.strict = true;
  o.ga_check_crossover = true;
  EXPECT_CONTAINS(refusal(o), "--strict means");
  o = world->options({"pwws"});
  o.resources.vectors_kind = "counter-fitted";
  EXPECT_CONTAINS(refusal(o), "--vectors-kind does nothing");
  o = world->options({"pwws"});
  o.ga_selection = "fitness";
  EXPECT_CONTAINS(refusal(o), "--ga-selection does nothing");
  o = world->options({"iga"});
  o.restart = true;
  EXPECT_CONTAINS(refusal(o), "--json FILE");
}

// A state of one example, as a run leaves it.
class TextAttackState : public TextAttackRefusals {
 protected:
  void SetUp() override {
    std::filesystem::remove(options_.json + ".state");
    printed_by_attack(options_);
    lines_ = json_lines_in(options_.outcomes);
    options_.time_budget = 1e-9;
    printed_by_attack(options_);
    state_ = json_in(options_.json + ".state");
    state_["attacks"][0]["outcomes"] = {lines_.at(0), lines_.at(3)};
    options_.time_budget.reset();
  }
  std::string refusal_of(const Json& state) {
    write_file_atomically(options_.json + ".state", std::string_view(state.dump()));
    return refusal(options_);
  }

  TextAttackProgramOptions options_ = world->options({"pso-wordnet"}, "state");
  std::vector<Json> lines_;
  Json state_;
};

TEST_F(TextAttackState, is_gone_on_from_without_asking_again) {
  state_["attacks"][0]["outcomes"][0]["queries"] = 12345;  // known from the state alone

  EXPECT_EQ(refusal_of(state_), "(nothing was thrown)");

  lines_.at(0)["queries"] = 12345;
  EXPECT_EQ(json_lines_in(options_.outcomes), lines_);
}

TEST_F(TextAttackState, of_other_texts_or_numbers_is_refused) {
  const auto with = [&](const char* key, const Json& value) {
    Json changed = state_;
    changed["attacks"][0]["outcomes"][0][key] = value;
    return refusal_of(changed);
  };
  EXPECT_CONTAINS(with("original", "another"), "example 0 is another text");
  EXPECT_CONTAINS(with("adversarial", "one word more than there should be , far more words"),
                  "words, attacked");
  EXPECT_CONTAINS(with("score_after", 2), "score_after is outside 0 to 1");
  EXPECT_CONTAINS(with("predicted_after", 2), "predicted_after is no class");
  EXPECT_CONTAINS(with("queries", -1), "queries is negative");
  EXPECT_CONTAINS(with("index", 400), "there is no example 400");
  EXPECT_CONTAINS(with("index", 3), "example 3");
  EXPECT_CONTAINS(refusal_of(Json::array()), "--restart");
}

TEST_F(TextAttackState, of_another_command_is_refused_by_what_differs) {
  options_.compat = "2026";
  EXPECT_CONTAINS(refusal_of(state_), "other compat ('2024', this one has '2026')");
}

// ---- doubts ----

TextOutcome ended(TextStatus status, std::int64_t queries, std::int64_t asked,
                  std::size_t changed) {
  TextOutcome o;
  o.status = status;
  o.queries = queries;
  o.asked = asked;
  o.words = 10;
  for (std::size_t i = 0; i < changed; ++i) o.changed.push_back(i);
  return o;
}

TEST(text_attack_doubts, say_what_makes_a_rate_too_low_or_too_high) {
  TextAttackReport report;
  report.query_budget = 50;
  report.examples = 9;
  WordAttackResult result;
  result.attack.most_changed = 0.2;
  result.outcomes = {ended(TextStatus::failed, 181, 1, 0), ended(TextStatus::failed, 50, 40, 0),
                     ended(TextStatus::succeeded, 20, 9, 3),
                     ended(TextStatus::succeeded, 20, 9, 2)};

  const std::vector<std::string> doubts = doubts_about(result, report);

  ASSERT_EQ(doubts.size(), 4);
  EXPECT_CONTAINS(doubts[0], "of 2 texts that withstood, 1 have no word with a candidate");
  EXPECT_CONTAINS(doubts[1], "of 2 texts that withstood, 1 did so when --query-budget 50");
  EXPECT_CONTAINS(doubts[2], "of 2 successes, 1 change more than 0.2 of the words");
  EXPECT_CONTAINS(doubts[3], "after 4 of 9 texts");
}

TEST(text_attack_doubts, are_none_of_a_search_that_ran_its_course) {
  WordAttackResult result;
  result.finished = true;
  result.outcomes = {ended(TextStatus::failed, 1201, 300, 0),
                     ended(TextStatus::succeeded, 20, 9, 9), ended(TextStatus::skipped, 1, 1, 0)};

  EXPECT_TRUE(doubts_about(result, {}).empty());
}

// 3 of 8: sqrt(0.375 * 0.625 / 8) = 0.17116
TEST(text_attack_doubts, come_with_the_standard_error_of_the_rate) {
  TextMetrics metrics;
  metrics.succeeded = 3;
  metrics.failed = 5;
  metrics.success_rate = 37.5;
  EXPECT_NEAR(success_rate_error(metrics), 17.116, 0.001);
  EXPECT_TRUE(std::isnan(success_rate_error({})));
}

}  // namespace
}  // namespace saddle
