// saddle-reproduce: tables and plans, what is done and what is not done again, and the report.
// Shell scripts stand for saddle-train and saddle-attack; they write files in the format of these.
#include <gtest/gtest.h>

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>
#include <system_error>
#include <thread>

#include "apps/reproduce/charts.h"
#include "apps/reproduce/estimate.h"
#include "apps/reproduce/report.h"
#include "apps/reproduce/results.h"
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

const std::vector<std::string>& command_of(const PlannedRun& run, const std::string& stage) {
  return std::ranges::find(run.stages, stage, &Stage::name)->command;
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
  EXPECT_EQ(images_of_training(plan.runs[0], 50'000), 5'000'000);
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
  EXPECT_EQ(images_of_training(plan.runs[0], 60'000), 15'000 * 8);
  options.only = "no such row";
  EXPECT_CONTAINS(message_of<Error>([&] { make_plan(options, 2); }),
                  "no row's name begins with --only");
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

constexpr const char* kAutoattack = "autoattack-norm-l2-eps-32-255";

// Scripts in the place of the programs: they note that they were called, and the rho that they were
// called with decides what they write.
class Reproduction : public testing::Test {
 protected:
  Reproduction() {
    fs::create_directories(options.programs);
    script("saddle-train", R"(
echo train >> "$calls"
[ -e "$fail" ] && { echo "saddle-train: error: told to fail" >&2; exit 1; }
mkdir -p "$output"
for ((epoch = 0; epoch < epochs; ++epoch)); do
  echo '{"test_accuracy": 91.5, "seconds": 2}'
done > "$output/metrics.jsonl"
echo '{"environment": {"version": "v", "device": "cpu", "threads": 1}}' > "$output/config.json"
)");
    write_attack(90, 40);
    options.seeds = 2;
    options.only = "SAM 0.1";
  }
  void script(const std::string& name, const std::string& work) {
    const fs::path path = options.programs / name;
    std::ofstream(path) << "#!/bin/bash\ncalls=" << calls.string()
                        << "\nfail=" << (directory.path() / "fail").string() << R"(
while [ $# -gt 0 ]; do case $1 in
  --output) output=$2;; --json) json=$2;; --epochs) epochs=$2;; --test-limit) limit=$2;;
  --checkpoint) checkpoint=$2;; --save-images) images=$2;;
  esac; shift; done
)" << work;
    fs::permissions(path, fs::perms::owner_all);
  }
  // Attacks that find `clean` of 100 images right and leave `robust`, the first ones, a network of
  // plain training ten less. They take a second for each image that was right: half of those given.
  void write_attack(int clean, int robust, const std::string& warnings = "[]") {
    const auto file = [&](int left) {
      std::ofstream csv(directory.path() / (std::to_string(left) + ".csv"));
      csv << "checkpoint,attack,example,attacked,broken,broken_by,linf\n";
      for (int i = 0; i < 100; ++i) {
        csv << "\"a,b\",\"pgd:eps=1,steps=2\"," << i << ",1," << (i < left ? "0,,0" : "1,fgsm,0.5")
            << '\n';
      }
    };
    file(robust);
    file(robust - 10);
    std::ostringstream work;
    work << "robust=" << robust << "; clean=" << clean << "; folder=" << directory.path().string()
         << R"(
echo attack >> "$calls"
[[ "$checkpoint" == *sgd* ]] && robust=$((robust - 10))
echo '{"examples": 100, "clean_accuracy": '$clean', "device": "cpu", "finished": true,
  "attacks": [{"robust_accuracy": '$robust', "attacked": '$((limit / 2))',
    "seconds": '$((limit / 2))', "warnings": []}], "warnings": )"
         << warnings << R"(,
  "eps_curves": [{"eps": [0.1], "robust_accuracy": [20]}]}' > "$json"
cp "$folder/$robust.csv" "${json%json}csv"
if [ "$images" ]; then echo picture > "$images"; fi
)";
    script("saddle-attack", work.str());
  }
  Plan plan(int table = 5) const { return make_plan(options, table); }
  std::vector<std::string> run() const {
    std::vector<std::string> stages;
    do_runs(plan(), 1,
            {[&](const PlannedRun&, const std::string& stage) { stages.push_back(stage); }});
    return stages;
  }
  std::string called() const { return written(calls); }

  // The same in a process of its own, with `before` done first; its exit status as waitpid gives
  // it.
  int run_apart(
      const std::function<void()>& before = [] {}, std::int64_t jobs = 1) const {
    const pid_t process = ::fork();
    if (process == 0) {
      try {
        before();
        do_runs(plan(), jobs, {[](const PlannedRun&, const std::string&) {}});
      } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        ::_exit(1);
      }
      ::_exit(0);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(process, &status, 0), process);
    return status;
  }
  void shorten_training(const PlannedRun& run) const {
    std::ofstream(run.directory / "metrics.jsonl")
        << "{\"test_accuracy\": 50, \"seconds\": 1}\n{\"test_accuracy\": 60, \"seconds\": 1}\n";
  }

  const TemporaryDirectory directory;
  const fs::path calls = directory.path() / "calls";
  PlanOptions options = options_in(directory.path());
};

TEST_F(Reproduction, trains_and_attacks_each_run_once) {
  EXPECT_EQ(run(), (std::vector<std::string>{"train", kAutoattack, "stadv", "curve", "done",
                                             "train", kAutoattack, "stadv", "curve", "done"}));
  const std::string all = called();
  EXPECT_EQ(all, "train\nattack\nattack\nattack\ntrain\nattack\nattack\nattack\n");

  EXPECT_TRUE(run().empty());
  EXPECT_EQ(called(), all);
}

TEST_F(Reproduction, goes_on_where_it_was_stopped) {
  run();
  fs::remove(plan().runs[3].directory / "stadv.json");

  EXPECT_EQ(run(), (std::vector<std::string>{"train", "stadv", "done"}));
}

TEST_F(Reproduction, does_for_another_table_what_is_missing_there) {
  run();

  std::vector<std::string> stages;
  do_runs(plan(4), 1,
          {[&](const PlannedRun&, const std::string& stage) { stages.push_back(stage); }});
  EXPECT_TRUE(stages.empty()) << "Table 4's columns are among Table 5's";
  do_runs(plan(2), 1,
          {[&](const PlannedRun&, const std::string& stage) { stages.push_back(stage); }});
  EXPECT_EQ(stages.size(), 2u * (1 + 5 + 1)) << "Table 2 has five attacks more";
  EXPECT_TRUE(run().empty()) << "and Table 5 is still finished";
}

// A result whose command is not noted could be anybody's.
TEST_F(Reproduction, makes_anew_what_it_cannot_trace) {
  run();
  fs::remove(plan().runs[2].directory / "commands.json");

  EXPECT_EQ(run(), (std::vector<std::string>{"train", kAutoattack, "stadv", "curve", "done"}));
}

TEST_F(Reproduction, refuses_deeply_nested_commands_and_results) {
  run();
  const fs::path place = plan().runs[2].directory;
  const std::string commands = written(place / "commands.json"),
                    expected = "nested deeper than 64 levels";

  std::ofstream(place / "commands.json") << deep_json();
  EXPECT_CONTAINS(message_of<Error>([&] { run(); }), expected);
  std::ofstream(place / "commands.json") << commands;
  std::ofstream(place / "stadv.json") << deep_json();
  EXPECT_CONTAINS(message_of<Error>([&] { make_report(plan()); }), expected);
  EXPECT_CONTAINS(message_of<Error>([&] { read_curve(place / "stadv.json"); }), expected);
  std::ofstream(place / "metrics.jsonl") << deep_json() << "\n";
  EXPECT_CONTAINS(message_of<Error>([&] { read_training(place); }), expected);
}

// The attack's first act is to kill who started it: its command is noted then, and what lay in the
// place of its result must be gone, or it would be taken for the command's.
TEST_F(Reproduction, lets_no_result_of_unknown_origin_stand_where_its_remake_is_killed) {
  write_attack(90, 90);
  run();
  const fs::path place = plan().runs[2].directory;
  fs::remove(place / "commands.json");
  script("saddle-attack", "kill -9 $PPID");
  ASSERT_TRUE(WIFSIGNALED(run_apart()));
  EXPECT_FALSE(fs::exists(place / (std::string(kAutoattack) + ".json")));

  write_attack(90, 40);
  run();

  EXPECT_EQ(make_report(plan()).runs[0].values.at("autoattack-l2"), 40);
}

// A kill between the two files, or a disk that was full at the second.
TEST_F(Reproduction, makes_an_attack_anew_that_left_only_one_of_its_files) {
  run();
  fs::remove(plan().runs[2].directory / "stadv.csv");
  fs::remove(plan().runs[3].directory / "images.png");

  EXPECT_EQ(run(), (std::vector<std::string>{"train", "stadv", "done", "train", "curve", "done"}));
  EXPECT_EQ(make_report(plan()).runs.size(), 2u);
}

TEST_F(Reproduction, attacks_no_network_whose_training_ended_before_its_last_epoch) {
  script("saddle-train", R"(
mkdir -p "$output"
echo '{"test_accuracy": 50, "seconds": 2}' > "$output/metrics.jsonl"
echo '{"environment": {"version": "v", "device": "cpu", "threads": 1}}' > "$output/config.json"
)");

  EXPECT_CONTAINS(message_of<Error>([&] { run(); }), "train ended without an error, but ");
  EXPECT_FALSE(is_finished(plan().runs[2]));
  EXPECT_EQ(called(), "");
}

TEST_F(Reproduction, makes_anew_what_attacked_a_network_that_was_not_finished) {
  run();
  const PlannedRun shortened = plan().runs[2];
  std::ofstream(shortened.directory / "stadv.json.state") << "of the other network";
  shorten_training(shortened);

  EXPECT_FALSE(is_finished(shortened));
  EXPECT_EQ(run(), (std::vector<std::string>{"train", kAutoattack, "stadv", "curve", "done"}));
  EXPECT_FALSE(fs::exists(shortened.directory / "stadv.json.state"));
}

TEST_F(Reproduction, believes_no_program_whose_end_it_cannot_know) {
  script("saddle-train", "exit 1");
  ::signal(SIGCHLD, SIG_IGN);
  const std::string message = message_of<Error>([&] { run(); });
  ::signal(SIGCHLD, SIG_DFL);

  EXPECT_CONTAINS(message, "ended cannot be known");
}

TEST_F(Reproduction, says_of_a_wrong_command_line_that_it_is_one) {
  script("saddle-train", "echo 'saddle-train: error: --precision bf16: no' >&2; exit 2");

  EXPECT_CONTAINS(message_of<UsageError>([&] { run(); }),
                  "SAM 0.1, seed 0: saddle-train: error: --precision");
}

TEST_F(Reproduction, begins_no_more_threads_than_there_are_runs) {
  EXPECT_EQ(run_apart([] {}, std::int64_t{1} << 40), 0);

  EXPECT_TRUE(run().empty());
}

TEST_F(Reproduction, does_with_fewer_threads_where_the_system_has_no_more) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "AddressSanitizer needs all the addresses there are";
#endif
  const auto scarce = [] {
    std::int64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const rlim_t bytes = static_cast<rlim_t>(pages * ::sysconf(_SC_PAGESIZE)) + (4 << 20);
    const rlimit most{bytes, bytes};  // a thread's stack does not fit
    ::setrlimit(RLIMIT_AS, &most);
    EXPECT_THROW(std::thread([] {}).join(), std::system_error);
  };

  EXPECT_EQ(run_apart(scarce, 2), 0);
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

TEST_F(Reproduction, never_mixes_attacks_upon_different_networks) {
  run();
  write_attack(89, 40);
  fs::remove(plan().runs[2].directory / "stadv.json");
  run();

  EXPECT_CONTAINS(message_of<Error>([&] { make_report(plan()); }),
                  "finds a clean accuracy of 89 %, curve.json beside it 90 %");
}

TEST_F(Reproduction, moves_with_its_directory) {
  run();
  fs::rename(options.output, directory.path() / "elsewhere");
  options.output = directory.path() / "elsewhere";

  EXPECT_TRUE(run().empty());
}

TEST_F(Reproduction, is_alone_in_its_directory_with_what_it_started) {
  std::optional<OutputLock> lock(std::in_place, options.output);
  EXPECT_CONTAINS(message_of<Error>([&] { OutputLock(options.output); }),
                  "is being written to by another saddle-reproduce");

  script("saddle-train", "mkdir -p \"$output\"; sleep 60 & echo $! > \"$output/left-behind\"");
  call(command_of(plan().runs[2], "train"), directory.path() / "log");
  lock.reset();
  EXPECT_CONTAINS(message_of<Error>([&] { OutputLock(options.output); }), "left behind");

  const std::string process = written(plan().runs[2].directory / "left-behind");
  ::kill(std::stoi(process), SIGKILL);
}

// The training that stands in takes 2 seconds an epoch: of 512 images, 2 / 512 each. An attack
// takes a second for each image that was right: half of those it is given.
TEST_F(Reproduction, expects_the_time_of_a_short_training_and_of_a_trial) {
  const Plan made = plan();
  {
    Estimate estimate(made, 60'000, 10'000);
    const Estimate::Left left = estimate.left_of(made.runs[2]);

    EXPECT_DOUBLE_EQ(left.training, 2. / 512 * 15'000 * 8);
    EXPECT_DOUBLE_EQ(left.attacks, 3 * 200);
  }
  EXPECT_FALSE(fs::exists(made.directory / "measurement"));
  EXPECT_FALSE(fs::exists(made.runs[2].directory));
}

TEST_F(Reproduction, expects_the_rest_of_a_training_that_was_stopped) {
  run();
  const Plan made = plan();
  const auto write = [&](const char* lines) {
    std::ofstream(made.runs[2].directory / "metrics.jsonl") << lines;
  };
  const double whole = 2. / 512 * 15'000 * 8;

  write("");
  EXPECT_DOUBLE_EQ(Estimate(made, 60'000, 10'000).left_of(made.runs[2]).training, whole);
  write("{\"test_accuracy\": 50, \"seconds\": 1}\n{\"test_accuracy\": 60, \"seconds\": 1}\n");
  EXPECT_DOUBLE_EQ(Estimate(made, 60'000, 10'000).left_of(made.runs[2]).training, whole * 6 / 8);
}

TEST_F(Reproduction, expects_of_an_attack_what_it_took_others) {
  options.seeds = 1;
  run();
  options.seeds = 2;
  const Plan made = plan();
  Estimate estimate(made, 60'000, 10'000);

  EXPECT_EQ(estimate.left_of(made.runs[2]).training, 0) << "its epochs are there";
  EXPECT_DOUBLE_EQ(estimate.left_of(made.runs[3]).attacks, 3 * 100);
}

TEST_F(Reproduction, reports_means_beside_the_papers_numbers_and_where_each_is_from) {
  run();
  const Plan made = plan();
  const Report report = make_report(made);

  ASSERT_EQ(report.rows.size(), 1u);
  EXPECT_EQ(report.rows[0].cells.at("natural").mean, 91.5) << "of all test images";
  EXPECT_EQ(report.rows[0].cells.at("autoattack-l2").mean, 40);
  EXPECT_EQ(report.rows[0].cells.at("stadv").count, 2);
  EXPECT_TRUE(report.doubts.empty());
  EXPECT_EQ(report.missing.size(), 15u * 2) << "the other rows are named";
  const std::string markdown = markdown_of(report);
  EXPECT_CONTAINS(markdown, "| SAM 0.1 | 91.5 ± 0.0 / 95.4 | 40.0 ± 0.0 / 43.6 | 40.0 ± 0.0 |");
  EXPECT_CONTAINS(markdown, "to be compared in tendency alone");
  EXPECT_CONTAINS(markdown, "of 100: a standard error of up to 5.0 points");
  EXPECT_CONTAINS(markdown, "* SGD, seed 0");
  const nlohmann::json json = json_of(report);
  EXPECT_EQ(json.at("runs").size(), 2u);
  EXPECT_EQ(json.at("runs")[1].at("seed"), 1);
  EXPECT_EQ(json.at("runs")[0].at("environment").at("device"), "cpu");
  EXPECT_EQ(json.at("runs")[0].at("commands").at("train")[0], "saddle-train");
}

// SGD leaves the images 0 to 29, SAM 0 to 39: of 100 differences ten are 1. Their deviation is
// sqrt((10 - 100 * 0.1^2) / 99).
TEST_F(Reproduction, compares_with_plain_training_image_by_image) {
  options.only = "S";
  options.seeds = 1;
  run();
  const Plan made = plan();
  const Report report = make_report(made);

  ASSERT_EQ(report.rows.size(), 6u);
  EXPECT_EQ(report.rows[0].base, "");
  EXPECT_EQ(report.rows[1].base, "SGD");
  const Difference difference = report.rows[1].differences.at("autoattack-l2");
  EXPECT_NEAR(difference.mean, 10, 1e-9);
  EXPECT_NEAR(difference.error, 10 * std::sqrt(9. / 99), 1e-9);
  EXPECT_CONTAINS(markdown_of(report), "| SAM 0.1 | +0.0 | +10.0 ± 3.0 | +10.0 ± 3.0 |");
  EXPECT_CONTAINS(html_of(report), "<td>+10.0 ± 3.0</td>");
}

TEST_F(Reproduction, refuses_an_attacks_outcomes_that_are_not_its_accuracy) {
  run();
  const Plan made = plan();
  fs::copy(directory.path() / "30.csv", made.runs[2].directory / "stadv.csv",
           fs::copy_options::overwrite_existing);

  EXPECT_CONTAINS(message_of<Error>([&] { make_report(made); }),
                  "stadv.csv is not of the same attack as stadv.json");
}

TEST_F(Reproduction, refuses_a_damaged_list_of_outcomes) {
  run();
  const Plan made = plan();
  for (const char* line : {"\n", "attacked,broken\n1\n", "attacked,broken\n1,x\n"}) {
    std::ofstream(made.runs[2].directory / "stadv.csv") << line;
    EXPECT_CONTAINS(message_of<Error>([&] { make_report(made); }), "is not what a run writes")
        << line;
  }
}

TEST_F(Reproduction, says_where_runs_differ) {
  run();
  const Plan made = plan();
  std::ofstream(made.runs[2].directory / "config.json")
      << R"({"environment": {"version": "v", "device": "cuda:0", "threads": 1}})";

  EXPECT_CONTAINS(markdown_of(make_report(made)), "The trainings differ in device: cpu, cuda:0.");
}

TEST_F(Reproduction, says_where_a_column_compares_nothing) {
  write_attack(90, 1);
  run();
  const Plan made = plan();

  EXPECT_CONTAINS(markdown_of(make_report(made)), "StAdv breaks every row");
}

TEST_F(Reproduction, makes_a_page_that_needs_nothing_else) {
  run();
  const Plan made = plan();
  std::ofstream(made.runs[2].directory / "images.png") << "picture";
  save_report(make_report(made));

  const std::string page = written(made.directory / "table5.html");
  EXPECT_CONTAINS(page, "<!doctype html>");
  EXPECT_CONTAINS(page, "data:image/png;base64," + base64("picture"));
  EXPECT_CONTAINS(page, "<svg");
  EXPECT_CONTAINS(page, "SAM 0.1");
  for (const char* outside : {"http", "src=\"/", "<link", "<script", "url("}) {
    EXPECT_EQ(page.find(outside), std::string::npos) << outside;
  }
  EXPECT_CONTAINS(written(made.directory / "table5.md"), "| SAM 0.1 |");
}

TEST_F(Reproduction, resumed_gives_the_same_report) {
  run();
  save_report(make_report(plan()));
  const std::string first = written(plan().directory / "table5.json");
  fs::remove(plan().runs[3].directory / "curve.json");
  run();
  save_report(make_report(plan()));

  EXPECT_EQ(written(plan().directory / "table5.json"), first);
}

TEST_F(Reproduction, tells_what_the_programs_warned_of_beside_the_row) {
  write_attack(90, 40, R"(["the gradient of 9 of 90 images is zero"])");
  run();
  const Plan made = plan();
  std::ofstream(made.runs[2].directory / "config.json")
      << R"({"environment": {"version": "v", "device": "cpu", "threads": 1},
             "warnings": ["3 files were left out"]})";
  const Report report = make_report(made);

  EXPECT_EQ(report.doubts,
            (std::vector<std::string>{"SAM 0.1, seed 0: the gradient of 9 of 90 images is zero",
                                      "SAM 0.1, seed 0: training: 3 files were left out",
                                      "SAM 0.1, seed 1: the gradient of 9 of 90 images is zero"}));
  EXPECT_CONTAINS(markdown_of(report), "| SAM 0.1 † | 91.5");
  EXPECT_CONTAINS(markdown_of(report), "† There are doubts");
  EXPECT_CONTAINS(html_of(report), "<th>SAM 0.1 †</th>");
  const nlohmann::json json = json_of(report);
  EXPECT_EQ(json.at("rows")[0].at("doubtful"), true);
  EXPECT_EQ(json.at("runs")[0].at("doubts").size(), 2u);
}

TEST_F(Reproduction, reports_foreign_names_as_text) {
  run();
  Plan made = plan();
  made.table.title = "<script>alert(1)</script>";
  for (PlannedRun& run : made.runs) {
    if (run.chosen) run.row = "a|b <img src=x>\n";
  }
  for (TableRow& row : made.table.rows) {
    if (row.name == "SAM 0.1") row.name = "a|b <img src=x>\n";
  }
  const std::string markdown = markdown_of(make_report(made));

  EXPECT_CONTAINS(markdown, "| a\\|b &lt;img src=x&gt;  | 91.5");
  EXPECT_CONTAINS(markdown, "&lt;script&gt;alert(1)&lt;/script&gt;");
  EXPECT_EQ(markdown.find("<img"), std::string::npos);
}

TEST_F(Reproduction, doubts_an_attack_that_leaves_more_than_no_attack) {
  write_attack(35, 40);
  run();
  const Plan made = plan();
  const Report report = make_report(made);

  ASSERT_EQ(report.doubts.size(), 4u);
  EXPECT_CONTAINS(report.doubts[0], "SAM 0.1, seed 0: autoattack-l2 leaves 40 %, no attack 35 %");
}

// Two rows of one family: natural 90 and 92, robust 40 and 50. The axes end at the values, 250 of
// 340 pixels apart.
TEST(charts, join_the_rows_of_a_family) {
  Plan plan;
  plan.table.columns = {{"natural", "natural", ""}, {"autoattack-l2", "AutoAttack", "autoattack"}};
  Report report{&plan, {}, {}, {}, {}, {}};
  const auto row = [](const char* name, double natural, double robust) {
    return MeasuredRow{
        name, {{"natural", cell_of({natural})}, {"autoattack-l2", cell_of({robust})}}, {}, {}, {}};
  };
  report.rows = {row("SAM 0.1", 90, 40), row("SAM 0.2", 92, 50), row("AT linf 8/255", 90, 40)};
  const std::string svg = trade_off_chart(report, SvgPlace::file);

  EXPECT_CONTAINS(svg, "<polyline points=\"50.0,295.0 490.0,30.0 \"/>");
  EXPECT_CONTAINS(svg, "<polyline points=\"50.0,295.0 \"/>");
  EXPECT_CONTAINS(svg, ">SAM</text>");
  EXPECT_CONTAINS(svg, ">0.2</text>");
  EXPECT_CONTAINS(svg, ">AT linf 8/255</text>");
  EXPECT_EQ(svg.find(">SAM 0.1</text>"), std::string::npos);
  EXPECT_EQ(svg.find(">8/255</text>"), std::string::npos);
}

TEST(cells, are_means_with_the_deviation_of_n_minus_one) {
  EXPECT_EQ(cell_of({1, 2, 6}).mean, 3);
  EXPECT_DOUBLE_EQ(cell_of({1, 2, 6}).deviation, std::sqrt(7.));
  EXPECT_EQ(cell_of({4}).mean, 4);
  EXPECT_TRUE(std::isnan(cell_of({4}).deviation));
  EXPECT_TRUE(std::isnan(cell_of({}).mean));
}

TEST(paired_differences, are_zero_where_the_images_are_the_same) {
  EXPECT_EQ(paired_difference({{1, 0, 1}}, {{1, 0, 1}}).mean, 0);
  EXPECT_EQ(paired_difference({{1, 0, 1}}, {{1, 0, 1}}).error, 0);
}

// Differences 1, 0, -1, 1: mean 1/4, squares about it 11/4, over 3, over 4.
TEST(paired_differences, have_the_error_of_their_mean_over_the_images) {
  const Difference difference = paired_difference({{1, 1, 0, 1}}, {{0, 1, 1, 0}});

  EXPECT_DOUBLE_EQ(difference.mean, 25);
  EXPECT_DOUBLE_EQ(difference.error, 100 * std::sqrt(11. / 4 / 3 / 4));
  EXPECT_CONTAINS(message_of<Error>([] {
                    paired_difference({{1}}, {{1, 0}});
                  }),
                  "attack 1 and 2 images");
}

// The seeds differ by 1/2 and 0: mean 1/4, the error of two trainings 1/4. The images' differences,
// means over the seeds, are 1/2 and 0: the error over the images is 1/4 as well.
TEST(paired_differences, of_several_seeds_have_the_error_over_the_trainings_too) {
  const Difference difference = paired_difference({{1, 1}, {0, 1}}, {{0, 1}, {0, 1}});

  EXPECT_DOUBLE_EQ(difference.mean, 25);
  EXPECT_DOUBLE_EQ(difference.error, 100 * std::sqrt(2. / 16));
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
