// A segmentation training that is killed and resumed leaves the files of one that never was.
//
// The trainings that are killed run in processes of their own: this program called with
//   --segment NAME OUTPUT
// trains, or goes on, instead of testing.
#include <gtest/gtest.h>

#include <csignal>
#include <cstdio>
#include <spawn.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "tests/apps/segmentation_runs.h"
#include "tests/apps/training_runs.h"

extern char** environ;

namespace saddle {
namespace {

namespace fs = std::filesystem;

// Runs whose last epoch is cut short, tested every second epoch, with dropout.
SegmentTrainOptions run_named(const std::string& name, const fs::path& output) {
  SegmentTrainOptions options = small_segment_run(output);
  options.epochs.reset();
  options.iterations = 32;
  options.eval_every = 2;
  options.dropout = 0.3;
  if (name == "sam") {
    options.descent.optimizer = "sam";
    options.sam_start = 13;
    options.sam_start_restarts = true;
    options.adversarial = "pgd";
    options.at_steps = 1;
    options.at_half = true;
  } else if (name == "adam") {
    options.descent.optimizer = "adam";
    options.descent.ema = 0.8;
    options.minmax = true;
    options.accumulate = 2;
    options.backbone_lr_factor = 0.1;
  } else {
    require(name == "sgd", "tests: no run is named ", name);
  }
  return options;
}

// Trains in a process of its own, which is killed once the run can be gone on with; false where it
// got to its end before.
bool train_and_kill(const std::string& name, const fs::path& run) {
  std::string words[] = {"test_segment", "--segment", name, run.string()};
  char* arguments[] = {words[0].data(), words[1].data(), words[2].data(), words[3].data(), nullptr};
  pid_t process = -1;
  const int error = posix_spawn(&process, "/proc/self/exe", nullptr, nullptr, arguments, environ);
  require(error == 0, "tests: posix_spawn failed with ", error);
  int status = 0;
  while (!fs::exists(run / "state.safetensors")) {
    if (::waitpid(process, &status, WNOHANG) == process) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ::kill(process, SIGKILL);
  ::waitpid(process, &status, 0);
  return WIFSIGNALED(status);
}

class SegmentResume : public testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(Runs, SegmentResume, testing::Values("sgd", "sam", "adam"));

TEST_P(SegmentResume, of_a_run_that_was_killed_gives_the_bytes_of_one_that_was_not) {
  const TemporaryDirectory directory;
  const fs::path whole = directory.path() / "whole", killed = directory.path() / "killed";
  train_small(run_named(GetParam(), whole));
  ASSERT_TRUE(train_and_kill(GetParam(), killed)) << "it came to its end too soon";
  ASSERT_LT(timeless_metrics(killed).size(), 6u);

  SegmentTrainOptions options = run_named(GetParam(), killed);
  options.run.resume = true;
  train_small(options);

  expect_equal_runs(killed, whole);
  const auto metrics = timeless_metrics(killed);
  ASSERT_EQ(metrics.size(), 6u);
  EXPECT_EQ(metrics[4].at("iteration"), 30);
  EXPECT_EQ(metrics[5].at("epoch"), 11);
  EXPECT_EQ(metrics[5].at("iteration"), 32);
}

// The other way that a run ends in the middle: at a step, by its own count.
TEST(segment_resume, of_a_run_at_its_end_changes_nothing) {
  const TemporaryDirectory directory;
  SegmentTrainOptions options = small_segment_run(directory.path());
  options.epochs.reset();
  options.iterations = 4;
  train_small(options);
  const std::string state = contents(directory.path() / "state.safetensors");

  options.run.resume = true;
  const TrainResult result = train_small(options);

  EXPECT_EQ(contents(directory.path() / "state.safetensors"), state);
  EXPECT_EQ(result.score("iteration"), 4);
}

TEST(segment_resume, with_other_settings_or_data_is_refused) {
  const TemporaryDirectory directory;
  SegmentTrainOptions options = small_segment_run(directory.path());
  options.epochs = 1;
  train_small(options);
  options.run.resume = true;
  const auto refusal = [&](const std::function<void(SegmentTrainOptions&)>& change) {
    SegmentTrainOptions other = options;
    change(other);
    return error_of([&] { train_small(other); });
  };
  expect_part("other settings than the run began with: lr (0.05, now 0.1)",
              refusal([](auto& o) { o.descent.lr = 0.1; }));
  expect_part("minmax (null, now true)", refusal([](auto& o) { o.minmax = true; }));
  expect_part("epochs (1, now 2)", refusal([](auto& o) { o.epochs = 2; }));
  const SegmentTrainOptions same = resolved(options);
  SegmentationSet data = square_training_data();
  data.pixels[9] ^= 1;
  expect_error("the training data (examples, labels or names of classes) changed",
               [&] { train(same, data, square_test_data()); });
  EXPECT_NO_THROW(train_small(options));
}

// A run may be made longer where nothing before its end depends on its length, and is then the
// longer run.
TEST(segment_resume, for_more_epochs_gives_the_run_that_was_longer_from_the_start) {
  const TemporaryDirectory directory;
  SegmentTrainOptions options = small_segment_run(directory.path() / "longer");
  options.schedule = "constant";
  options.epochs = 2;
  train_small(options);
  options.run.resume = true;
  options.epochs = 4;
  train_small(options);
  options.run.resume = false;
  options.run.output = (directory.path() / "whole").string();
  train_small(options);

  expect_equal_runs(directory.path() / "longer", directory.path() / "whole");
}

}  // namespace
}  // namespace saddle

int main(int argc, char** argv) {
  if (argc == 4 && std::string(argv[1]) == "--segment") {
    try {
      saddle::SegmentTrainOptions options = saddle::run_named(argv[2], argv[3]);
      saddle::train_small(options);
      return 0;
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
      return 1;
    }
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
