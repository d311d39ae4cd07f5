// Runner: does what is left of a plan, several runs at a time, each in processes of its own.
#pragma once

#include <functional>

#include "apps/reproduce/plan.h"
#include "core/directory_lock.h"

namespace saddle::reproduce {

// The right to write below a directory, which is created. The programs that are started under it
// hold it too: one that a killed saddle-reproduce leaves behind still writes.
class OutputLock {
 public:
  // Throws Error where another process holds it.
  explicit OutputLock(const std::filesystem::path& directory);

 private:
  DirectoryLock lock_;
};

struct RunnerEvents {
  // A run's stage begins, named as in the plan, or "done"; from one thread at a time.
  std::function<void(const PlannedRun& run, const std::string& stage)> on_stage;
};

// Does the chosen unfinished runs, `jobs` at once, or as many as the system has threads for. A run
// goes on where it was stopped; attacks that lie beside a training that has not ended are made
// anew. The first failure lets the runs beside it finish, begins no other and is then thrown, as
// call does, with the command's last words, which are in DIRECTORY/STAGE.log.
void do_runs(const Plan& plan, std::int64_t jobs, const RunnerEvents& events);

// Runs a command line with its output in `log`. Throws Error with its last words where it fails,
// and UsageError where it says that its command line is wrong: its flags are the user's. SIGCHLD
// must not be ignored, or its end cannot be known, which is an Error.
void call(const std::vector<std::string>& line, const std::filesystem::path& log);

}  // namespace saddle::reproduce
