// The face of a program of several commands, and the flags of saddle-segment train.
#include <gtest/gtest.h>

#include <algorithm>

#include "apps/common/settings.h"
#include "tests/apps/data_files.h"
#include "tests/apps/segmentation_runs.h"

namespace saddle {
namespace {

struct Answer {
  int exit_code;
  std::string out, err;
};

// saddle-segment with a train that resolves its options and trains nothing.
Answer run(std::vector<const char*> words, SegmentTrainOptions& options) {
  words.insert(words.begin(), "saddle-segment");
  const SubCommand train = {"train", "Trains a segmentation network.",
                            [&options](CLI::App& app) {
                              add_common_options(app, options.common);
                              add_settings(app, settings_of(options));
                              add_sharpness_flags(app, options.descent.sharpness,
                                                  kSegmentDescent.sam_rho);
                            },
                            [&options] { options = resolved(options); }};
  const SubCommand predict = {"predict", "Labels images.", [](CLI::App&) {}, [] {}};
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const int exit_code =
      run_commands("saddle-segment", "Semantic segmentation.", static_cast<int>(words.size()),
                   words.data(), {train, predict});
  return {exit_code, testing::internal::GetCapturedStdout(),
          testing::internal::GetCapturedStderr()};
}
Answer run(std::vector<const char*> words) {
  SegmentTrainOptions options;
  return run(std::move(words), options);
}

void expect_refused(const std::string& part, const std::vector<const char*>& words,
                    const std::string& name = "saddle-segment train") {
  const Answer answer = run(words);
  EXPECT_EQ(answer.exit_code, 2);
  EXPECT_EQ(answer.out, "");
  EXPECT_TRUE(answer.err.starts_with(name + ": error: ")) << answer.err;
  EXPECT_EQ(std::count(answer.err.begin(), answer.err.end(), '\n'), 1) << answer.err;
  expect_part(part, answer.err);
}

TEST(commands, need_a_first_word_and_name_those_there_are) {
  const std::string all = "there are train, predict";
  expect_refused(all, {}, "saddle-segment");
  expect_refused("'nonsense'", {"nonsense"}, "saddle-segment");
  expect_refused(all, {"nonsense"}, "saddle-segment");
  expect_refused(all, {"nonsense", "--lr", "1"}, "saddle-segment");
  expect_refused(all, {"--quiet", "train"}, "saddle-segment");
  expect_refused(all, {""}, "saddle-segment");
}

TEST(commands, are_listed_by_help) {
  for (const char* help : {"--help", "-h", "help"}) {
    const Answer answer = run({help});
    EXPECT_EQ(answer.exit_code, 0) << help;
    EXPECT_EQ(answer.err, "");
    expect_part("Semantic segmentation.", answer.out);
    expect_part("train", answer.out);
    expect_part("Trains a segmentation network.", answer.out);
    expect_part("Labels images.", answer.out);
    expect_part("saddle-segment COMMAND --help lists the flags of a command", answer.out);
  }
}

TEST(commands, tell_the_version_of_the_program) {
  for (const std::vector<const char*>& words :
       {std::vector<const char*>{"--version"}, {"train", "--version"}}) {
    const Answer answer = run(words);
    EXPECT_EQ(answer.exit_code, 0);
    EXPECT_TRUE(answer.out.starts_with("saddle-segment ")) << answer.out;
    expect_part(" " SADDLE_VERSION ", backends: ", answer.out);
  }
}

TEST(train_command, lists_every_flag_with_its_default) {
  const Answer answer = run({"train", "--help"});
  EXPECT_EQ(answer.exit_code, 0);
  EXPECT_EQ(answer.err, "");
  expect_part("saddle-segment train", answer.out);
  for (const char* flag :
       {"--dataset",       "--data-dir",   "--preset",        "--model",  "--width",
        "--output-stride", "--aspp-rates", "--optimizer",     "--rho",    "--lr",
        "--adversarial",   "--at-eps",     "--iterations",    "--epochs", "--batch-size",
        "--schedule",      "--crop",       "--init-backbone", "--resume", "--output",
        "--device",        "--seed",       "--threads"}) {
    expect_part(text("  ", flag, " "), answer.out);
  }
  expect_part("0.01 (SGD), 0.0005 (Adam); 0.1 (SGD), 0.002 (Adam) with fashion-scenes", answer.out);
  expect_part("0.02 (sam, esam, ssam)", answer.out);
}

TEST(train_command, takes_fractions_and_words) {
  SegmentTrainOptions options;
  const Answer answer =
      run({"train", "--output", "run", "--adversarial", "pgd", "--at-eps", "2/255", "--optimizer",
           "sam", "--aspp-rates", "1,2,3", "--iterations", "50", "--device", "cpu", "--at-half"},
          options);
  EXPECT_EQ(answer.exit_code, 0) << answer.err;
  EXPECT_EQ(answer.err, "");
  EXPECT_EQ(options.at_eps, 2. / 255);
  EXPECT_EQ(options.aspp_rates, "1,2,3");
  EXPECT_EQ(options.iterations, 50);
  EXPECT_TRUE(options.at_half);
  EXPECT_EQ(options.preset, "fashion-scenes");
}

TEST(train_command, refuses_what_it_does_not_know) {
  expect_refused("--output is required", {"train"});
  expect_refused("--frobnicate", {"train", "--output", "run", "--frobnicate"});
  expect_refused("more", {"train", "--output", "run", "more"});
  expect_refused("--dataset: 'imagenet' is not one of fashion-scenes, voc2012, voc-folder",
                 {"train", "--output", "run", "--dataset", "imagenet"});
  expect_refused("--model: 'preact_resnet18' is not one of deeplabv3_mobilenetv2",
                 {"train", "--output", "run", "--model", "preact_resnet18"});
  expect_refused("--lr: 'fast' is not a number", {"train", "--output", "run", "--lr", "fast"});
  expect_refused("--iterations: '0' is below 1", {"train", "--output", "run", "--iterations", "0"});
  expect_refused("--aspp-rates", {"train", "--output", "run", "--aspp-rates", "1,2"});
  expect_refused("--preset: 'fast' is not one of standard, fashion-scenes, official",
                 {"train", "--output", "run", "--preset", "fast"});
}

}  // namespace
}  // namespace saddle
