#include "apps/segment/segmentation.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "apps/common/checkpoint.h"
#include "apps/common/class_names.h"
#include "apps/common/fingerprint.h"
#include "apps/segment/init_backbone.h"
#include "apps/training/run_config.h"
#include "apps/segment/pixel_attack.h"
#include "attacks/pixel_losses.h"
#include "core/format.h"
#include "core/ops.h"

namespace saddle {
namespace {

using Json = nlohmann::json;

// Rows [first, first + count) of what has a row an example; empty stays empty.
Tensor rows_of(const Tensor& all, std::int64_t first, std::int64_t count) {
  std::vector<std::int64_t> extents(all.shape().begin(), all.shape().end());
  const std::int64_t row = all.count() / extents[0];
  extents[0] = count;
  return all.slice(first * row, Shape(extents));
}

Climb pixel_climb(const PixelClimbOptions& options, std::uint64_t seed, const Tensor& mean,
                  const Tensor& std) {
  PgdClimb by;
  by.loss = pixel_loss(options.segpgd ? "segpgd" : "ce");
  Climb climb;
  climb.batch_norm = options.batch_norm;
  climb.before = [=](const LogitsFunction& f, const Batch& batch, const Tensor& step,
                     std::int64_t) {
    const LogitsFunction attacked = options.unnormalised ? unnormalised(f, mean, std) : f;
    const std::int64_t images = batch.inputs.shape()[0];
    if (!options.half || images < 2) return pgd(attacked, by, batch, options.attack, seed, step);
    const std::int64_t half = images / 2;
    const Batch first{rows_of(batch.inputs, 0, half), rows_of(batch.targets, 0, half),
                      rows_of(batch.indices, 0, half)};
    const Tensor x_hat = batch.inputs.clone();
    rows_of(x_hat, 0, half).copy_from(pgd(attacked, by, first, options.attack, seed, step));
    return x_hat;
  };
  return climb;
}

}  // namespace

Loss pixel_cross_entropy_loss(const Tensor& class_weights) {
  return [class_weights](Tape& tape, const LogitsFunction& f, const Var& x, const Batch& batch,
                         LossReduction reduction) {
    return pixel_cross_entropy(tape, f(tape, x), batch.targets, reduction, class_weights);
  };
}

Task segmentation_task(CropBatches& crops, std::int64_t images, const Tensor& class_weights,
                       const std::optional<PixelClimbOptions>& climb, std::uint64_t seed,
                       const Tensor& mean, const Tensor& std) {
  Task task;
  task.unit = "images";
  task.accuracy = "pixel accuracy";
  task.examples = images;
  task.prepare = [&crops](const Upcoming& upcoming) {
    crops.prepare(upcoming);
    return 0;
  };
  task.batch = [&crops](const Tensor& indices, const Tensor&) { return crops.batch(indices); };
  task.likelihood = pixel_cross_entropy_loss();
  task.loss = pixel_cross_entropy_loss(class_weights);
  if (climb) task.climb = pixel_climb(*climb, seed, mean, std);
  return task;
}

std::function<Scores(const Model&)> segmentation_scores(const SegmentationSet& test,
                                                        PixelRange range, std::int64_t batch_size) {
  return [&test, range, batch_size](const Model& model) {
    const PixelEvaluation found = evaluate_pixels(model.evaluation({}, Batching::invariant),
                                                  model.device(), test, range, batch_size);
    const SegmentationScores scores = scores_of(sum_of(found.images));
    const double miou = 100 * scores.miou, accuracy = 100 * scores.pixel_accuracy;
    return Scores{{{"test_miou", miou},
                   {"test_pixel_accuracy", accuracy},
                   {"test_mean_class_accuracy", 100 * scores.mean_class_accuracy},
                   {"test_loss", found.loss}},
                  formatted("test loss %.4f, pixel accuracy %5.2f %%, mIoU %5.2f %%", found.loss,
                            accuracy, miou)};
  };
}

namespace {

ModelDescription describe(const SegmentTrainOptions& options, const SegmentationSet& data,
                          const CropRecipe& crop) {
  ModelDescription description;
  NetworkOptions& network = description.network;
  network.model = options.model;
  network.in_channels = data.channels;
  network.height = crop.height;
  network.width_pixels = crop.width;
  network.classes = data.classes;
  network.deeplab = deeplab_of(options);
  description.mean = data.mean;
  description.std = data.std;
  description.class_names = storable_names(data.class_names);
  return description;
}

// What the command line makes impossible is its fault.
void check_network(const NetworkOptions& network) {
  try {
    make_network(network);
  } catch (const Error& error) {
    throw UsageError(error.what());
  }
  const std::int64_t height = feature_extent(network, network.height),
                     width = feature_extent(network, network.width_pixels);
  if (std::min(height, width) < 2) {
    throw UsageError(text("--crop: crops of ", network.height, " x ", network.width_pixels,
                          " have features of ", height, " x ", width,
                          ", fewer than 2 x 2. Take larger crops, or a smaller --output-stride"));
  }
}

void add_remark_on_rates(const NetworkOptions& network, std::vector<std::string>& remarks) {
  const std::int64_t least = std::min(feature_extent(network, network.height),
                                      feature_extent(network, network.width_pixels));
  const auto& rates = network.deeplab.rates;
  const auto far = std::ranges::count_if(rates, [&](std::int64_t rate) { return rate >= least; });
  if (far == 0) return;
  remarks.push_back(text(far, " of the --aspp-rates ", rates[0], ", ", rates[1], ", ", rates[2],
                         " are not below ", least,
                         ", the side of the features of a training crop: of these convolutions "
                         "the middle tap alone is trained. Take smaller rates, or larger crops"));
}

Model initial_model(const SegmentTrainOptions& options, Device& device,
                    const ModelDescription& description, const std::string& dataset,
                    std::vector<std::string>& remarks) {
  check_network(description.network);
  Model model(device, description, static_cast<std::uint64_t>(options.common.seed),
              precision_of(options.common));
  add_remark_on_rates(description.network, remarks);
  if (goes_on(options.run)) return model;
  if (!options.init_from.empty()) {
    const auto of_file =
        load_initial_values(model, SafetensorsFile::load(options.init_from),
                            options.new_head ? Head::fresh : Head::of_file, dataset);
    remarks.insert(remarks.end(), of_file.begin(), of_file.end());
  }
  if (!options.init_backbone.empty()) {
    load_backbone(model, SafetensorsFile::load(options.init_backbone));
  }
  return model;
}

Json fingerprints_of(const SegmentTrainOptions& options, const SegmentationSet& train,
                     const SegmentationSet& test) {
  Json fingerprints = {{"train_data", fingerprint_of(train)}, {"test_data", fingerprint_of(test)}};
  const std::string& file = options.init_from.empty() ? options.init_backbone : options.init_from;
  // A run that goes on needs the file no more.
  if (!file.empty() && (!goes_on(options.run) || std::filesystem::exists(file))) {
    fingerprints["init_from"] = fingerprint_of_file(file);
  }
  return fingerprints;
}

std::vector<std::string> all_warnings(const SegmentationSet& train, const SegmentationSet& test,
                                      const std::vector<std::string>& of_run) {
  std::vector<std::string> all;
  for (const auto* lines : {&train.warnings, &test.warnings, &of_run}) {
    all.insert(all.end(), lines->begin(), lines->end());
  }
  return all;
}

Tensor class_weights_of(const SegmentTrainOptions& options, Device& device,
                        const SegmentationSet& data) {
  if (options.class_weights != "balanced") return {};
  const auto classes = static_cast<std::size_t>(data.classes);
  return Tensor::from_host(device, {data.classes},
                           balance_of(std::span(data.census).first(classes)));
}

// Where nothing is to be learnt, or nothing to be scored.
void check_labels(const SegmentationSet& set, const char* used_for) {
  const auto of_classes = std::span(set.census).first(static_cast<std::size_t>(set.classes));
  require(std::ranges::any_of(of_classes, [](std::int64_t pixels) { return pixels > 0; }), set.name,
          ": no pixel of the images that are ", used_for,
          " has a class: all are void. Look at --ignore-label, --label-map and the masks");
}

TrainResult train_on(const SegmentTrainOptions& options, Device& device,
                     const SegmentationSet& data, const SegmentationSet& test) {
  require(data.classes == test.classes, data.name, ": ", data.classes, " classes are trained on, ",
          test.classes, " tested");
  check_labels(data, "trained on");
  check_labels(test, "tested on");
  const auto seed = static_cast<std::uint64_t>(options.common.seed);
  const CropRecipe crop = crop_of(options, data);
  const TrainerOptions trainer = trainer_options_of(options, data.size());
  std::vector<std::string> remarks;
  Model model = initial_model(options, device, describe(options, data, crop), data.name, remarks);
  Minimiser minimiser = minimiser_of(options, device, model.network, trainer.epochs);
  const PixelRange range = pixel_range_of(options);
  CropBatches crops(device, data, crop, range, seed, options.batch_size);
  const Shape channels{data.channels};
  Task task =
      segmentation_task(crops, data.size(), class_weights_of(options, device, data),
                        climb_of(options), seed, Tensor::from_host(device, channels, data.mean),
                        Tensor::from_host(device, channels, data.std));
  task.scores = segmentation_scores(test, range, options.batch_size);
  const RunConfig config{"saddle-segment train", to_json(options, data),
                         fingerprints_of(options, data, test), environment_of(device),
                         all_warnings(data, test, remarks)};
  return run_training(trainer, task, model, minimiser, config, remarks);
}

}  // namespace

TrainResult train(const SegmentTrainOptions& options) {
  Device& device = open_device(options.common);
  const SegmentationSet data = load(options.data, SegmentationPart::train);
  const SegmentationSet test = load(options.data, SegmentationPart::test);
  return train_on(options, device, data, test);
}

TrainResult train(const SegmentTrainOptions& options, const SegmentationSet& train_data,
                  const SegmentationSet& test_data) {
  return train_on(options, open_device(options.common), train_data, test_data);
}

}  // namespace saddle
