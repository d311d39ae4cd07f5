// saddle-reproduce: what is done, what is not done again, and how long it is expected to take.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <fstream>
#include <optional>
#include <system_error>
#include <thread>

#include "apps/reproduce/estimate.h"
#include "apps/reproduce/report.h"
#include "apps/reproduce/results.h"
#include "tests/apps/reproduction.h"

namespace saddle::reproduce {
namespace {

using namespace testing_support;

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
  EXPECT_CONTAINS(
      message_of<Error>([&] { read_curve(place / "stadv.json", Task::classification); }), expected);
  std::ofstream(place / "metrics.jsonl") << deep_json() << "\n";
  EXPECT_CONTAINS(message_of<Error>([&] { read_training(place, Task::classification); }), expected);
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
#ifdef SADDLE_SANITIZE
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

}  // namespace
}  // namespace saddle::reproduce
