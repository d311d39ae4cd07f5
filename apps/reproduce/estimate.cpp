#include "apps/reproduce/estimate.h"

#include <algorithm>
#include <numeric>

#include "apps/reproduce/results.h"
#include "apps/reproduce/runner.h"

namespace saddle::reproduce {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

// A scene of pixels costs as much as tens of small images, a text as several.
std::int64_t trial_examples(Task task) {
  if (task == Task::text) return 128;
  return task == Task::segmentation ? 64 : 512;
}
// A few examples are enough for a CPU; a GPU takes hardly longer for a batch of them.
constexpr std::int64_t kAttackedOnCpu = 4, kAttackedOnGpu = 128;

void set_value(Words& line, const std::string& flag, const std::string& value) {
  const auto found = std::find(line.begin(), line.end(), flag);
  if (found != line.end()) {
    *(found + 1) = value;
  } else {
    line.insert(line.end(), {flag, value});
  }
}

// The command line with another directory in the run's place.
Words moved(Words line, const fs::path& from, const fs::path& to) {
  for (std::string& word : line) {
    if (word.starts_with(from.string())) word.replace(0, from.string().size(), to.string());
  }
  return line;
}

constexpr std::int64_t kBatch = 16;  // of saddle-segment train, where the flags do not say it

std::int64_t batch_of(const Words& line) {
  const std::string batch = value_of(line, "--batch-size");
  return batch.empty() ? kBatch : std::stoll(batch);
}

std::int64_t limited(const Words& line, const std::string& flag, std::int64_t examples) {
  const std::string limit = value_of(line, flag);
  return limit.empty() ? examples : std::min<std::int64_t>(examples, std::stoll(limit));
}

}  // namespace

Estimate::Estimate(const Plan& plan, std::int64_t training_examples, std::int64_t test_examples)
    : training_examples_(training_examples),
      test_examples_(test_examples),
      place_(plan.directory / "measurement") {
  fs::remove_all(place_);  // of a process that was killed
  // The mean times of the attacks that have finished.
  std::map<std::string, std::vector<double>> finished;
  for (const PlannedRun& run : plan.runs) {
    for (const Stage& stage : run.stages) {
      if (stage.name == "train" || !is_done(run, stage)) continue;
      finished[run.model + stage.name].push_back(read_attack(stage.result, run.task).seconds);
    }
  }
  for (const auto& [what, seconds] : finished) {
    seconds_[what] =
        std::accumulate(seconds.begin(), seconds.end(), 0.) / static_cast<double>(seconds.size());
  }
}

Estimate::~Estimate() {
  std::error_code ignored;
  fs::remove_all(place_, ignored);
}

Estimate::Left Estimate::left_of(const PlannedRun& run) {
  Left left;
  for (const Stage& stage : run.stages) {
    if (stage.name == "train") {
      left.training = training_seconds(run);
    } else if (!is_done(run, stage)) {
      left.attacks += attack_seconds(run, stage);
    }
  }
  return left;
}

double Estimate::training_seconds(const PlannedRun& run) {
  const double left = 1 - trained_part(run);
  if (left <= 0) return 0;
  if (!seconds_.contains(run.row)) train_shortly(run);
  return left * seconds_.at(run.row) *
         static_cast<double>(examples_of_training(run, training_examples_));
}

double Estimate::attack_seconds(const PlannedRun& run, const Stage& stage) {
  const std::string what = run.model + stage.name;
  if (const auto found = seconds_.find(what); found != seconds_.end()) return found->second;
  fs::path network = run.directory;
  if (trained_part(run) < 1) {
    if (!trained_.contains(run.model)) train_shortly(run);
    network = trained_.at(run.model);
  }
  const std::string device = read_training(network, run.task).environment.device;
  const bool gpu = device.starts_with("cuda") && !device.ends_with("emulated");
  const std::int64_t examples = examples_of_attack(stage, test_examples_);
  fs::create_directories(place_);
  Words line = moved(stage.command, run.directory, place_);
  set_value(line, "--checkpoint", (network / "last.safetensors").string());
  AttackResult trial;
  // What the network gets wrong is not attacked: more examples, until some are.
  for (std::int64_t some = gpu ? kAttackedOnGpu : kAttackedOnCpu; trial.attacked < kAttackedOnCpu;
       some *= 4) {
    set_value(line, "--test-limit", std::to_string(std::min(examples, some)));
    call(line, place_ / "log");
    trial = read_attack(place_ / stage.result.filename(), run.task);
    if (some >= examples) break;
  }
  return seconds_[what] = trial.seconds * static_cast<double>(examples) /
                          static_cast<double>(std::max<std::int64_t>(1, trial.attacked));
}

void Estimate::train_shortly(const PlannedRun& run) {
  const fs::path directory = place_ / run.directory.filename();
  fs::create_directories(place_);
  Words line = moved(run.stages.front().command, run.directory, directory);
  const std::int64_t examples =
      limited(line, "--train-limit", std::min(trial_examples(run.task), training_examples_));
  set_value(line, "--train-limit", std::to_string(examples));
  if (length_of(run).iterations > 0) {
    set_value(line, "--iterations",
              std::to_string(std::max<std::int64_t>(1, examples / batch_of(line))));
    // SAM that would begin after the trial's end begins at once.
    if (value_of(line, "--optimizer") == "sam") set_value(line, "--sam-start-iteration", "0");
  } else {
    set_value(line, "--epochs", "1");
  }
  set_value(line, "--test-limit", "1");
  call(line, place_ / "log");
  seconds_[run.row] = read_training(directory, run.task).seconds / static_cast<double>(examples);
  trained_[run.model] = directory;
}

std::int64_t examples_of_training(const PlannedRun& run, std::int64_t training_examples) {
  const Words& line = run.stages.front().command;
  const TrainingLength length = length_of(run);
  if (length.iterations > 0) return length.iterations * batch_of(line);
  return limited(line, "--train-limit", training_examples) * length.epochs;
}

std::int64_t examples_of_attack(const Stage& stage, std::int64_t test_examples) {
  return limited(stage.command, "--test-limit", test_examples);
}

}  // namespace saddle::reproduce
