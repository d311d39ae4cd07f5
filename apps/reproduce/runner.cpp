#include "apps/reproduce/runner.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>

#include "core/error.h"
#include "core/file.h"

extern char** environ;

namespace saddle::reproduce {
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
  // What was attacked then is not the network that the training will end with.
  if (!is_done(run, run.stages.front())) forget_attacks(run);
  for (const Stage& stage : run.stages) {
    // The training is always asked: it returns at once where it has ended.
    if (stage.name != "train" && is_done(run, stage)) continue;
    begins(stage.name);
    begin_stage(run, stage);
    const fs::path log = run.directory / (stage.name + ".log");
    call(stage.command, log);
    require(is_done(run, stage), stage.name, " ended without an error, but ", stage.result.string(),
            " is not complete (", log.string(), "). Run again");
  }
  begins("done");
}

// A process's exit status, as waitpid gives it.
int wait_for(pid_t process, const std::string& program) {
  int status = 0;
  pid_t ended = -1;
  do {
    ended = ::waitpid(process, &status, 0);
  } while (ended < 0 && errno == EINTR);
  require(ended == process, "how ", program,
          " ended cannot be known: ", std::generic_category().message(errno));
  return status;
}

}  // namespace

OutputLock::OutputLock(const fs::path& directory)
    : lock_((fs::create_directories(directory), directory),
            "is being written to by another saddle-reproduce, or by a training or an attack that "
            "one left behind. Wait until it ends, stop it, or choose another --output",
            Inherited::yes) {}

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
  require(error == 0, line[0], " cannot be started: ", std::generic_category().message(error),
          ". Build it, or name its place with --programs");
  const int status = wait_for(process, line[0]);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  const std::string killed =
      WIFSIGNALED(status) ? text("killed by signal ", WTERMSIG(status), ": ") : std::string();
  const std::string what = text(killed, last_line(log), " (", log.string(), ")");
  if (WIFEXITED(status) && WEXITSTATUS(status) == 2) throw UsageError(what);
  fail(what);
}

void do_runs(const Plan& plan, std::int64_t jobs, const RunnerEvents& events) {
  std::vector<const PlannedRun*> left;
  for (const PlannedRun& run : plan.runs) {
    if (run.chosen && !is_finished(run)) left.push_back(&run);
  }
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> failed = false;
  std::mutex speaking;
  std::exception_ptr failure;
  const auto work = [&] {
    for (std::size_t i = next++; i < left.size() && !failed; i = next++) {
      try {
        do_run(*left[i], [&](const std::string& stage) {
          const std::lock_guard lock(speaking);
          events.on_stage(*left[i], stage);
        });
      } catch (const std::exception& error) {
        const std::lock_guard lock(speaking);
        const std::string what = text(left[i]->row, ", seed ", left[i]->seed, ": ", error.what());
        const bool usage = dynamic_cast<const UsageError*>(&error) != nullptr;
        if (!failed) {
          failure = usage ? std::make_exception_ptr(UsageError(what))
                          : std::make_exception_ptr(Error(what));
        }
        failed = true;
      }
    }
  };
  const std::int64_t useful = std::min(jobs, static_cast<std::int64_t>(left.size()));
  std::vector<std::thread> threads;  // beside this one
  try {
    while (static_cast<std::int64_t>(threads.size()) + 1 < useful) threads.emplace_back(work);
  } catch (const std::system_error&) {
    // The system has no more: what there is does all the runs, a few at a time.
  }
  work();
  for (std::thread& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace saddle::reproduce
