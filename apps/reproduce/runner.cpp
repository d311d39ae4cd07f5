#include "apps/reproduce/runner.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "core/error.h"
#include "core/file.h"

extern char** environ;

namespace saddle {
namespace {

namespace fs = std::filesystem;

std::string last_line(const fs::path& log) {
  const std::vector<std::byte> bytes = read_file(log, std::int64_t{1} << 26);
  std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.substr(text.find_last_of('\n') + 1);
}

void do_run(const PlannedRun& run, const std::function<void(const std::string&)>& begins) {
  fs::create_directories(run.directory);
  for (const Stage& stage : run.stages) {
    // The training is always asked: it returns at once where it has ended.
    if (stage.name != "train" && is_done(run, stage)) continue;
    begins(stage.name);
    record_command(run, stage);
    call(stage.command, run.directory / (stage.name + ".log"));
  }
  begins("done");
}

}  // namespace

OutputLock::OutputLock(const fs::path& directory) {
  fs::create_directories(directory);
  const fs::path path = directory / "lock";
  // Without O_CLOEXEC: the programs that are started inherit the lock.
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT, 0644);
  require(descriptor_ >= 0, path.string(), " cannot be opened. Choose another --output");
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return;
  ::close(descriptor_);
  fail(directory.string(),
       " is being written to by another saddle-reproduce, or by a training or an attack that one "
       "left behind. Wait until it ends, stop it, or choose another --output");
}

OutputLock::~OutputLock() { ::close(descriptor_); }

void call(const std::vector<std::string>& line, const fs::path& log) {
  std::vector<char*> arguments;
  for (const std::string& word : line) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.c_str(),
                                   O_WRONLY | O_CREAT | O_TRUNC, 0644);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  pid_t process = -1;
  const int error =
      posix_spawn(&process, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  require(error == 0, line[0], " cannot be started. Build it, or name its place with --programs");
  int status = 0;
  ::waitpid(process, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  fail(WIFSIGNALED(status) ? text("killed by signal ", WTERMSIG(status), ": ") : std::string(),
       last_line(log), " (", log.string(), ")");
}

void do_runs(const Plan& plan, std::int64_t jobs, const RunnerEvents& events) {
  std::vector<const PlannedRun*> left;
  for (const PlannedRun& run : plan.runs) {
    if (run.chosen && !is_finished(run)) left.push_back(&run);
  }
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> failed = false;
  std::mutex speaking;
  std::string failure;
  const auto work = [&] {
    for (std::size_t i = next++; i < left.size() && !failed; i = next++) {
      try {
        do_run(*left[i], [&](const std::string& stage) {
          const std::lock_guard lock(speaking);
          events.on_stage(*left[i], stage);
        });
      } catch (const std::exception& error) {
        const std::lock_guard lock(speaking);
        if (!failed) failure = text(left[i]->row, ", seed ", left[i]->seed, ": ", error.what());
        failed = true;
      }
    }
  };
  std::vector<std::thread> threads;
  for (std::int64_t i = 0; i < jobs; ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  if (failed) fail(failure);
}

}  // namespace saddle
