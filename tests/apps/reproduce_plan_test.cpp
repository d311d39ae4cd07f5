// saddle-reproduce: the paper's tables, and what is planned of one.
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "apps/reproduce/estimate.h"
#include "tests/apps/reproduction.h"

namespace saddle::reproduce {
namespace {

using namespace testing_support;

TEST(paper_tables, are_all_readable_with_rows_of_their_own_and_numbers_of_known_columns) {
  for (int number = 2; number <= 10; ++number) {
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
  EXPECT_CONTAINS(message_of<Error>([] { load_table(kTables, 12); }),
                  "There are 2, 3, 4, 5, 6, 7, 8, 9, 10");
}

// Cut down to 32 bits it would be table 2.
TEST(paper_tables, are_named_by_their_whole_number) {
  EXPECT_CONTAINS(message_of<UsageError>([] { load_table(kTables, 4294967298); }),
                  "there is no table 4294967298 in");
}

TEST(paper_tables, have_attacks_in_every_column_but_the_first) {
  const TemporaryDirectory directory;
  std::ofstream(directory.path() / "table9.json") << R"({"table": 9, "title": "", "notes": [],
    "dataset": "cifar10", "average": [], "rows": [],
    "columns": [{"key": "natural", "title": ""}, {"key": "fgsm", "title": ""}]})";

  EXPECT_CONTAINS(message_of<Error>([&] { load_table(directory.path(), 9); }),
                  "table9.json: column 'fgsm' has no attack");
}

TEST(plan, of_the_paper_trains_its_network_on_its_data_three_times) {
  const TemporaryDirectory directory;
  const Plan plan = make_plan(options_in(directory.path(), "paper"), 2);

  EXPECT_EQ(plan.runs.size(), 8u * 3);
  for (const PlannedRun& run : plan.runs) {
    const auto& train = command_of(run, "train");
    EXPECT_TRUE(has(train, {"--dataset", "cifar10"}));
    EXPECT_TRUE(has(train, {"--model", "preact_resnet18"}));
    EXPECT_TRUE(has(train, {"--seed", std::to_string(run.seed)}));
    EXPECT_EQ(std::count(train.begin(), train.end(), "--epochs"), 0);  // the default, 100
    EXPECT_TRUE(has(command_of(run, "autoattack-norm-l2-eps-32-255"),
                    {"--attack", "autoattack:norm=l2,eps=32/255"}));
    EXPECT_EQ(run.stages.size(), 1u + 7 + 1);  // training, attacks, curve
  }
  EXPECT_EQ(examples_of_training(plan.runs[0], 50'000), 5'000'000);
}

TEST(plan, runs_on_any_data_set_and_with_chosen_rows_and_seeds) {
  const TemporaryDirectory directory;
  PlanOptions options = options_in(directory.path());
  options.dataset = "mnist";
  options.only = "SAM";
  options.seeds = 2;
  const Plan plan = make_plan(options, 2);

  EXPECT_EQ(plan.runs.size(), 8u * 2);
  EXPECT_EQ(std::ranges::count_if(plan.runs, &PlannedRun::chosen), 4 * 2);
  std::set<fs::path> directories;
  for (const PlannedRun& run : plan.runs) {
    EXPECT_TRUE(directories.insert(run.directory).second);
    EXPECT_TRUE(has(command_of(run, "train"), {"--dataset", "mnist"}));
    EXPECT_EQ(run.chosen, has(command_of(run, "train"), {"--optimizer", "sam"}));
  }
  EXPECT_EQ(examples_of_training(plan.runs[0], 60'000), 15'000 * 8);
  options.only = "no such row";
  EXPECT_CONTAINS(message_of<Error>([&] { make_plan(options, 2); }),
                  "no row's name begins with --only");
}

TEST(plan, passes_on_the_instructions_that_the_cpu_may_use) {
  const TemporaryDirectory directory;
  PlanOptions options = options_in(directory.path());
  EXPECT_FALSE(has(make_plan(options, 2).runs[0].stages[0].command, {"--cpu-isa"}));
  EXPECT_FALSE(has(make_plan(options, 2).runs[0].stages[0].command, {"--plan"}));
  options.cpu_isa = "avx2";
  options.plan = "default";

  const Plan plan = make_plan(options, 2);
  for (const Stage& stage : plan.runs[0].stages) {
    EXPECT_TRUE(has(stage.command, {"--cpu-isa", "avx2"})) << stage.name;
    EXPECT_TRUE(has(stage.command, {"--plan", "default"})) << stage.name;
  }
}

TEST(plan, passes_on_that_it_is_to_be_deterministic) {
  const TemporaryDirectory directory;
  PlanOptions options = options_in(directory.path());
  EXPECT_FALSE(has(make_plan(options, 2).runs[0].stages[0].command, {"--deterministic"}));
  options.deterministic = true;

  const Plan plan = make_plan(options, 2);
  for (const Stage& stage : plan.runs[0].stages) {
    EXPECT_TRUE(has(stage.command, {"--deterministic"})) << stage.name;
  }
}

TEST(plan, refuses_an_output_that_would_break_lines) {
  const TemporaryDirectory directory;
  PlanOptions options = options_in(directory.path());
  options.output = directory.path() / "a\nb";

  EXPECT_CONTAINS(message_of<UsageError>([&] { make_plan(options, 2); }), "--output: a line break");
}

// The program itself, with the exit status of a wrong command line.
TEST(reproduce_program, refuses_what_it_cannot_do) {
  const fs::path program = fs::read_symlink("/proc/self/exe").parent_path() / "saddle-reproduce";
  const TemporaryDirectory directory;
  const auto said = [&](const std::vector<std::string>& flags) {
    std::vector<std::string> line = {program.string(), "--output", directory.path().string()};
    line.insert(line.end(), flags.begin(), flags.end());
    return message_of<UsageError>([&] { call(line, directory.path() / "log"); });
  };

  EXPECT_CONTAINS(said({"--table", "2", "--seed", "3"}), "Give --seeds N");
  EXPECT_CONTAINS(said({"--table", "4294967298"}), "there is no table 4294967298");
  EXPECT_CONTAINS(said({"--table", "2", "--precision", "fp8"}), "'fp8' is not one of");
}

TEST(plan, of_table_6_trains_three_networks) {
  const TemporaryDirectory directory;
  std::set<std::string> models;
  for (const PlannedRun& run : make_plan(options_in(directory.path(), "paper"), 6).runs) {
    const auto& train = command_of(run, "train");
    models.insert(*(std::find(train.begin(), train.end(), "--model") + 1));
  }

  EXPECT_EQ(models, (std::set<std::string>{"deit_tiny", "preact_resnet18", "wrn_28_10"}));
}

// SAM 0.1 is a row of Tables 2 and 5: one network, and what both attack it with is equal.
TEST(plan, shares_runs_among_tables) {
  const TemporaryDirectory directory;
  const PlannedRun two = make_plan(options_in(directory.path()), 2).runs[2],
                   five = make_plan(options_in(directory.path()), 5).runs[1];

  EXPECT_EQ(two.row, "SAM 0.1");
  EXPECT_EQ(five.row, "SAM 0.1");
  EXPECT_EQ(two.directory, five.directory);
  for (const Stage& stage : five.stages) {
    EXPECT_EQ(command_of(two, stage.name), stage.command) << stage.name;
  }
}

TEST(plan, refuses_two_rows_that_train_the_same) {
  const TemporaryDirectory directory;
  PlanOptions options = options_in(directory.path());
  options.tables = directory.path();
  fs::copy(kTables / "presets.json", directory.path());
  std::ofstream(directory.path() / "table2.json") << R"({"table": 2, "title": "", "notes": [],
    "dataset": "cifar10", "columns": [{"key": "natural", "title": ""},
    {"key": "fgsm", "title": "", "attack": "fgsm"}], "average": [], "rows": [
    {"name": "a", "flags": [], "paper": {}}, {"name": "b", "flags": [], "paper": {}}]})";

  EXPECT_CONTAINS(message_of<Error>([&] { make_plan(options, 2); }),
                  "row 'b' of table 2 has the flags of another row");
}

TEST(plan, of_the_table_of_texts_calls_the_program_of_texts) {
  const TemporaryDirectory directory;
  const Plan plan = make_plan(options_in(directory.path(), "paper"), 10);

  ASSERT_EQ(plan.runs.size(), 2u * 3);
  const PlannedRun& run = plan.runs[3];
  EXPECT_EQ(run.row, "SAM");
  const auto& train = command_of(run, "train");
  EXPECT_EQ(fs::path(train[0]).filename(), "saddle-text");
  EXPECT_EQ(train[1], "train");
  EXPECT_TRUE(has(train, {"--dataset", "rotten-tomatoes"}));
  EXPECT_TRUE(has(train, {"--encoder", "data/distilbert-base-uncased"}));
  EXPECT_TRUE(has(train, {"--optimizer", "sam", "--rho", "0.05"}));
  EXPECT_EQ(examples_of_training(run, 8'530), 3 * 8'530);
}

// A radius is what a curve is drawn over: attacks upon words have none, but a page of texts.
TEST(plan, of_the_table_of_texts_has_no_curve_but_pages) {
  const TemporaryDirectory directory;
  const PlannedRun run = make_plan(options_in(directory.path(), "paper"), 10).runs[0];

  ASSERT_EQ(run.stages.size(), 1u + 2);
  const Stage& attack = run.stages[1];
  EXPECT_EQ(attack.name, "pso-wordnet");
  EXPECT_EQ(attack.command[1], "attack");
  EXPECT_TRUE(has(attack.command, {"--attack", "pso-wordnet"}));
  EXPECT_TRUE(has(attack.command, {"--outcomes", (run.directory / "pso-wordnet.jsonl").string()}));
  EXPECT_TRUE(has(attack.command, {"--html", (run.directory / "pso-wordnet.html").string()}));
  EXPECT_FALSE(has(attack.command, {"--test-limit"})) << "the whole test split";
  EXPECT_EQ(run.stages[2].name, "iga");
}

TEST(plan, of_the_table_of_texts_is_small_on_the_rated_sentences) {
  const TemporaryDirectory directory;
  const Plan small = make_plan(options_in(directory.path(), "short"), 10),
             tiny = make_plan(options_in(directory.path(), "tiny"), 10);

  EXPECT_EQ(small.dataset, "rotten-tomatoes-rated");
  EXPECT_EQ(tiny.dataset, "rotten-tomatoes-rated");
  EXPECT_TRUE(has(command_of(small.runs[0], "train"), {"--encoder", "data/minilm-l6"}));
  EXPECT_EQ(examples_of_training(small.runs[0], 8'456), 3 * 8'456);
  EXPECT_EQ(examples_of_attack(small.runs[0].stages[1], 1'058), 200);
  EXPECT_EQ(examples_of_training(tiny.runs[0], 8'456), 64);
  EXPECT_EQ(examples_of_attack(tiny.runs[0].stages[1], 1'058), 4);
}

}  // namespace
}  // namespace saddle::reproduce
