#include "apps/reproduce/runner.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>

#include "core/error.h"
#include "core/file.h"
#include "core/process.h"

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

}  // namespace

OutputLock::OutputLock(const fs::path& directory)
    : lock_((fs::create_directories(directory), directory),
            "is being written to by another saddle-reproduce, or by a training or an attack that "
            "one left behind. Wait until it ends, stop it, or choose another --output",
            Inherited::yes) {}

void call(const std::vector<std::string>& line, const fs::path& log) {
  const ProcessEnd end = run_process(line, log);
  if (end.well()) return;
  const std::string killed = end.signal != 0 ? text("killed by signal ", end.signal, ": ") : "";
  const std::string what = text(killed, last_line(log), " (", log.string(), ")");
  if (end.exit_code == 2) throw UsageError(what);
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
