#include "core/process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "core/descriptor.h"
#include "core/error.h"

namespace saddle {
namespace {

std::string error_text(int error) { return std::generic_category().message(error); }

// What becomes of the descriptors of a process that is started.
class Redirections {
 public:
  Redirections() { posix_spawn_file_actions_init(&actions_); }
  ~Redirections() { posix_spawn_file_actions_destroy(&actions_); }
  Redirections(const Redirections&) = delete;
  Redirections& operator=(const Redirections&) = delete;

  posix_spawn_file_actions_t* get() { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

pid_t start(const std::vector<std::string>& line, Redirections& redirections) {
  std::vector<char*> arguments;
  for (const std::string& word : line) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t process = -1;
  const int error =
      posix_spawnp(&process, arguments[0], redirections.get(), nullptr, arguments.data(), environ);
  require(error == 0, line[0], " cannot be started: ", error_text(error),
          ". Check that it is there and may be run");
  return process;
}

ProcessEnd end_of(pid_t process, const std::string& program) {
  int status = 0;
  pid_t ended = -1;
  do {
    ended = ::waitpid(process, &status, 0);
  } while (ended < 0 && errno == EINTR);
  require(ended == process, "how ", program, " ended cannot be known: ", error_text(errno));
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 0, WIFSIGNALED(status) ? WTERMSIG(status) : 0};
}

// All that comes, until nobody writes any more.
std::string read_all(int descriptor) {
  std::string all;
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t count = ::read(descriptor, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return all;
    all.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

}  // namespace

ProcessEnd run_process(const std::vector<std::string>& line, const std::filesystem::path& log) {
  const Descriptor file(::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  require(file.get() >= 0, log.string(), ": cannot be written, where the output of ", line[0],
          " should go: ", error_text(errno));
  Redirections redirections;
  posix_spawn_file_actions_adddup2(redirections.get(), file.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(redirections.get(), file.get(), STDERR_FILENO);
  return end_of(start(line, redirections), line[0]);
}

ProcessEnd run_process(const std::vector<std::string>& line, std::string& output) {
  int ends[2];  // to read, to write
  require(::pipe2(ends, O_CLOEXEC) == 0, "no pipe to ", line[0], ": ", error_text(errno));
  const Descriptor reading(ends[0]);
  Descriptor writing(ends[1]);
  Redirections redirections;
  posix_spawn_file_actions_adddup2(redirections.get(), writing.get(), STDOUT_FILENO);
  const pid_t process = start(line, redirections);
  writing.close();
  output = read_all(reading.get());
  return end_of(process, line[0]);
}

}  // namespace saddle
