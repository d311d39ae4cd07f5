// saddle-reproduce: tables and plans, what is done and what is not done again, and the report.
// Shell scripts stand for saddle-train and saddle-attack; they write files in the format of these.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <set>

#include "apps/reproduce/report.h"
#include "apps/reproduce/runner.h"
#include "tests/apps/data_files.h"
#include "tests/support/expect_near.h"

namespace saddle {
namespace {

using namespace testing_support;
namespace fs = std::filesystem;

const fs::path kTables = fs::path(SADDLE_SOURCE_DIR) / "apps/reproduce/tables";

PlanOptions options_in(const fs::path& output, const std::string& preset = "short") {
  PlanOptions options;
  options.preset = preset;
  options.tables = kTables;
  options.programs = output / "programs";
  options.output = output / "runs";
  return options;
}

bool has(const std::vector<std::string>& line, const std::vector<std::string>& part) {
  return std::search(line.begin(), line.end(), part.begin(), part.end()) != line.end();
}

std::string written(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(paper_tables, are_all_readable_with_rows_of_their_own_and_numbers_of_known_columns) {
  for (int number = 2; number <= 7; ++number) {
    const PaperTable table = load_table(kTables, number);

    EXPECT_EQ(table.number, number);
    EXPECT_EQ(table.columns.front().key, "natural");
    std::set<std::string> names, keys = {"average"};
    for (const TableColumn& column : table.columns) keys.insert(column.key);
    for (const TableRow& row : table.rows) {
      EXPECT_TRUE(names.insert(row.name).second) << row.name;
      for (const auto& [key, value] : row.paper) {
        EXPECT_TRUE(keys.contains(key)) << key;
        EXPECT_TRUE(value > 0 && value < 100) << value;
      }
    }
  }
}

// The average is that of the seven attacks, the natural accuracy is not among them.
TEST(paper_tables, average_the_attacks_of_table_2) {
  const PaperTable table = load_table(kTables, 2);

  EXPECT_EQ(table.average.size(), 7u);
  EXPECT_EQ(std::count(table.average.begin(), table.average.end(), "natural"), 0);
}

TEST(paper_tables, that_do_not_exist_name_those_that_do) {
  EXPECT_CONTAINS(message_of<Error>([] { load_table(kTables, 12); }), "there is no table 12 in");
  EXPECT_CONTAINS(message_of<Error>([] { load_table(kTables, 12); }), "There are 2, 3, 4, 5, 6, 7");
}

TEST(plan, of_the_paper_trains_its_network_on_its_data_three_times) {
  const TemporaryDirectory directory;
  const Plan plan = make_plan(options_in(directory.path(), "paper"), 2);

  EXPECT_EQ(plan.runs.size(), 8u * 3);
  for (const PlannedRun& run : plan.runs) {
    EXPECT_TRUE(has(run.train, {"--dataset", "cifar10"}));
    EXPECT_TRUE(has(run.train, {"--model", "preact_resnet18"}));
    EXPECT_TRUE(has(run.train, {"--seed", std::to_string(run.seed)}));
    EXPECT_EQ(std::count(run.train.begin(), run.train.end(), "--epochs"), 0);  // the default, 100
    EXPECT_TRUE(has(run.attack, {"--attack", "autoattack:norm=l2,eps=32/255"}));
  }
  EXPECT_EQ(images_of_training(plan.runs[0], 50'000), 5'000'000);
}

TEST(plan, runs_on_any_data_set_and_with_chosen_rows_and_seeds) {
  const TemporaryDirectory directory;
  PlanOptions options = options_in(directory.path());
  options.dataset = "mnist";
  options.only = "SAM";
  options.seeds = 2;
  const Plan plan = make_plan(options, 2);

  EXPECT_EQ(plan.runs.size(), 4u * 2);
  std::set<fs::path> directories;
  for (const PlannedRun& run : plan.runs) {
    EXPECT_TRUE(directories.insert(run.directory).second);
    EXPECT_TRUE(has(run.train, {"--dataset", "mnist"}));
    EXPECT_TRUE(has(run.train, {"--optimizer", "sam"}));
  }
  EXPECT_EQ(images_of_training(plan.runs[0], 60'000), 15'000 * 8);
  options.only = "no such row";
  EXPECT_CONTAINS(message_of<Error>([&] { make_plan(options, 2); }), "no row's name begins with --only");
}

TEST(plan, of_table_6_trains_three_networks) {
  const TemporaryDirectory directory;
  std::set<std::string> models;
  for (const PlannedRun& run : make_plan(options_in(directory.path(), "paper"), 6).runs) {
    models.insert(*(std::find(run.train.begin(), run.train.end(), "--model") + 1));
  }

  EXPECT_EQ(models, (std::set<std::string>{"deit_tiny", "preact_resnet18", "wrn_28_10"}));
}

// Scripts in the place of the programs: they note that they were called, and the rho that they were
// called with decides what they write.
class Reproduction : public testing::Test {
 protected:
  Reproduction() {
    fs::create_directories(options.programs);
    script("saddle-train", R"(
echo train >> "$calls"
[ -e "$fail" ] && { echo "saddle-train: error: told to fail" >&2; exit 1; }
echo '{"test_accuracy": 80.5}' > "$output/metrics.jsonl"
echo '{"environment": {"version": "v", "device": "d", "threads": 1}}' > "$output/config.json"
)");
    script("saddle-attack", R"(
echo attack >> "$calls"
echo '{"clean_accuracy": 90, "attacks": [{"robust_accuracy": 40}, {"robust_accuracy": 30}], "eps_curves": [{"eps": [0.1], "robust_accuracy": [20]}]}' > "$json"
)");
    options.seeds = 2;
    options.only = "SAM 0.1";
  }
  void script(const std::string& name, const std::string& work) {
    const fs::path path = options.programs / name;
    std::ofstream(path) << "#!/bin/bash\ncalls=" << calls.string()
                        << "\nfail=" << (directory.path() / "fail").string() << R"(
while [ $# -gt 0 ]; do case $1 in --output) output=$2;; --json) json=$2;; esac; shift; done
)" << work;
    fs::permissions(path, fs::perms::owner_all);
  }
  Plan plan() const { return make_plan(options, 5); }
  std::vector<std::string> run() const {
    std::vector<std::string> stages;
    do_runs(plan(), 1,
            {[&](const PlannedRun&, const std::string& stage) { stages.push_back(stage); }});
    return stages;
  }
  std::string called() const { return written(calls); }

  const TemporaryDirectory directory;
  const fs::path calls = directory.path() / "calls";
  PlanOptions options = options_in(directory.path());
};

TEST_F(Reproduction, trains_and_attacks_each_run_once) {
  EXPECT_EQ(run(), (std::vector<std::string>{"train", "attack", "curve", "done", "train", "attack",
                                             "curve", "done"}));
  EXPECT_EQ(called(), "train\nattack\nattack\ntrain\nattack\nattack\n");

  EXPECT_TRUE(run().empty());
  EXPECT_EQ(called(), "train\nattack\nattack\ntrain\nattack\nattack\n");
}

TEST_F(Reproduction, goes_on_where_it_was_stopped) {
  run();
  fs::remove(plan().runs[1].directory / "curve.json");

  EXPECT_EQ(run(), (std::vector<std::string>{"train", "curve", "done"}));
}

TEST_F(Reproduction, tells_the_last_words_of_what_failed) {
  std::ofstream(directory.path() / "fail") << "now";

  const std::string message = message_of<Error>([&] { run(); });

  EXPECT_CONTAINS(message, "SAM 0.1, seed 0: saddle-train: error: told to fail");
  EXPECT_CONTAINS(message, "train.log");
  EXPECT_EQ(called(), "train\n") << "nothing more is begun";
}

TEST_F(Reproduction, never_mixes_runs_of_different_settings) {
  run();
  options.threads = 2;

  EXPECT_CONTAINS(message_of<Error>([&] { run(); }), "holds a run of other settings");
  EXPECT_CONTAINS(message_of<Error>([&] { make_report(plan()); }), "holds a run of other settings");
}

TEST_F(Reproduction, reports_means_beside_the_papers_numbers_and_where_each_is_from) {
  run();
  const Plan made = plan();
  const Report report = make_report(made);

  ASSERT_EQ(report.rows.size(), 1u);
  EXPECT_EQ(report.rows[0].cells.at("natural").mean, 90);
  EXPECT_EQ(report.rows[0].cells.at("autoattack-l2").mean, 40);
  EXPECT_EQ(report.rows[0].cells.at("stadv").count, 2);
  EXPECT_CONTAINS(markdown_of(report), "| SAM 0.1 | 90.0 ± 0.0 / 95.4 | 40.0 ± 0.0 / 43.6 |");
  EXPECT_CONTAINS(markdown_of(report), "to be compared in tendency alone");
  const nlohmann::json json = json_of(report);
  EXPECT_EQ(json.at("runs").size(), 2u);
  EXPECT_EQ(json.at("runs")[1].at("seed"), 1);
  EXPECT_EQ(json.at("runs")[0].at("environment").at("device"), "d");
  EXPECT_EQ(json.at("runs")[0].at("commands").at("train")[0], "saddle-train");
}

TEST_F(Reproduction, makes_a_page_that_needs_nothing_else) {
  run();
  const Plan made = plan();
  std::ofstream(made.runs[0].directory / "images.png") << "picture";
  save_report(directory.path(), make_report(made));

  const std::string page = written(directory.path() / "report.html");
  EXPECT_CONTAINS(page, "<!doctype html>");
  EXPECT_CONTAINS(page, "data:image/png;base64," + base64("picture"));
  EXPECT_CONTAINS(page, "<svg");
  EXPECT_CONTAINS(page, "SAM 0.1");
  for (const char* outside : {"http", "src=\"/", "<link", "<script", "url("}) {
    EXPECT_EQ(page.find(outside), std::string::npos) << outside;
  }
}

TEST_F(Reproduction, doubts_an_attack_that_leaves_more_than_no_attack) {
  script("saddle-attack", R"(
echo '{"clean_accuracy": 35, "attacks": [{"robust_accuracy": 40}, {"robust_accuracy": 30}], "eps_curves": [{"eps": [0.1], "robust_accuracy": [20]}]}' > "$json"
)");
  run();
  const Plan made = plan();
  const Report report = make_report(made);

  ASSERT_EQ(report.doubts.size(), 2u);
  EXPECT_CONTAINS(report.doubts[0], "autoattack-l2 leaves 40 %, natural 35 %");
}

TEST(cells, are_means_with_the_deviation_of_n_minus_one) {
  EXPECT_EQ(cell_of({1, 2, 6}).mean, 3);
  EXPECT_DOUBLE_EQ(cell_of({1, 2, 6}).deviation, std::sqrt(7.));
  EXPECT_EQ(cell_of({4}).mean, 4);
  EXPECT_TRUE(std::isnan(cell_of({4}).deviation));
  EXPECT_TRUE(std::isnan(cell_of({}).mean));
}

// The examples of RFC 4648.
TEST(base64, is_the_standards) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
}

}  // namespace
}  // namespace saddle
