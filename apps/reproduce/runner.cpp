#include "apps/reproduce/runner.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "core/error.h"
#include "core/file.h"

extern char** environ;

namespace saddle {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

constexpr std::int64_t kMostLog = std::int64_t{1} << 26;

std::string contents(const fs::path& path) {
  const std::vector<std::byte> bytes = read_file(path, kMostLog);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string last_line(const fs::path& log) {
  std::string text = contents(log);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.substr(text.find_last_of('\n') + 1);
}

// Runs a command line with its output in `log`; throws Error where it fails.
void call(const Words& line, const fs::path& log) {
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

// The value behind a flag; empty where it is not there.
std::string value_of(const Words& line, const std::string& flag) {
  const auto found = std::find(line.begin(), line.end(), flag);
  return found == line.end() || found + 1 == line.end() ? "" : *(found + 1);
}

void set_value(Words& line, const std::string& flag, const std::string& value) {
  const auto found = std::find(line.begin(), line.end(), flag);
  if (found != line.end()) {
    *(found + 1) = value;
  } else {
    line.insert(line.end(), {flag, value});
  }
}

void do_run(const PlannedRun& run, const RunnerEvents& events, std::mutex& speaking) {
  fs::create_directories(run.directory);
  write_file_atomically(run.directory / "commands.json",
                        std::string_view(commands_of(run).dump(1) + "\n"));
  const auto stage = [&](const char* name, const Words& line) {
    {
      const std::lock_guard lock(speaking);
      events.on_stage(run, name);
    }
    if (!line.empty()) call(line, run.directory / (std::string(name) + ".log"));
  };
  stage("train", run.train);  // --resume: at once where it is done
  if (!fs::exists(run.directory / "attacks.json")) stage("attack", run.attack);
  if (!fs::exists(run.directory / "curve.json")) stage("curve", run.curve);
  stage("done", {});
}

}  // namespace

void do_runs(const Plan& plan, std::int64_t jobs, const RunnerEvents& events) {
  std::vector<const PlannedRun*> left;
  for (const PlannedRun& run : plan.runs) {
    if (!is_finished(run)) left.push_back(&run);
  }
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> failed = false;
  std::mutex speaking;
  std::string failure;
  const auto work = [&] {
    for (std::size_t i = next++; i < left.size() && !failed; i = next++) {
      try {
        do_run(*left[i], events, speaking);
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

double measure_training_seconds_an_image(const PlannedRun& run) {
  const fs::path place = run.directory.parent_path() / "measurement";
  fs::create_directories(place);
  Words line = run.train;
  set_value(line, "--train-limit", "512");
  set_value(line, "--epochs", "1");
  set_value(line, "--test-limit", "1");
  set_value(line, "--output", (place / "run").string());
  try {
    call(line, place / "log");
    const auto metrics = nlohmann::json::parse(contents(place / "run" / "metrics.jsonl"));
    fs::remove_all(place);
    return metrics.at("seconds").get<double>() / 512;
  } catch (const std::exception&) {
    fs::remove_all(place);
    throw;
  }
}

std::int64_t images_of_training(const PlannedRun& run, std::int64_t dataset_size) {
  const std::string limit = value_of(run.train, "--train-limit"),
                    epochs = value_of(run.train, "--epochs");
  const std::int64_t images =
      limit.empty() ? dataset_size : std::min<std::int64_t>(dataset_size, std::stoll(limit));
  return images * (epochs.empty() ? 100 : std::stoll(epochs));
}

}  // namespace saddle
