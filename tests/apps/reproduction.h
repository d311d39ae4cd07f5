// What the tests of saddle-reproduce share. Shell scripts stand for saddle-train and saddle-attack;
// they write files in the format of these.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "apps/reproduce/plan.h"
#include "apps/reproduce/runner.h"
#include "tests/apps/data_files.h"
#include "tests/support/expect_near.h"
#include "tests/support/source_directory.h"

namespace saddle::reproduce {

namespace fs = std::filesystem;

inline const fs::path kTables = source_directory() / "apps/reproduce/tables";

inline PlanOptions options_in(const fs::path& output, const std::string& preset = "short") {
  PlanOptions options;
  options.preset = preset;
  options.tables = kTables;
  options.programs = output / "programs";
  options.output = output / "runs";
  return options;
}

inline bool has(const std::vector<std::string>& line, const std::vector<std::string>& part) {
  return std::search(line.begin(), line.end(), part.begin(), part.end()) != line.end();
}

inline const std::vector<std::string>& command_of(const PlannedRun& run, const std::string& stage) {
  return std::ranges::find(run.stages, stage, &Stage::name)->command;
}

inline std::string written(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline constexpr const char* kAutoattack = "autoattack-norm-l2-eps-32-255";

// Scripts in the place of the programs: they note that they were called, and the rho that they were
// called with decides what they write.
class Reproduction : public testing::Test {
 protected:
  Reproduction() {
    fs::create_directories(options.programs);
    script("saddle-train", R"(
echo train >> "$calls"
[ -e "$fail" ] && { echo "saddle-train: error: told to fail" >&2; exit 1; }
mkdir -p "$output"
for ((epoch = 0; epoch < epochs; ++epoch)); do
  echo '{"test_accuracy": 91.5, "seconds": 2}'
done > "$output/metrics.jsonl"
echo '{"environment": {"version": "v", "device": "cpu", "threads": 1}}' > "$output/config.json"
)");
    write_attack(90, 40);
    options.seeds = 2;
    options.only = "SAM 0.1";
  }
  void script(const std::string& name, const std::string& work) {
    const fs::path path = options.programs / name;
    std::ofstream(path) << "#!/bin/bash\ncalls=" << calls.string()
                        << "\nfail=" << (directory.path() / "fail").string() << R"(
while [ $# -gt 0 ]; do case $1 in
  --output) output=$2;; --json) json=$2;; --epochs) epochs=$2;; --test-limit) limit=$2;;
  --checkpoint) checkpoint=$2;; --save-images) images=$2;;
  esac; shift; done
)" << work;
    fs::permissions(path, fs::perms::owner_all);
  }
  // Attacks that find `clean` of 100 images right and leave `robust`, the first ones, a network of
  // plain training ten less. They take a second for each image that was right: half of those given.
  void write_attack(int clean, int robust, const std::string& warnings = "[]") {
    const auto file = [&](int left) {
      std::ofstream csv(directory.path() / (std::to_string(left) + ".csv"));
      csv << "checkpoint,attack,example,attacked,broken,broken_by,linf\n";
      for (int i = 0; i < 100; ++i) {
        csv << "\"a,b\",\"pgd:eps=1,steps=2\"," << i << ",1," << (i < left ? "0,,0" : "1,fgsm,0.5")
            << '\n';
      }
    };
    file(robust);
    file(robust - 10);
    std::ostringstream work;
    work << "robust=" << robust << "; clean=" << clean << "; folder=" << directory.path().string()
         << R"(
echo attack >> "$calls"
[[ "$checkpoint" == *sgd* ]] && robust=$((robust - 10))
echo '{"examples": 100, "clean_accuracy": '$clean', "device": "cpu", "finished": true,
  "attacks": [{"robust_accuracy": '$robust', "attacked": '$((limit / 2))',
    "seconds": '$((limit / 2))', "warnings": []}], "warnings": )"
         << warnings << R"(,
  "eps_curves": [{"eps": [0.1], "robust_accuracy": [20]}]}' > "$json"
cp "$folder/$robust.csv" "${json%json}csv"
if [ "$images" ]; then echo picture > "$images"; fi
)";
    script("saddle-attack", work.str());
  }
  Plan plan(int table = 5) const { return make_plan(options, table); }
  std::vector<std::string> run() const {
    std::vector<std::string> stages;
    do_runs(plan(), 1,
            {[&](const PlannedRun&, const std::string& stage) { stages.push_back(stage); }});
    return stages;
  }
  std::string called() const { return written(calls); }

  // The same in a process of its own, with `before` done first; its exit status as waitpid gives
  // it.
  int run_apart(
      const std::function<void()>& before = [] {}, std::int64_t jobs = 1) const {
    const pid_t process = ::fork();
    if (process == 0) {
      try {
        before();
        do_runs(plan(), jobs, {[](const PlannedRun&, const std::string&) {}});
      } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        ::_exit(1);
      }
      ::_exit(0);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(process, &status, 0), process);
    return status;
  }
  void shorten_training(const PlannedRun& run) const {
    std::ofstream(run.directory / "metrics.jsonl")
        << "{\"test_accuracy\": 50, \"seconds\": 1}\n{\"test_accuracy\": 60, \"seconds\": 1}\n";
  }

  const TemporaryDirectory directory;
  const fs::path calls = directory.path() / "calls";
  PlanOptions options = options_in(directory.path());
};

}  // namespace saddle::reproduce
