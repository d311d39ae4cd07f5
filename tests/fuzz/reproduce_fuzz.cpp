// Fuzzes what saddle-reproduce reads: tables, presets, recorded commands, and the results of
// trainings and attacks. Any bytes give an Error or what was asked for.
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <functional>

#include "apps/reproduce/plan.h"
#include "apps/reproduce/results.h"
#include "core/error.h"
#include "core/file.h"

namespace {

namespace fs = std::filesystem;

// A directory in memory, for as long as the fuzzer runs.
const fs::path& directory() {
  static const fs::path path = [] {
    std::string name = "/dev/shm/saddle-fuzz-XXXXXX";
    if (!::mkdtemp(name.data())) std::abort();
    std::atexit([] { fs::remove_all(directory()); });
    return fs::path(name);
  }();
  return path;
}

void refusing(const std::function<void()>& read) {
  try {
    read();
  } catch (const saddle::Error&) {
    // refused
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fs::path& place = directory();
  const saddle::Bytes bytes(reinterpret_cast<const std::byte*>(data), size);
  for (const char* name : {"table9.json", "presets.json", "commands.json", "config.json",
                           "metrics.jsonl", "result.json", "result.csv"}) {
    std::FILE* file = std::fopen((place / name).c_str(), "wb");
    if (!file || std::fwrite(data, 1, size, file) != size) std::abort();
    std::fclose(file);
  }
  saddle::reproduce::PlanOptions options;
  options.tables = options.programs = options.output = place;
  saddle::reproduce::PlannedRun run;
  run.directory = place;
  run.stages = {{"train", {"saddle-train"}, place / "metrics.jsonl"}};

  refusing([&] { saddle::reproduce::load_table(place, 9); });
  refusing([&] { saddle::reproduce::make_plan(options, 9); });
  refusing([&] { saddle::reproduce::is_finished(run); });
  using saddle::reproduce::Task;
  for (const Task task : {Task::classification, Task::segmentation, Task::text}) {
    refusing([&] { saddle::reproduce::read_training(place, task); });
    refusing([&] { saddle::reproduce::read_attack(place / "result.json", task); });
    refusing([&] { saddle::reproduce::read_curve(place / "result.json", task); });
    refusing([&] {
      const bool pseudo_values = task != Task::classification;
      for (const double outcome : saddle::reproduce::read_outcomes(place / "result.csv", task)) {
        if (pseudo_values ? !std::isfinite(outcome) : outcome != 0 && outcome != 1) std::abort();
      }
    });
  }
  return 0;
}
