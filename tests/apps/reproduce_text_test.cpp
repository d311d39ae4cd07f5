// saddle-reproduce on the table of texts: whose programs work, and what is made of success rates.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/reproduce/estimate.h"
#include "apps/reproduce/report.h"
#include "tests/apps/reproduction.h"

namespace saddle::reproduce {
namespace {

using namespace testing_support;

// What became of each text, a letter each: skipped (k), succeeded (s), failed (f).
std::string status_of(char letter) {
  return letter == 'k' ? "skipped" : letter == 's' ? "succeeded" : "failed";
}

std::string line_of(std::size_t index, const std::string& status) {
  return text(R"({"attack": "iga", "index": )", index, R"(, "status": ")", status, "\"}\n");
}

std::string lines_of(const std::string& fates) {
  std::string lines;
  for (std::size_t i = 0; i < fates.size(); ++i) lines += line_of(i, status_of(fates[i]));
  return lines;
}

// The success rate without a text, in the plainest way; of all where there is no such text.
double rate_without(const std::string& fates, std::size_t left_out) {
  double succeeded = 0, attacked = 0;
  for (std::size_t i = 0; i < fates.size(); ++i) {
    if (i == left_out || fates[i] == 'k') continue;
    succeeded += fates[i] == 's';
    ++attacked;
  }
  return succeeded / attacked;
}

constexpr std::size_t kNone = 999;

class TextReproduction : public Reproduction {
 protected:
  TextReproduction() {
    write_attack("adamw", "pso-wordnet", "fsffs");
    write_attack("adamw", "iga", "sssff");
    write_attack("sam", "pso-wordnet", "fkffs");
    write_attack("sam", "iga", "skffs");
    write_program();
    options.preset = "short";
    options.only = "";
    options.seeds = 1;
  }

  // The files that the attack upon an optimiser's network leaves. It takes a second a text.
  void write_attack(const std::string& optimizer, const std::string& attack,
                    const std::string& fates, const std::string& vectors = "c0ffee") const {
    const auto count = [&](char letter) { return std::ranges::count(fates, letter); };
    const auto attacked = static_cast<double>(count('s') + count('f'));
    const double examples = static_cast<double>(fates.size());
    const std::string name = (directory.path() / (optimizer + "-" + attack)).string();
    std::ofstream json(name + ".json");
    json.precision(17);
    json << R"({"examples": )" << examples << R"(, "clean_accuracy": )" << 100 * attacked / examples
         << R"(, "device": "cpu", "attacks": [{"success_rate": )"
         << (attacked > 0 ? 100 * static_cast<double>(count('s')) / attacked : 0)
         << R"(, "succeeded": )" << count('s') << R"(, "failed": )" << count('f')
         << R"(, "skipped": )" << count('k') << R"(, "queries": null, "seconds": )" << examples
         << R"(, "warnings": []}], "resources": [{"kind": "glove", "sha256": ")" << vectors
         << R"("}], "warnings": [], "finished": true})";
    std::ofstream(name + ".jsonl") << lines_of(fates);
  }

  void write_program() const {
    const fs::path path = options.programs / "saddle-text";
    std::ofstream(path) << "#!/bin/bash\nset -e\ncalls=" << calls.string()
                        << "\nfolder=" << directory.path().string() << R"(
kind=$1; shift; given=("$@")
while [ $# -gt 0 ]; do case $1 in
  --output) output=$2;; --json) json=$2;; --outcomes) outcomes=$2;; --html) page=$2;;
  --epochs) epochs=$2;; --checkpoint) checkpoint=$2;; --attack) attack=$2;;
  esac; shift; done
echo "$kind ${given[*]}" >> "$calls"
if [ $kind = train ]; then
  mkdir -p "$output"
  for ((epoch = 0; epoch < epochs; ++epoch)); do
    echo '{"test_accuracy": 84.0, "seconds": 2}'
  done > "$output/metrics.jsonl"
  echo '{"environment": {"version": "v", "device": "cpu", "threads": 1}}' > "$output/config.json"
else
  optimizer=sam; [[ "$checkpoint" == *adamw* ]] && optimizer=adamw
  cp "$folder/$optimizer-$attack.json" "$json"
  cp "$folder/$optimizer-$attack.jsonl" "$outcomes"
  echo page > "$page"
fi
)";
    fs::permissions(path, fs::perms::owner_all);
  }

  std::vector<std::string> run_texts() const {
    std::vector<std::string> stages;
    do_runs(plan(10), 1,
            {[&](const PlannedRun&, const std::string& stage) { stages.push_back(stage); }});
    return stages;
  }
};

TEST_F(TextReproduction, trains_and_attacks_each_run_once) {
  EXPECT_EQ(run_texts(), (std::vector<std::string>{"train", "pso-wordnet", "iga", "done", "train",
                                                   "pso-wordnet", "iga", "done"}));
  EXPECT_TRUE(run_texts().empty());
}

TEST_F(TextReproduction, makes_an_attack_anew_that_left_only_some_of_its_files) {
  run_texts();
  fs::remove(plan(10).runs[0].directory / "iga.jsonl");
  fs::remove(plan(10).runs[1].directory / "pso-wordnet.html");

  EXPECT_EQ(run_texts(),
            (std::vector<std::string>{"train", "iga", "done", "train", "pso-wordnet", "done"}));
}

TEST_F(TextReproduction, leaves_no_page_of_a_network_that_was_not_finished) {
  run_texts();
  const PlannedRun shortened = plan(10).runs[0];
  shorten_training(shortened);
  forget_attacks(shortened);

  EXPECT_FALSE(fs::exists(shortened.directory / "iga.json"));
  EXPECT_FALSE(fs::exists(shortened.directory / "iga.jsonl"));
  EXPECT_FALSE(fs::exists(shortened.directory / "iga.html"));
}

// Of the SAM rows' five texts four are attacked: the error of their rate of a half is
// 4/3 sqrt(4 / 4 / 20).
TEST_F(TextReproduction, reports_success_rates_beside_the_papers_numbers) {
  run_texts();
  const Plan made = plan(10);
  const Report report = make_report(made);

  const std::string markdown = markdown_of(report);
  EXPECT_CONTAINS(markdown, "| | natural | PSO (WordNet) ASR | IGA ASR |");
  EXPECT_CONTAINS(markdown, "| ST | 84.0 / 84.4 | 40.0 / 22.7 | 60.0 / 84.1 |");
  EXPECT_CONTAINS(markdown, "| SAM | 84.0 / 84.6 | 25.0 / 17.1 | 50.0 / 74.5 |");
  EXPECT_CONTAINS(markdown, "attack success rates (ASR, lower is more robust) in percent");
  EXPECT_CONTAINS(markdown,
                  "Natural accuracy is of all test texts, the attacks' success rates of those "
                  "named rightly among 5: a standard error of up to 29.8 points.");
  EXPECT_CONTAINS(markdown, "Against AdamW with the same seeds");
  EXPECT_EQ(markdown.find("image"), std::string::npos);
  EXPECT_EQ(markdown.find("SGD"), std::string::npos);
  EXPECT_TRUE(report.missing.empty());
}

// IGA's values of ST are 1 1 1 0 0. Of SAM, with the second text skipped, they are those of the
// header's formula, 1/2 + (x - 1/2) 4/3: 7/6 1/2 -1/6 -1/6 7/6. The differences are, in sixths,
// 1 -3 -7 -1 7.
TEST_F(TextReproduction, compares_with_plain_training_text_by_text) {
  run_texts();
  const Plan made = plan(10);
  const Report report = make_report(made);

  EXPECT_EQ(report.rows[0].base, "");
  EXPECT_EQ(report.rows[1].base, "ST");
  const Difference difference = report.rows[1].differences.at("iga");
  EXPECT_NEAR(difference.mean, -10, 1e-9);
  EXPECT_NEAR(difference.error, 100 * std::sqrt((109. / 36 - 5 * 0.01) / 4 / 5), 1e-9);
}

// Three of five texts are named rightly, and the attack succeeds upon two of these three: a rate
// above the clean accuracy is nothing to wonder at.
TEST_F(TextReproduction, doubts_no_rate_that_is_higher_than_the_clean_accuracy) {
  write_attack("adamw", "pso-wordnet", "kkssf");
  write_attack("adamw", "iga", "kkssf");
  run_texts();
  const Plan made = plan(10);
  const Report report = make_report(made);

  EXPECT_NEAR(report.rows[0].cells.at("iga").mean, 200. / 3, 1e-9);
  EXPECT_TRUE(report.doubts.empty());
}

TEST_F(TextReproduction, doubts_the_rate_of_a_network_that_names_no_text_rightly) {
  write_attack("adamw", "pso-wordnet", "kkkkk");
  write_attack("adamw", "iga", "kkkkk");
  run_texts();
  const Plan made = plan(10);
  const Report report = make_report(made);

  EXPECT_EQ(report.rows[0].cells.at("iga").mean, 0);
  EXPECT_EQ(
      report.doubts,
      (std::vector<std::string>{"ST, seed 0: no text was named rightly, so none was attacked"}));
}

TEST_F(TextReproduction, says_where_an_attack_succeeds_or_fails_upon_every_row) {
  write_attack("adamw", "pso-wordnet", "fffff");
  write_attack("sam", "pso-wordnet", "fkfff");
  write_attack("adamw", "iga", "sssss");
  write_attack("sam", "iga", "sksss");
  run_texts();
  const Plan made = plan(10);
  const std::string markdown = markdown_of(make_report(made));

  EXPECT_CONTAINS(markdown, "PSO (WordNet) ASR is 1 % or less of every row: the column compares");
  EXPECT_CONTAINS(markdown, "IGA ASR is 99 % or more of every row: the column compares");
}

TEST_F(TextReproduction, lets_a_column_compare_that_one_row_withstands) {
  write_attack("adamw", "pso-wordnet", "fffff");
  write_attack("adamw", "iga", "sssss");
  run_texts();
  const Plan made = plan(10);

  EXPECT_EQ(markdown_of(make_report(made)).find("compares nothing"), std::string::npos);
}

TEST_F(TextReproduction, says_where_attacks_rest_on_different_files) {
  write_attack("sam", "iga", "skffs", "decaf");
  run_texts();
  const Plan made = plan(10);

  const std::string markdown = markdown_of(make_report(made));

  EXPECT_CONTAINS(markdown,
                  "iga attacks differ in the files they rest on: glove c0ffee, glove decaf");
  EXPECT_EQ(markdown.find("pso-wordnet attacks differ"), std::string::npos);
}

TEST_F(TextReproduction, never_mixes_attacks_upon_different_networks) {
  write_attack("sam", "pso-wordnet", "ffffs");
  run_texts();
  const Plan made = plan(10);

  EXPECT_CONTAINS(message_of<Error>([&] { make_report(made); }),
                  "finds a clean accuracy of 100 %, iga.json beside it 80 %");
}

TEST_F(TextReproduction, refuses_outcomes_that_are_not_the_attacks) {
  run_texts();
  const Plan made = plan(10);
  std::ofstream(made.runs[1].directory / "iga.jsonl") << lines_of("fkfff");

  EXPECT_CONTAINS(message_of<Error>([&] { make_report(made); }),
                  "iga.jsonl is not of the same attack as iga.json");
}

TEST_F(TextReproduction, refuses_an_attack_that_has_not_ended) {
  const fs::path file = directory.path() / "attack.json";
  std::ofstream(file) << R"({"attacks": [{}], "finished": false})";

  EXPECT_CONTAINS(message_of<Error>([&] { read_attack(file, Task::text); }),
                  "the attack has not finished");
}

TEST_F(TextReproduction, shows_links_to_the_texts_and_no_curve) {
  run_texts();
  const Plan made = plan(10);
  save_report(make_report(made));

  const std::string page = written(made.directory / "table10.html"),
                    run = made.runs[1].directory.filename().string();
  EXPECT_CONTAINS(page, "<li>SAM, seed 0: <a href=\"" + run + "/pso-wordnet.html\">");
  EXPECT_TRUE(fs::exists(made.directory / run / "pso-wordnet.html"));
  EXPECT_CONTAINS(page, "<h2>Natural accuracy and attack success rate</h2>");
  EXPECT_EQ(page.find("against the radius"), std::string::npos);
  EXPECT_EQ(page.find("pictures"), std::string::npos);
  EXPECT_FALSE(fs::exists(made.directory / "table10-robustness.svg"));
  EXPECT_CONTAINS(written(made.directory / "table10-trade-off.svg"), "IGA ASR, %");
}

// A training takes 2 seconds an epoch, whose 128 texts are the trial's. An attack takes 5 seconds
// for what it is given, and the network names all five texts rightly.
TEST_F(TextReproduction, expects_the_time_of_a_short_training_and_of_a_trial) {
  const Plan made = plan(10);
  Estimate estimate(made, 8'456, 1'058);
  const Estimate::Left left = estimate.left_of(made.runs[0]);

  EXPECT_DOUBLE_EQ(left.training, 2. / 128 * 8'456 * 3);
  EXPECT_DOUBLE_EQ(left.attacks, 2 * 200);
  EXPECT_CONTAINS(called(), "--train-limit 128");
  EXPECT_CONTAINS(called(), "--test-limit 4");
}

TEST_F(TextReproduction, tries_no_more_texts_than_a_training_has) {
  options.preset = "tiny";
  const Plan made = plan(10);
  Estimate estimate(made, 8'456, 1'058);

  EXPECT_DOUBLE_EQ(estimate.left_of(made.runs[0]).training, 2);
  EXPECT_CONTAINS(called(), "--train-limit 64");
}

std::vector<double> outcomes_of(const std::string& lines) {
  const TemporaryDirectory directory;
  std::ofstream(directory.path() / "outcomes") << lines;
  return read_outcomes(directory.path() / "outcomes", Task::text);
}

// Four of six texts are attacked, one with success: N r - (N - 1) r_i is 6/4 - 5 * 0 of that one,
// 6/4 - 5/3 of those that withstood, and the rate of those that were skipped.
TEST(text_outcomes, are_the_jackknifes_pseudo_values) {
  const std::vector<double> outcomes = outcomes_of(lines_of("fskffk"));

  ASSERT_EQ(outcomes.size(), 6u);
  EXPECT_NEAR(outcomes[0], -1. / 6, 1e-12);
  EXPECT_NEAR(outcomes[1], 1.5, 1e-12);
  EXPECT_NEAR(outcomes[2], 0.25, 1e-12);
  EXPECT_NEAR(outcomes[3], -1. / 6, 1e-12);
  EXPECT_NEAR(outcomes[4], -1. / 6, 1e-12);
  EXPECT_NEAR(outcomes[5], 0.25, 1e-12);
}

// Against the rate without each text in turn, counted anew.
TEST(text_outcomes, are_what_leaving_each_text_out_gives) {
  const std::string fates = "sskfsfkfffs";
  const std::vector<double> outcomes = outcomes_of(lines_of(fates));

  const auto expected = [&](std::size_t i) {
    return 11 * rate_without(fates, kNone) - 10 * rate_without(fates, i);
  };
  EXPECT_NEAR(outcomes[0], expected(0), 1e-12);
  EXPECT_NEAR(outcomes[2], expected(2), 1e-12);
  EXPECT_NEAR(outcomes[5], expected(5), 1e-12);
  EXPECT_NEAR(cell_of(outcomes).mean, 4. / 9, 1e-12);
}

// Where all are attacked the error is that of a share, sqrt(r (1 - r) / (N - 1)).
TEST(text_outcomes, have_the_error_of_a_share) {
  const Cell cell = cell_of(outcomes_of(lines_of("sfffs")));

  EXPECT_NEAR(cell.deviation / std::sqrt(5.), std::sqrt(0.4 * 0.6 / 4), 1e-12);
}

TEST(text_outcomes, stand_in_the_order_of_the_texts) {
  const auto line = [](std::size_t index, char fate) { return line_of(index, status_of(fate)); };

  EXPECT_EQ(outcomes_of(line(2, 'f') + line(0, 's') + line(1, 'k')), outcomes_of(lines_of("skf")));
}

TEST(text_outcomes, of_one_attacked_text_are_its_rate) {
  EXPECT_EQ(outcomes_of(lines_of("ksk")), (std::vector<double>{1, 1, 1}));
}

TEST(text_outcomes, of_no_attacked_text_are_zero) {
  EXPECT_EQ(outcomes_of(lines_of("kk")), (std::vector<double>{0, 0}));
}

TEST(text_outcomes, are_refused_where_no_run_wrote_them) {
  const auto refusal = [](const std::string& lines) {
    return message_of<Error>([&] { outcomes_of(lines); });
  };

  EXPECT_CONTAINS(refusal(""), "texts are missing");
  EXPECT_CONTAINS(refusal(line_of(0, "failed") + line_of(2, "failed")), "texts are missing");
  EXPECT_CONTAINS(refusal(line_of(1, "failed")), "texts are missing");
  EXPECT_CONTAINS(refusal(line_of(0, "failed") + line_of(0, "skipped")), "text 0 is there twice");
  EXPECT_CONTAINS(refusal(line_of(0, "lost")), "text 0 is 'lost'");
  EXPECT_CONTAINS(refusal("{}\n"), "is not what a run writes");
  EXPECT_CONTAINS(refusal("text\n"), "is not what a run writes");
  EXPECT_CONTAINS(refusal(deep_json() + "\n"), "nested deeper than 64 levels");
}

}  // namespace
}  // namespace saddle::reproduce
