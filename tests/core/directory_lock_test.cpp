// A directory has one writer, for as long as that lives.
#include "core/directory_lock.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <optional>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/error.h"
#include "tests/support/temporary_directory.h"

namespace saddle {
namespace {

namespace fs = std::filesystem;

class DirectoryLocks : public testing::Test {
 protected:
  // What the second lock says; empty where it is given.
  std::string refusal() const {
    try {
      const DirectoryLock lock(directory_, "is taken", Inherited::no);
      return "";
    } catch (const Error& error) {
      return error.what();
    }
  }

  TemporaryDirectory temporary_;
  const fs::path directory_ = temporary_.path();
};

TEST_F(DirectoryLocks, are_for_one_at_a_time_and_leave_nothing) {
  std::optional<DirectoryLock> lock(std::in_place, directory_, "is taken", Inherited::no);
  EXPECT_EQ(refusal(), directory_.string() + ": is taken");

  lock.reset();

  EXPECT_EQ(refusal(), "");
  EXPECT_TRUE(fs::is_empty(directory_));
}

TEST_F(DirectoryLocks, end_with_a_process_that_is_killed) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t process = ::fork();
  if (process == 0) {
    const DirectoryLock lock(directory_, "is taken", Inherited::no);
    (void)!::write(ready[1], "x", 1);
    while (true) ::pause();
  }
  char byte;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_EQ(refusal(), directory_.string() + ": is taken");

  ::kill(process, SIGKILL);
  ::waitpid(process, nullptr, 0);

  EXPECT_EQ(refusal(), "");
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_F(DirectoryLocks, of_a_missing_directory_are_none) {
  EXPECT_NO_THROW(DirectoryLock(directory_ / "missing", "is taken", Inherited::no));
}

}  // namespace
}  // namespace saddle
