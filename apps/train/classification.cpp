#include "apps/train/classification.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/common/checkpoint.h"
#include "apps/common/class_names.h"
#include "apps/common/evaluate.h"
#include "apps/common/fingerprint.h"
#include "apps/train/mixing.h"
#include "apps/train/validation.h"
#include "apps/training/run_config.h"
#include "attacks/free_training.h"
#include "attacks/rows.h"
#include "core/format.h"

namespace saddle {
namespace {

using Json = nlohmann::json;

constexpr std::int64_t kTestBatch = 500;

// PGD within the ball; of TRADES on the divergence from the natural answers.
Climb pgd_climb(const ClassificationOptions& options) {
  check(*options.adversarial);
  Climb climb;
  climb.batch_norm = options.attack_batch_norm;
  climb.before = [options](const LogitsFunction& f, const Batch& batch, const Tensor& step,
                           std::int64_t) {
    const PgdOptions& attack = *options.adversarial;
    if (!options.trades_beta) return pgd(f, batch, attack, options.seed, step);
    const Tensor natural = logits_of(f, batch.inputs);
    return pgd(f, divergence_from(natural), batch, attack, options.seed, step);
  };
  return climb;
}

Climb free_climb(const std::shared_ptr<FreePerturbation>& kept) {
  Climb climb;
  climb.before = [kept](const LogitsFunction&, const Batch& batch, const Tensor&,
                        std::int64_t first) { return kept->apply(batch.inputs, first); };
  climb.along = [kept](const Batch& batch, const Tensor& dx, std::int64_t first) {
    kept->step(batch.inputs, dx, first);
  };
  return climb;
}

void add_mixing(Task& task, const DeviceDataset& data, const ClassificationOptions& options) {
  const auto mix = std::make_shared<DeviceMix>(data.device());
  const Shape image = data.image_shape();
  task.mix = [mix](Batch& batch) { mix->mix(batch); };
  task.prepare = [mix, image, options](const Upcoming& upcoming) {
    mix->set(
        draw_mix(options.mixup, options.cutmix, image[0], image[1], options.seed, upcoming.step));
    return 0;
  };
}

}  // namespace

Task classification_task(const DeviceDataset& data, const ClassificationOptions& options,
                         std::int64_t largest_batch) {
  Task task;
  task.unit = "images";
  task.examples = data.size();
  task.batch = [&data, options](const Tensor& indices, const Tensor& epoch) {
    return data.batch(indices, options.augmentation, options.seed, epoch);
  };
  if (options.mixup > 0 || options.cutmix > 0) add_mixing(task, data, options);
  task.likelihood = cross_entropy_loss();
  task.loss = options.trades_beta ? trades_loss(*options.trades_beta, options.label_smoothing)
                                  : cross_entropy_loss(options.label_smoothing);
  if (options.free) {
    const auto kept = std::make_shared<FreePerturbation>(
        data.device(), largest_batch, data.image_shape(), options.adversarial->eps);
    task.climb = free_climb(kept);
    task.kept.push_back({"delta", kept->delta()});
  } else if (options.adversarial) {
    task.climb = pgd_climb(options);
  }
  return task;
}

std::function<Scores(const Model&)> classification_scores(const DeviceDataset& test,
                                                          const DeviceDataset* validation,
                                                          const std::optional<PgdOptions>& attack,
                                                          std::uint64_t seed) {
  return [&test, validation, attack, seed](const Model& model) {
    Scores scores;
    std::string of_validation;
    if (validation) {
      const ValidationAccuracy found = validate(model, *validation, attack, seed);
      of_validation = formatted("   validation %5.2f %%", found.clean);
      if (found.robust) {
        scores.values.push_back({"validation_robust_accuracy", *found.robust});
        of_validation += formatted("   robust %5.2f %%", *found.robust);
      }
      scores.values.push_back({"validation_accuracy", found.clean});
    }
    const Evaluation found = evaluate(model.evaluation(), test, kTestBatch);
    scores.values.push_back({"test_accuracy", found.accuracy});
    scores.values.push_back({"test_loss", found.loss});
    scores.line =
        formatted("test loss %.4f, accuracy %5.2f %%", found.loss, found.accuracy) + of_validation;
    return scores;
  };
}

namespace {

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
void check_augmentation(const TrainOptions& options, const Dataset& data) {
  const std::int64_t padding = options.crop_padding.value_or(augmentation_of(options).padding);
  const std::int64_t side = std::min(data.height, data.width);
  if (!options.no_augment && padding >= side) {
    throw UsageError(
        text("--crop-padding ", padding, " is not below ", side, ", the images' smaller side"));
  }
}

// Drawn from the seed, or taken from --init-from; what should be known of that is added to
// `remarks`. What a run goes on with is not looked at yet.
Model initial_model(const TrainOptions& options, Device& device, const Dataset& data,
                    std::vector<std::string>& remarks) {
  check_network(options, data);
  Model model(device, describe(options, data), static_cast<std::uint64_t>(options.common.seed),
              precision_of(options.common));
  if (!options.init_from.empty() && !goes_on(options.run)) {
    remarks = load_initial_values(model, SafetensorsFile::load(options.init_from),
                                  options.new_head ? Head::fresh : Head::of_file, data.name);
  }
  return model;
}

std::vector<BatchRange> checked_batches(const TrainOptions& options, const Dataset& data) {
  const auto batches = batches_of(data.size(), options.batch_size, last_batch_of(options));
  if (batches.empty()) {
    throw UsageError(text("--drop-last leaves nothing of ", data.size(),
                          " training images in batches of ", options.batch_size));
  }
  return batches;
}

Json fingerprints_of(const TrainOptions& options, const Dataset& train, const Dataset& test) {
  Json fingerprints = {{"train_data", fingerprint_of_data(train)},
                       {"test_data", fingerprint_of_data(test)}};
  // A run that goes on needs the file no more.
  if (!options.init_from.empty() &&
      (!goes_on(options.run) || std::filesystem::exists(options.init_from))) {
    fingerprints["init_from"] = fingerprint_of_file(options.init_from);
  }
  return fingerprints;
}

// What config.json says of the data, and what is known besides.
std::vector<std::string> all_warnings(const Dataset& train, const Dataset& test,
                                      const std::vector<std::string>& of_run) {
  std::vector<std::string> all = train.warnings;
  all.insert(all.end(), test.warnings.begin(), test.warnings.end());
  all.insert(all.end(), of_run.begin(), of_run.end());
  return all;
}

void add_joined_image(const TrainOptions& options, const Dataset& data,
                      std::vector<std::string>& remarks) {
  if (!joins_last_example(data.size(), options.batch_size, last_batch_of(options))) return;
  remarks.push_back(text("the last image of each epoch, a batch by itself (", data.size(),
                         " images in batches of ", options.batch_size,
                         "), joins the batch before it. --drop-last leaves it out"));
}

TrainResult train_on(const TrainOptions& given, Device& device, const Dataset& train_data,
                     const Dataset& test_data) {
  const TrainOptions options = with_validation(given, train_data.size());
  const auto seed = static_cast<std::uint64_t>(options.common.seed);
  std::optional<HeldOut> parts;
  if (options.validation) parts = hold_out(train_data, *options.validation, seed);
  const Dataset& images = parts ? parts->train : train_data;
  check_augmentation(options, images);
  const std::vector<BatchRange> batches = checked_batches(options, images);

  std::vector<std::string> remarks;
  Model model = initial_model(options, device, images, remarks);
  add_joined_image(options, images, remarks);
  Minimiser minimiser = minimiser_of(options, device, model.network.layout.weights);
  const DeviceDataset train(device, images), test(device, test_data);
  std::optional<DeviceDataset> validation;
  if (parts) validation.emplace(device, parts->validation);
  Task task = classification_task(train, classification_options_of(options),
                                  std::ranges::max(batches, {}, &BatchRange::count).count);
  task.scores = classification_scores(test, validation ? &*validation : nullptr,
                                      selecting_attack(options), seed);
  const RunConfig config{"saddle-train", to_json(options),
                         fingerprints_of(options, train_data, test_data), environment_of(device),
                         all_warnings(images, test_data, remarks)};
  return run_training(trainer_options_of(options), task, model, minimiser, config, remarks);
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
