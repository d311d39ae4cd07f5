#include "apps/train/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <iostream>
#include <memory>

#include "apps/common/checkpoint.h"
#include "apps/common/class_names.h"
#include "apps/common/evaluate.h"
#include "apps/common/fingerprint.h"
#include "apps/common/progress.h"
#include "apps/train/batches.h"
#include "apps/train/run_config.h"
#include "apps/train/run_directory.h"
#include "apps/train/validation.h"

namespace saddle {
namespace {

using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr std::int64_t kTestBatch = 500;
// Steps the host may be ahead of the device: it then never waits for the host between two steps.
constexpr std::size_t kStepsAhead = 2;

// What an epoch adds up to.
struct EpochSums {
  double loss = 0, correct = 0;
  std::int64_t examples = 0;
};

ModelDescription describe(const TrainOptions& options, const Dataset& data) {
  ModelDescription description;
  description.network = {options.model, options.width, data.channels, data.height,
                         data.width,    data.classes,  options.patch};
  description.mean = data.mean;
  description.std = data.std;
  description.class_names = storable_names(data.class_names);
  return description;
}

// A model that the command line makes impossible is the command line's fault.
void check_network(const TrainOptions& options, const Dataset& data) {
  try {
    make_network(describe(options, data).network);
  } catch (const Error& error) {
    throw UsageError(error.what());
  }
}

// The padding of the crops mirrors the image, so it must be smaller than the image.
Augmentation checked_augmentation(const TrainOptions& options, const Dataset& data) {
  const std::int64_t padding = options.crop_padding.value_or(augmentation_of(options).padding);
  const std::int64_t side = std::min(data.height, data.width);
  if (!options.no_augment && padding >= side) {
    throw UsageError(
        text("--crop-padding ", padding, " is not below ", side, ", the images' smaller side"));
  }
  return augmentation_of(options);
}

bool goes_on(const TrainOptions& options) {
  return options.resume && RunDirectory::holds_state(options.output);
}

// Drawn from the seed, or taken from --init-from; what should be known of that is added to
// `remarks`. What a run goes on with is not looked at yet.
Classifier initial_model(const TrainOptions& options, Device& device, const Dataset& data,
                         std::vector<std::string>& remarks) {
  check_network(options, data);
  Classifier model(device, describe(options, data), static_cast<std::uint64_t>(options.common.seed),
                   precision_of(options.common));
  if (!options.init_from.empty() && !goes_on(options)) {
    remarks = load_initial_values(model, SafetensorsFile::load(options.init_from),
                                  options.new_head ? Head::fresh : Head::of_file, data.name);
  }
  return model;
}

LastBatch last_batch(const TrainOptions& options) {
  return options.drop_last ? LastBatch::dropped : LastBatch::kept;
}

std::vector<BatchRange> checked_batches(const TrainOptions& options, const Dataset& data) {
  const auto batches = batches_of(data.size(), options.batch_size, last_batch(options));
  if (batches.empty()) {
    throw UsageError(text("--drop-last leaves nothing of ", data.size(),
                          " training images in batches of ", options.batch_size));
  }
  return batches;
}

std::int64_t examples_of(const std::vector<BatchRange>& batches) {
  std::int64_t examples = 0;
  for (const BatchRange& batch : batches) examples += batch.count;
  return examples;
}

KeptState kept_at_first(const TrainOptions& options, const Classifier& model, const Dataset& data,
                        const std::vector<BatchRange>& batches) {
  KeptState kept;
  if (options.ema) {
    kept.averaged = std::make_unique<Classifier>(model);
    kept.averaged->weights = model.weights.clone();
    kept.averaged->statistics = model.statistics.clone();
  }
  if (options.adversarial == "free") {
    const std::int64_t most = std::ranges::max(batches, {}, &BatchRange::count).count;
    kept.delta =
        Tensor::filled(model.device(), {most, data.height, data.width, data.channels}, 0.f);
  }
  return kept;
}

// What a run works on.
struct RunData {
  const Dataset& train;
  const Dataset& test;
  const Dataset* validation;  // null: nothing is held out
  Json fingerprints;
};

Json fingerprints_of(const TrainOptions& options, const Dataset& train, const Dataset& test) {
  Json fingerprints = {{"train_data", fingerprint_of_data(train)},
                       {"test_data", fingerprint_of_data(test)}};
  // A run that goes on needs the file no more.
  if (!options.init_from.empty() &&
      (!goes_on(options) || std::filesystem::exists(options.init_from))) {
    fingerprints["init_from"] = fingerprint_of_file(options.init_from);
  }
  return fingerprints;
}

class Trainer {
 public:
  Trainer(const TrainOptions& options, Device& device, const RunData& data)
      : options_(options),
        augmentation_(checked_augmentation(options, data.train)),
        batches_(checked_batches(options, data.train)),
        model_(initial_model(options, device, data.train, warnings_)),
        kept_(kept_at_first(options, model_, data.train, batches_)),
        minimiser_(minimiser_of(options, device, model_.network.layout.weights)),
        train_(device, data.train),
        test_(device, data.test),
        directory_(options.output, mode(), config(device, data)) {
    if (data.validation) validation_.emplace(device, *data.validation);
    if (options.resume) position_ = directory_.restore(model_, minimiser_, kept_);
    step_.emplace(model_, minimiser_, train_, augmentation_, step_options_of(options),
                  static_cast<std::uint64_t>(options.common.seed), kept_);
  }

  TrainResult run() {
    TrainResult result;
    for (const std::string& warning : warnings_) print_warning("saddle-train", warning);
    const std::int64_t images_an_epoch = examples_of(batches_) * replays(options_);
    Progress progress("training", options_.epochs * images_an_epoch, "images",
                      options_.common.quiet ? Progress::Show::nothing : Progress::Show::line,
                      position_.epochs_done * images_an_epoch);
    for (std::int64_t epoch = position_.epochs_done; epoch < options_.epochs; ++epoch) {
      progress.set_label(text("epoch ", epoch + 1, '/', options_.epochs));
      const auto start = Clock::now();
      const double lr = learning_rate(schedule_named(options_.schedule), *options_.lr, epoch,
                                      options_.epochs, options_.warmup_epochs);
      const EpochSums sums = run_epoch(epoch, lr, progress);
      const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
      result.seconds += seconds;
      finish_epoch(epoch, lr, sums, seconds, progress);
    }
    if (!position_.metrics.empty())
      result.test_accuracy = position_.metrics.back().at("test_accuracy");
    result.best_accuracy = position_.best_accuracy;
    return result;
  }

 private:
  RunDirectory::Open mode() const {
    if (options_.resume) return RunDirectory::Open::resume;
    return options_.overwrite ? RunDirectory::Open::overwrite : RunDirectory::Open::fresh;
  }

  RunConfig config(Device& device, const RunData& data) {
    if (joins_last_example(data.train.size(), options_.batch_size, last_batch(options_))) {
      warnings_.push_back(text("the last image of each epoch, a batch by itself (",
                               data.train.size(), " images in batches of ", options_.batch_size,
                               "), joins the batch before it. --drop-last leaves it out"));
    }
    std::vector<std::string> all = data.train.warnings;
    all.insert(all.end(), data.test.warnings.begin(), data.test.warnings.end());
    all.insert(all.end(), warnings_.begin(), warnings_.end());
    return {to_json(options_), data.fingerprints, environment(device), all};
  }

  static Json environment(Device& device) {
    return {{"version", SADDLE_VERSION},
            {"device", device.name()},
            {"backends", backends()},
            {"threads", threads()}};
  }

  EpochSums run_epoch(std::int64_t epoch, double lr, Progress& progress) {
    std::vector<std::int32_t> order =
        epoch_order(train_.size(), static_cast<std::uint64_t>(options_.common.seed),
                    static_cast<std::uint32_t>(epoch));
    if (options_.no_shuffle) std::sort(order.begin(), order.end());
    step_->begin_epoch(order, static_cast<std::uint32_t>(epoch));
    EpochSums sums;
    std::deque<Step> ahead;
    for (const auto [first, count] : batches_) {
      for (std::int64_t replay = 0; replay < replays(options_); ++replay) {
        const auto number = static_cast<std::uint32_t>(position_.steps_done++);
        ahead.push_back({first, count, (*step_)(first, count, lr, number)});
        if (ahead.size() > kStepsAhead) add_oldest(ahead, epoch, sums, progress);
      }
    }
    while (!ahead.empty()) add_oldest(ahead, epoch, sums, progress);
    return sums;
  }

  // A step that the device may still be at work on.
  struct Step {
    std::int64_t first, count;
    PendingSums sums;
  };

  void add_oldest(std::deque<Step>& ahead, std::int64_t epoch, EpochSums& sums,
                  Progress& progress) const {
    Step step = std::move(ahead.front());
    ahead.pop_front();
    const BatchSums batch = step.sums.wait();
    if (!std::isfinite(batch.loss)) {
      fail("training diverged: the loss is ", batch.loss, " in epoch ", epoch + 1, ", step ",
           step.first / options_.batch_size + 1, ". ", diverged_mend(epoch));
    }
    sums.loss += batch.loss * static_cast<double>(step.count);
    sums.correct += batch.correct;
    sums.examples += step.count;
    const auto seen = static_cast<double>(sums.examples);
    progress.advance(step.count, {sums.loss / seen, 100 * sums.correct / seen});
  }

  const Classifier& tested() const { return kept_.averaged ? *kept_.averaged : model_; }

  // The last step of an epoch may have spoilt the weights although its loss, taken before, was
  // finite.
  Evaluation evaluate_after(std::int64_t epoch) const {
    try {
      return evaluate(tested().evaluation(), test_, kTestBatch);
    } catch (const Error& error) {
      if (is_out_of_memory(error)) throw;
      fail("training diverged: in epoch ", epoch + 1, ", after step ", batches_.size(), ", ",
           error.what(), ". ", diverged_mend(epoch));
    }
  }

  std::string diverged_mend(std::int64_t epoch) const {
    return text("Lower --lr", options_.sharpness.rho ? " or --rho" : "", "; ", options_.output,
                " keeps the ", epoch, " epochs before");
  }

  void finish_epoch(std::int64_t epoch, double lr, const EpochSums& sums, double seconds,
                    Progress& progress) {
    const Evaluation test = evaluate_after(epoch);
    const auto examples = static_cast<double>(sums.examples);
    position_.epochs_done = epoch + 1;
    position_.metrics.push_back({{"epoch", epoch + 1},
                                 {"lr", lr},
                                 {"train_loss", sums.loss / examples},
                                 {"train_accuracy", 100 * sums.correct / examples},
                                 {"test_loss", test.loss},
                                 {"test_accuracy", test.accuracy},
                                 {"seconds", seconds},
                                 {"images_per_second", examples / seconds}});
    const double accuracy = validation_ ? validated(position_.metrics.back()) : test.accuracy;
    const bool is_best = accuracy > position_.best_accuracy;
    if (is_best) position_.best_accuracy = accuracy;
    directory_.save(model_, minimiser_, kept_, position_, is_best);
    if (!options_.common.quiet) {
      char line[200];
      std::snprintf(line, sizeof line,
                    "epoch %3lld  lr %-8.4g train loss %.4f, accuracy %5.2f %%   test loss %.4f, "
                    "accuracy %5.2f %%   "
                    "%.0f images/s",
                    static_cast<long long>(epoch + 1), lr, sums.loss / examples,
                    100 * sums.correct / examples, test.loss, test.accuracy, examples / seconds);
      progress.print(line + validation_text(position_.metrics.back()));
    }
  }

  static std::string validation_text(const Json& metrics) {
    std::string words;
    for (const auto& [key, title] : {std::pair{"validation_accuracy", "validation"},
                                     std::pair{"validation_robust_accuracy", "robust"}}) {
      char line[64];
      if (!metrics.contains(key)) continue;
      std::snprintf(line, sizeof line, "   %s %5.2f %%", title, metrics.at(key).get<double>());
      words += line;
    }
    return words;
  }

  // Adds what the held-out images say to an epoch's metrics; returns what the best is chosen by.
  double validated(Json& metrics) const {
    const ValidationAccuracy accuracy = validate(tested(), *validation_, selecting_attack(options_),
                                                 static_cast<std::uint64_t>(options_.common.seed));
    metrics["validation_accuracy"] = accuracy.clean;
    if (accuracy.robust) metrics["validation_robust_accuracy"] = *accuracy.robust;
    return accuracy.robust.value_or(accuracy.clean);
  }

  TrainOptions options_;
  std::vector<std::string> warnings_;
  Augmentation augmentation_;
  std::vector<BatchRange> batches_;
  Classifier model_;
  KeptState kept_;
  Minimiser minimiser_;
  DeviceDataset train_, test_;
  std::optional<DeviceDataset> validation_;
  RunDirectory
      directory_;  // last: whatever can be wrong with the options is told before files change
  RunPosition position_;
  std::optional<TrainingStep> step_;  // from the weights that the run begins or goes on with
};

TrainResult train_on(const TrainOptions& given, Device& device, const Dataset& train,
                     const Dataset& test) {
  const TrainOptions options = with_validation(given, train.size());
  std::optional<HeldOut> parts;
  if (options.validation) {
    parts = hold_out(train, *options.validation, static_cast<std::uint64_t>(options.common.seed));
  }
  return Trainer(options, device,
                 {parts ? parts->train : train, test, parts ? &parts->validation : nullptr,
                  fingerprints_of(options, train, test)})
      .run();
}

}  // namespace

TrainResult train(const TrainOptions& options) {
  Device& device = open_device(options.common);
  const Dataset train_data = load_dataset(options.dataset, Split::train);
  const Dataset test_data = load_dataset(options.dataset, Split::test);
  require(train_data.height == test_data.height && train_data.width == test_data.width,
          train_data.name,
          ": the splits differ in their images' size. --image-size N makes all NxN");
  return train_on(options, device, train_data, test_data);
}

TrainResult train(const TrainOptions& options, const Dataset& train_data,
                  const Dataset& test_data) {
  return train_on(options, open_device(options.common), train_data, test_data);
}

}  // namespace saddle
