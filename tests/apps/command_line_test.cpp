// The command line that all programs share: numbers, exit codes, what an error looks like; the
// progress line.
#include "apps/common/parse.h"
#include "apps/common/program_options.h"

#include <gtest/gtest.h>
#include <new>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "apps/common/checkpoint.h"
#include "apps/common/progress.h"
#include "core/device.h"
#include "core/file.h"
#include "tests/apps/data_files.h"

namespace saddle {
namespace {

// What a program run with these arguments answers.
struct Answer {
  int exit_code;
  std::string out, err;
};

Answer run(std::vector<const char*> arguments, const Configure& configure,
           const std::function<void()>& execute) {
  arguments.insert(arguments.begin(), "saddle-test");
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const int exit_code = run_program("saddle-test", "Tests.", static_cast<int>(arguments.size()),
                                    arguments.data(), configure, execute);
  Answer answer{exit_code, testing::internal::GetCapturedStdout(),
                testing::internal::GetCapturedStderr()};
  return answer;
}

void nothing() {}

Answer run_common(std::vector<const char*> arguments, CommonOptions& options) {
  return run(
      std::move(arguments), [&](CLI::App& app) { add_common_options(app, options); }, nothing);
}

// ---- numbers ----

TEST(ParseNumber, reads_decimals_exponents_and_fractions) {
  EXPECT_EQ(parse_number("0.031"), 0.031);
  EXPECT_EQ(parse_number("1e-3"), 1e-3);
  EXPECT_EQ(parse_number("8/255"), 8. / 255);
  EXPECT_EQ(parse_number("0.5/255"), 0.5 / 255);
  EXPECT_EQ(parse_number("-2"), -2.);
  EXPECT_EQ(parse_number("+3"), 3.);
}

TEST(ParseNumber, rejects_what_is_not_one_number) {
  EXPECT_THROW(parse_number(""), UsageError);
  EXPECT_THROW(parse_number("8/"), UsageError);
  EXPECT_THROW(parse_number("/255"), UsageError);
  EXPECT_THROW(parse_number("8/255/2"), UsageError);
  EXPECT_THROW(parse_number("0.5x"), UsageError);
  EXPECT_THROW(parse_number(" 1"), UsageError);
  EXPECT_THROW(parse_number("0,5"), UsageError);
}

TEST(ParseNumber, rejects_what_is_not_finite) {
  EXPECT_THROW(parse_number("1/0"), UsageError);
  EXPECT_THROW(parse_number("0/0"), UsageError);
  EXPECT_THROW(parse_number("nan"), UsageError);
  EXPECT_THROW(parse_number("inf"), UsageError);
  EXPECT_THROW(parse_number("1e999"), UsageError);
  EXPECT_THROW(parse_number("1e300/1e-300"), UsageError);
}

TEST(ParseInteger, reads_decimal_digits_and_nothing_else) {
  EXPECT_EQ(parse_integer("010"), 10);  // not octal
  EXPECT_EQ(parse_integer("-7"), -7);
  EXPECT_EQ(parse_integer("9223372036854775807"), 9223372036854775807);
  EXPECT_THROW(parse_integer("9223372036854775808"), UsageError);
  EXPECT_THROW(parse_integer("1.5"), UsageError);
  EXPECT_THROW(parse_integer("0x10"), UsageError);
  EXPECT_THROW(parse_integer(""), UsageError);
}

// ---- exit codes and errors ----

TEST(RunProgram, returns_0_where_the_work_was_done) {
  const Answer answer = run(
      {}, [](CLI::App&) {}, nothing);

  EXPECT_EQ(answer.exit_code, 0);
  EXPECT_EQ(answer.err, "");
}

TEST(RunProgram, prints_help_with_defaults_and_returns_0) {
  CommonOptions options;
  double rho = 0.05;

  const Answer answer = run(
      {"--help"},
      [&](CLI::App& app) {
        add_common_options(app, options);
        add_number(app, "--rho", rho, "Radius in weight space");
      },
      [] { FAIL() << "--help must not start the work"; });

  EXPECT_EQ(answer.exit_code, 0);
  expect_part("--rho R", answer.out);
  expect_part("Radius in weight space [default: 0.05]", answer.out);
  expect_part("--device", answer.out);
  EXPECT_EQ(answer.err, "");
}

TEST(RunProgram, prints_version_and_backends_and_returns_0) {
  const Answer answer = run(
      {"--version"}, [](CLI::App&) {}, nothing);

  EXPECT_EQ(answer.exit_code, 0);
  EXPECT_EQ(answer.out, "saddle-test " SADDLE_VERSION ", backends: " + backends() + "\n");
}

TEST(RunProgram, returns_2_and_one_line_for_an_unknown_flag) {
  const Answer answer = run(
      {"--frobnicate"}, [](CLI::App&) {}, nothing);

  EXPECT_EQ(answer.exit_code, 2);
  EXPECT_TRUE(answer.err.starts_with("saddle-test: error: ")) << answer.err;
  expect_part("--frobnicate", answer.err);
  EXPECT_EQ(std::count(answer.err.begin(), answer.err.end(), '\n'), 1);
  EXPECT_EQ(answer.out, "");
}

TEST(RunProgram, returns_2_for_a_usage_error_of_the_work) {
  const Answer answer = run(
      {}, [](CLI::App&) {}, [] { throw UsageError("no such set"); });

  EXPECT_EQ(answer.exit_code, 2);
  EXPECT_EQ(answer.err, "saddle-test: error: no such set\n");
}

TEST(RunProgram, returns_1_for_an_error) {
  const Answer answer = run(
      {}, [](CLI::App&) {}, [] { fail("disk full. Free some space"); });

  EXPECT_EQ(answer.exit_code, 1);
  EXPECT_EQ(answer.err, "saddle-test: error: disk full. Free some space\n");
}

TEST(RunProgram, tells_an_error_in_one_line_that_no_stranger_drives) {
  const std::string hostile = "\x1b]0;owned\x07\r\n" + std::string(5'000'000, 'x');

  const Answer answer = run(
      {}, [](CLI::App&) {}, [&] { fail(hostile, ": is not a file. Name one"); });
  const Answer usage = run(
      {"--rho\x1b[2J"}, [](CLI::App&) {}, nothing);

  expect_part("saddle-test: error: \\x1b]0;owned\\x07\\r\\nxxx", answer.err);
  EXPECT_TRUE(answer.err.ends_with("xxx: is not a file. Name one\n"));
  EXPECT_LT(answer.err.size(), 5000u);
  EXPECT_EQ(usage.exit_code, 2);
  expect_part("--rho\\x1b[2J", usage.err);
}

TEST(PrintWarning, is_one_line_that_no_stranger_drives) {
  testing::internal::CaptureStderr();
  print_warning("saddle-test", "a\x1b[31m\nb");

  EXPECT_EQ(testing::internal::GetCapturedStderr(), "saddle-test: warning: a\\x1b[31m\\nb\n");
}

TEST(RunProgram, returns_1_when_memory_runs_out) {
  const Answer answer = run(
      {}, [](CLI::App&) {}, [] { throw std::bad_alloc(); });

  EXPECT_EQ(answer.exit_code, 1);
  expect_part("out of memory. Use a smaller --batch-size", answer.err);
}

TEST(RunProgram, says_what_helps_where_a_device_or_a_length_is_out_of_memory) {
  const Answer device = run(
      {}, [](CLI::App&) {}, [] { fail("out of memory: 12 bytes"); });
  const Answer length = run(
      {}, [](CLI::App&) {}, [] { throw std::length_error("vector"); });

  EXPECT_EQ(device.exit_code, 1);
  expect_part("error: out of memory: 12 bytes. Use a smaller --batch-size", device.err);
  EXPECT_EQ(length.exit_code, 1);
  expect_part("error: out of memory. Use a smaller --batch-size", length.err);
}

// In a process of its own: the limit holds for all its files, and the signal would end it.
TEST(RunProgram, returns_1_and_leaves_nothing_where_a_file_may_not_grow) {
  const TemporaryDirectory directory;
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit limit{1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const char* arguments[] = {"saddle-test"};
    ::_exit(run_program(
        "saddle-test", "Tests.", 1, arguments, [](CLI::App&) {},
        [&] {
          write_file_atomically(directory.path() / "large",
                                std::string_view(std::string(2000, 'x')));
        }));
  }

  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);

  ASSERT_TRUE(WIFEXITED(status)) << "killed by signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 1);
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

// ---- flags ----

TEST(CommonOptions, are_read) {
  CommonOptions options;

  const Answer answer =
      run_common({"--device", "emulated", "--seed", "7", "--threads", "3", "--cpu-isa", "avx2",
                  "--plan", "default", "--quiet", "--deterministic"},
                 options);

  EXPECT_EQ(answer.exit_code, 0) << answer.err;
  EXPECT_EQ(options.device, "emulated");
  EXPECT_EQ(options.seed, 7);
  EXPECT_EQ(options.threads, 3);
  EXPECT_EQ(options.cpu_isa, "avx2");
  EXPECT_EQ(options.plan, "default");
  EXPECT_TRUE(options.quiet);
  EXPECT_TRUE(options.deterministic);
}

TEST(CommonOptions, reject_values_by_name_of_the_flag) {
  CommonOptions options;

  EXPECT_EQ(run_common({"--seed", "-1"}, options).exit_code, 2);
  EXPECT_EQ(run_common({"--device", "gpu"}, options).exit_code, 2);
  EXPECT_EQ(run_common({"--device", "cuda:x"}, options).exit_code, 2);
  EXPECT_EQ(run_common({"--cpu-isa", "sse2"}, options).exit_code, 2);
  const Answer answer = run_common({"--precision", "fp8"}, options);
  EXPECT_EQ(answer.exit_code, 2);
  expect_part("--precision: 'fp8' is not one of fp32, tf32, bf16", answer.err);
}

TEST(OpenDevice, refuses_threads_that_no_machine_has) {
  CommonOptions options;
  options.device = "cpu";
  options.threads = 1'000'000;

  EXPECT_THROW(open_device(options), UsageError);
  expect_error("--threads: 1000000 is above 1024", [&] { open_device(options); });
}

TEST(OpenDevice, refuses_other_precisions_on_the_cpu) {
  CommonOptions options;
  options.device = "cpu";
  options.precision = "bf16";

  expect_error("--precision bf16: the device cpu computes in fp32 only",
               [&] { open_device(options); });
}

TEST(OpenDevice, prints_its_choice_on_stderr_unless_quiet) {
  CommonOptions options;
  options.device = "cpu";

  testing::internal::CaptureStderr();
  EXPECT_EQ(&open_device(options), &cpu_device());
  expect_part("device: cpu", testing::internal::GetCapturedStderr());

  options.quiet = true;
  testing::internal::CaptureStderr();
  open_device(options);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(CheckpointOverrides, are_read_with_fractions) {
  CheckpointOverrides overrides;

  const Answer answer = run(
      {"--model", "preact_resnet10", "--classes", "7", "--mean", "1/2,0.25,0", "--input-shape",
       "3,32,31"},
      [&](CLI::App& app) { add_checkpoint_overrides(app, overrides); }, nothing);

  EXPECT_EQ(answer.exit_code, 0) << answer.err;
  EXPECT_EQ(overrides.model, "preact_resnet10");
  EXPECT_EQ(overrides.classes, 7);
  EXPECT_EQ(overrides.mean, (std::vector<float>{0.5f, 0.25f, 0.f}));
  EXPECT_EQ(overrides.input_shape, (std::vector<std::int64_t>{3, 32, 31}));
  EXPECT_FALSE(overrides.width.has_value());
  EXPECT_FALSE(overrides.std.has_value());
}

TEST(DatasetOptions, reject_a_limit_of_zero) {
  DatasetOptions options;

  const Answer answer = run(
      {"--test-limit", "0"},
      [&](CLI::App& app) { add_dataset_options(app, options, DatasetSplits::test_only); }, nothing);

  EXPECT_EQ(answer.exit_code, 2);
  expect_part("--test-limit", answer.err);
}

// ---- progress ----

TEST(ProgressLine, says_percent_rate_loss_accuracy_and_time_left) {
  const ProgressState state{"epoch 3/30", "images", 421, 1000, 512.4, 199.2, {0.5321, 81.23}};

  EXPECT_EQ(progress_line(state),
            "epoch 3/30: 42 %, 512 images/s, loss 0.5321, accuracy 81.2 %, 3 min 20 s left");
}

TEST(ProgressLine, is_one_line_whatever_its_label) {
  const std::string line =
      progress_line({"pgd\x1b[2J\n" + std::string(9999, 'x'), "images", 0, 1, 0, 0, {}});

  EXPECT_TRUE(line.starts_with("pgd\\x1b[2J\\nxxx"));
  EXPECT_LT(line.size(), 300u);
}

TEST(ProgressLine, leaves_out_what_is_not_known) {
  EXPECT_EQ(progress_line({"pgd", "images", 0, 1000, 0, 0, {}}), "pgd: 0 %");
}

TEST(ProgressLine, reaches_100_percent_only_at_the_end) {
  EXPECT_EQ(progress_line({"pgd", "images", 9999, 10000, 0, 0, {}}), "pgd: 99 %");
  EXPECT_EQ(progress_line({"pgd", "images", 10000, 10000, 0, 0, {}}), "pgd: 100 %");
}

TEST(DurationText, uses_the_two_largest_units) {
  EXPECT_EQ(duration_text(0.2), "1 s");
  EXPECT_EQ(duration_text(59.5), "1 min 0 s");
  EXPECT_EQ(duration_text(7500), "2 h 5 min");
}

TEST(Progress, is_silent_where_nothing_is_to_be_shown) {
  testing::internal::CaptureStderr();
  {
    Progress progress("pgd", 10, "images", Progress::Show::nothing);
    progress.advance(10);
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace saddle
