#include "apps/training/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <nlohmann/json.hpp>

#include "apps/common/command_line.h"
#include "apps/common/progress.h"
#include "apps/training/run_config.h"
#include "core/format.h"

namespace saddle {
namespace {

using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

// Steps the host may be ahead of the device: it then never waits for the host between two steps.
constexpr std::size_t kStepsAhead = 2;

// What the epochs since the last score add up to.
struct EpochSums {
  double loss = 0, right = 0, counted = 0;
  std::int64_t examples = 0;
  double seconds = 0;
  double lr = 0;  // of the last step

  double mean_loss() const { return loss / static_cast<double>(examples); }
  double accuracy() const { return 100 * right / counted; }
};

// "pixel accuracy" as a key, "pixel_accuracy".
std::string words_joined(std::string words) {
  std::ranges::replace(words, ' ', '_');
  return words;
}

std::int64_t examples_of(const std::vector<BatchRange>& batches) {
  std::int64_t examples = 0;
  for (const BatchRange& batch : batches) examples += batch.count;
  return examples;
}

class Trainer {
 public:
  Trainer(const TrainerOptions& options, const Task& task, Model& model, Minimiser& minimiser,
          const RunConfig& config)
      : options_(options),
        task_(task),
        model_(model),
        minimiser_(minimiser),
        batches_(batches_of(task.examples, options.batch_size, options.last_batch)),
        directory_(options.output, options.mode, config) {
    if (options.ema) averaged_.emplace(model, static_cast<float>(*options.ema));
    if (options.mode == RunDirectory::Open::resume) position_ = directory_.restore(saved_parts());
    step_.emplace(model_, minimiser_, task_, options.step, averaged_ ? &*averaged_ : nullptr);
  }

  TrainResult run() {
    TrainResult result;
    const std::int64_t an_epoch = examples_of(batches_) * options_.replays;
    Progress progress("training", examples_until(options_.epochs), task_.unit,
                      options_.quiet ? Progress::Show::nothing : Progress::Show::line,
                      position_.epochs_done * an_epoch);
    EpochSums sums;
    for (std::int64_t epoch = position_.epochs_done; epoch < options_.epochs; ++epoch) {
      progress.set_label(text("epoch ", epoch + 1, '/', options_.epochs));
      const auto start = Clock::now();
      run_epoch(epoch, sums, progress);
      const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
      sums.seconds += seconds;
      result.seconds += seconds;
      const std::int64_t done = epoch + 1;
      if (done % options_.score_every != 0 && done != options_.epochs) continue;
      finish_epoch(epoch, sums, progress);
      sums = {};
    }
    if (!position_.metrics.empty()) {
      for (const auto& [key, value] : position_.metrics.back().items()) {
        result.scores.push_back({key, value});
      }
    }
    result.best = position_.best_score;
    return result;
  }

 private:
  // A step that the device may still be at work on.
  struct Step {
    std::int64_t first, count;
    PendingSums sums;
  };

  SavedParts saved_parts() {
    return {model_, minimiser_, averaged_ ? &averaged_->model : nullptr, task_.kept};
  }
  const Model& tested() const { return averaged_ ? averaged_->model : model_; }

  // Of the first `epochs`, as far as options_.steps lets them go.
  std::int64_t examples_until(std::int64_t epochs) const {
    const std::int64_t a_batch = options_.replays * std::ssize(batches_);
    const std::int64_t steps = epochs * a_batch;
    if (!options_.steps || *options_.steps >= steps) {
      return epochs * examples_of(batches_) * options_.replays;
    }
    const std::int64_t rest = *options_.steps % a_batch / options_.replays;
    return *options_.steps / a_batch * examples_of(batches_) * options_.replays +
           examples_of({batches_.begin(), batches_.begin() + rest}) * options_.replays;
  }

  void run_epoch(std::int64_t epoch, EpochSums& sums, Progress& progress) {
    const auto number_of_epoch = static_cast<std::uint32_t>(epoch);
    std::vector<std::int32_t> order =
        epoch_order(task_.examples, options_.step.seed, number_of_epoch);
    if (!options_.shuffle) std::sort(order.begin(), order.end());
    step_->begin_epoch(order, number_of_epoch);
    std::deque<Step> ahead;
    for (const auto [first, count] : batches_) {
      for (std::int64_t replay = 0; replay < options_.replays; ++replay) {
        if (position_.steps_done == options_.steps) break;
        sums.lr = options_.learning_rate({epoch, position_.steps_done});
        const auto number = static_cast<std::uint32_t>(position_.steps_done++);
        ahead.push_back({first, count, (*step_)(first, count, sums.lr, number)});
        if (ahead.size() > kStepsAhead) add_oldest(ahead, epoch, sums, progress);
      }
    }
    while (!ahead.empty()) add_oldest(ahead, epoch, sums, progress);
  }

  void add_oldest(std::deque<Step>& ahead, std::int64_t epoch, EpochSums& sums,
                  Progress& progress) const {
    Step step = std::move(ahead.front());
    ahead.pop_front();
    const BatchSums batch = step.sums.wait();
    if (!std::isfinite(batch.loss)) {
      fail("training diverged: the loss is ", batch.loss, " in epoch ", epoch + 1, ", step ",
           step.first / options_.batch_size + 1, ". ", diverged_mend());
    }
    sums.loss += batch.loss * static_cast<double>(step.count);
    sums.right += batch.right;
    sums.counted += batch.counted;
    sums.examples += step.count;
    progress.advance(step.count, {sums.mean_loss(), sums.accuracy()});
  }

  // The last step of an epoch may have spoilt the weights although its loss, taken before, was
  // finite.
  Scores scores_after(std::int64_t epoch) const {
    try {
      return task_.scores(tested());
    } catch (const Error& error) {
      if (is_out_of_memory(error)) throw;
      fail("training diverged: in epoch ", epoch + 1, ", after step ", batches_.size(), ", ",
           error.what(), ". ", diverged_mend());
    }
  }

  std::string diverged_mend() const {
    return text(options_.against_divergence, "; ", options_.output.string(), " keeps the ",
                position_.epochs_done, " epochs before");
  }

  void finish_epoch(std::int64_t epoch, const EpochSums& sums, Progress& progress) {
    const Scores scores = scores_after(epoch);
    require(!scores.values.empty(), "training: the task has no score to choose the best epoch by");
    const double rate = static_cast<double>(sums.examples) / sums.seconds;
    position_.epochs_done = epoch + 1;
    Json metrics = {{"epoch", epoch + 1},
                    {"iteration", position_.steps_done},
                    {"lr", sums.lr},
                    {"train_loss", sums.mean_loss()},
                    {"train_" + words_joined(task_.accuracy), sums.accuracy()},
                    {"seconds", sums.seconds},
                    {task_.unit + "_per_second", rate}};
    for (const auto& [key, value] : scores.values) metrics[key] = value;
    position_.metrics.push_back(metrics);
    const double chosen_by = scores.values.front().second;
    const bool is_best = chosen_by > position_.best_score;
    if (is_best) position_.best_score = chosen_by;
    directory_.save(saved_parts(), position_, is_best);
    if (options_.quiet) return;
    progress.print(formatted("epoch %3lld  lr %-8.4g train loss %.4f, %s %5.2f %%   %s   %.0f %s/s",
                             static_cast<long long>(epoch + 1), sums.lr, sums.mean_loss(),
                             task_.accuracy.c_str(), sums.accuracy(), scores.line.c_str(), rate,
                             task_.unit.c_str()));
  }

  const TrainerOptions& options_;
  const Task& task_;
  Model& model_;
  Minimiser& minimiser_;
  std::vector<BatchRange> batches_;
  std::optional<AveragedModel> averaged_;
  RunDirectory directory_;
  RunPosition position_;
  std::optional<TrainingStep> step_;  // from the weights that the run begins or goes on with
};

}  // namespace

double TrainResult::score(const std::string& key) const {
  for (const auto& [name, value] : scores) {
    if (name == key) return value;
  }
  fail("training: no score is called ", key);
}

TrainResult run_training(const TrainerOptions& options, const Task& task, Model& model,
                         Minimiser& minimiser, const RunConfig& config,
                         const std::vector<std::string>& remarks) {
  Trainer trainer(options, task, model, minimiser, config);
  for (const std::string& remark : remarks) print_warning(config.program, remark);
  return trainer.run();
}

}  // namespace saddle
