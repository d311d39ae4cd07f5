#include "core/file.h"

#include <csignal>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "tests/support/temporary_directory.h"

namespace saddle {
namespace {

namespace fs = std::filesystem;

Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

std::string text_of(const std::vector<std::byte>& bytes) {
  std::string text(bytes.size(), '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) text[i] = static_cast<char>(bytes[i]);
  return text;
}

template <class Action>
std::string message_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no Error was thrown";
}

// Root may read and write everything: to be refused, it acts as nobody in this scope.
class WithoutRoot {
 public:
  WithoutRoot() { become(kNobody); }
  ~WithoutRoot() { become(0); }
  WithoutRoot(const WithoutRoot&) = delete;
  WithoutRoot& operator=(const WithoutRoot&) = delete;

 private:
  static constexpr uid_t kNobody = 65534;
  void become(uid_t user) const {
    if (::getuid() != 0) return;
    EXPECT_EQ(::seteuid(user), 0);
  }
};

// Every test gets an empty directory of its own.
class FileTest : public testing::Test {
 protected:
  fs::path at(const char* name) const { return directory_ / name; }
  std::string content(const char* name) const { return text_of(read_file(at(name), 1 << 20)); }
  std::ptrdiff_t files() const {
    return std::distance(fs::directory_iterator(directory_), fs::directory_iterator());
  }

  TemporaryDirectory temporary_;
  const fs::path directory_ = temporary_.path();
};

TEST_F(FileTest, what_was_written_is_read_back) {
  const std::string zeros_and_all("a\0b\xff\n", 5);

  write_file_atomically(at("file"), zeros_and_all);

  EXPECT_EQ(content("file"), zeros_and_all);
  EXPECT_EQ(files(), 1);
}

TEST_F(FileTest, an_empty_file_is_written_and_read) {
  write_file_atomically(at("file"), "");

  EXPECT_EQ(read_file(at("file"), 0).size(), 0u);
}

TEST_F(FileTest, chunks_follow_each_other) {
  const std::vector<Bytes> chunks{bytes_of("one "), Bytes(), bytes_of("two "), bytes_of("three")};

  write_file_atomically(at("file"), chunks);

  EXPECT_EQ(content("file"), "one two three");
}

TEST_F(FileTest, a_relative_path_without_a_directory_is_written_here) {
  const fs::path before = fs::current_path();
  fs::current_path(directory_);

  write_file_atomically("plain", "here");

  fs::current_path(before);
  EXPECT_EQ(content("plain"), "here");
}

TEST_F(FileTest, a_new_file_has_the_permissions_the_user_asks_for) {
  const mode_t before = ::umask(027);

  write_file_atomically(at("file"), "x");

  ::umask(before);
  EXPECT_EQ(fs::status(at("file")).permissions(), static_cast<fs::perms>(0640));
}

TEST_F(FileTest, the_old_file_stands_until_the_commit) {
  write_file_atomically(at("file"), "old");
  AtomicFile file(at("file"));

  file.write(bytes_of("new, first half"));
  EXPECT_EQ(content("file"), "old");
  file.write(bytes_of(", second half"));
  file.commit();

  EXPECT_EQ(content("file"), "new, first half, second half");
  EXPECT_EQ(files(), 1);
}

TEST_F(FileTest, an_abandoned_write_leaves_the_old_file_and_nothing_else) {
  write_file_atomically(at("file"), "old");

  { AtomicFile(at("file")).write(bytes_of("half")); }

  EXPECT_EQ(content("file"), "old");
  EXPECT_EQ(files(), 1);
}

TEST_F(FileTest, two_writers_of_one_name_do_not_share_a_temporary_file) {
  AtomicFile first(at("file"));
  AtomicFile second(at("file"));
  first.write(bytes_of("first"));
  second.write(bytes_of("second"));

  first.commit();
  EXPECT_EQ(content("file"), "first");
  second.commit();
  EXPECT_EQ(content("file"), "second");
}

TEST_F(FileTest, writing_after_the_commit_is_an_error) {
  AtomicFile file(at("file"));
  file.commit();

  EXPECT_NE(message_of([&] { file.write(bytes_of("more")); }).find("after commit()"),
            std::string::npos);
  EXPECT_NE(message_of([&] { file.commit(); }).find("commit() twice"), std::string::npos);
}

// A full disk, played by a limit on the size of a file: the write fails half way.
TEST_F(FileTest, a_full_disk_is_an_error_and_leaves_the_old_file) {
  write_file_atomically(at("file"), "old");
  const std::string large(1 << 20, 'x');
  rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit small = before;
  small.rlim_cur = 4096;
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);

  const std::string message = message_of([&] { write_file_atomically(at("file"), large); });

  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(message, at("file").string() +
                         ": cannot be written: File too large. "
                         "Free some space or write elsewhere.");
  EXPECT_EQ(content("file"), "old");
  EXPECT_EQ(files(), 1);
}

TEST_F(FileTest, writing_into_a_missing_directory_is_an_error) {
  EXPECT_EQ(message_of([&] { write_file_atomically(at("none") / "file", "x"); }),
            (at("none") / "file").string() +
                ": cannot be written: No such file or directory. "
                "Check that the path exists.");
}

TEST_F(FileTest, writing_where_we_may_not_is_an_error) {
  fs::permissions(directory_, fs::perms::owner_read | fs::perms::owner_exec |
                                  fs::perms::others_read | fs::perms::others_exec);

  const std::string message = message_of([&] {
    const WithoutRoot nobody;
    write_file_atomically(at("file"), "x");
  });

  fs::permissions(directory_, fs::perms::owner_all);
  EXPECT_EQ(message, at("file").string() +
                         ": cannot be written: Permission denied. "
                         "Check the permissions.");
}

TEST_F(FileTest, writing_over_a_directory_is_an_error) {
  fs::create_directory(at("folder"));

  EXPECT_EQ(message_of([&] { write_file_atomically(at("folder"), "x"); }),
            at("folder").string() +
                ": cannot be written: Is a directory. "
                "Name a file, not a directory.");
  EXPECT_EQ(files(), 1);
}

TEST_F(FileTest, a_pipe_is_not_replaced_by_a_file) {
  ASSERT_EQ(::mkfifo(at("pipe").c_str(), 0600), 0);

  EXPECT_EQ(
      message_of([&] { write_file_atomically(at("pipe"), "x"); }),
      at("pipe").string() + ": cannot be written: it is a device or a pipe. Name a regular file.");
  EXPECT_TRUE(fs::is_fifo(at("pipe")));
}

TEST_F(FileTest, the_file_behind_a_symbolic_link_is_replaced_and_the_link_stays) {
  fs::create_directory(at("disk"));
  write_file_atomically(at("disk") / "file", "old");
  fs::create_symlink(at("disk") / "file", at("link"));

  write_file_atomically(at("link"), "new");

  EXPECT_TRUE(fs::is_symlink(at("link")));
  EXPECT_EQ(text_of(read_file(at("disk") / "file", 100)), "new");
}

TEST_F(FileTest, reading_a_missing_file_is_an_error) {
  EXPECT_EQ(message_of([&] { read_file(at("none"), 10); }),
            at("none").string() +
                ": cannot be opened: No such file or directory. "
                "Check that the path exists.");
}

TEST_F(FileTest, reading_a_directory_is_an_error) {
  EXPECT_EQ(message_of([&] { read_file(directory_, 10); }), directory_.string() +
                                                                ": cannot be read: Is a directory. "
                                                                "Name a file, not a directory.");
}

TEST_F(FileTest, reading_a_pipe_is_an_error_and_does_not_wait) {
  ASSERT_EQ(::mkfifo(at("pipe").c_str(), 0600), 0);

  EXPECT_EQ(
      message_of([&] { read_file(at("pipe"), 10); }),
      at("pipe").string() + ": cannot be read: it is a device or a pipe. Name a regular file.");
}

TEST_F(FileTest, reading_what_we_may_not_is_an_error) {
  write_file_atomically(at("file"), "secret");
  fs::permissions(at("file"), fs::perms::none);
  fs::permissions(directory_, fs::perms::others_exec, fs::perm_options::add);

  const std::string message = message_of([&] {
    const WithoutRoot nobody;
    read_file(at("file"), 10);
  });

  EXPECT_EQ(message,
            at("file").string() + ": cannot be opened: Permission denied. Check the permissions.");
}

TEST_F(FileTest, a_file_of_exactly_the_limit_is_read_and_one_byte_more_is_an_error) {
  write_file_atomically(at("file"), "12345");

  EXPECT_EQ(text_of(read_file(at("file"), 5)), "12345");
  EXPECT_EQ(message_of([&] { read_file(at("file"), 4); }),
            at("file").string() + ": is 5 bytes, expected at most 4. Is it the right file?");
}

}  // namespace
}  // namespace saddle
