// Other programs, run to their end.
#include "core/process.h"

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>

#include "core/error.h"
#include "core/file.h"
#include "tests/support/expect_near.h"
#include "tests/support/temporary_directory.h"

namespace saddle {
namespace {

using namespace testing_support;

TEST(process, gives_what_was_written_to_its_output) {
  std::string output;

  const ProcessEnd end = run_process({"sh", "-c", "printf one; printf two"}, output);

  EXPECT_TRUE(end.well());
  EXPECT_EQ(output, "onetwo");
}

TEST(process, writes_output_and_errors_into_a_log) {
  const TemporaryDirectory directory;
  const std::filesystem::path log = directory.path() / "process.log";

  const ProcessEnd end = run_process({"/bin/sh", "-c", "echo out; echo error >&2; exit 3"}, log);

  EXPECT_EQ(end.exit_code, 3);
  EXPECT_FALSE(end.well());
  const std::vector<std::byte> bytes = read_file(log, 1 << 10);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), "out\nerror\n");
}

TEST(process, whose_log_cannot_be_written_is_not_started) {
  const TemporaryDirectory directory;
  const std::filesystem::path log = directory.path() / "missing" / "process.log";
  const std::filesystem::path sign = directory.path() / "started";

  EXPECT_CONTAINS(
      message_of<Error>([&] {
        run_process({"touch", sign.string()}, log);
      }),
      log.string() + ": cannot be written, where the output of touch should go: No such");
  EXPECT_FALSE(std::filesystem::exists(sign));
}

TEST(process, says_which_signal_killed_it) {
  std::string output;

  const ProcessEnd end = run_process({"sh", "-c", "kill -TERM $$"}, output);

  EXPECT_EQ(end.signal, SIGTERM);
  EXPECT_FALSE(end.well());
}

TEST(process, that_is_not_there_is_an_error) {
  std::string output;

  EXPECT_CONTAINS(message_of<Error>([&] { run_process({"/nowhere/at-all"}, output); }),
                  "/nowhere/at-all cannot be started: No such file");
}

}  // namespace
}  // namespace saddle
