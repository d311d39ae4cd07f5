#include "apps/segment/train_options.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/common/parse.h"
#include "apps/common/plan_options.h"
#include "apps/common/settings.h"
#include "apps/segment/load_segmenter.h"
#include "apps/training/batches.h"
#include "optim/esam.h"
#include "optim/schedule.h"

namespace saddle {
namespace {

constexpr const char* kStandard = "standard";
constexpr const char* kScenes = "fashion-scenes";
constexpr const char* kOfficial = "official";
constexpr const char* kPolyOfficial = "poly_official";

constexpr double kLeastRate = 1e-6;  // of the poly schedule
constexpr std::int64_t kMostScores = 100;
constexpr std::int64_t kIterations = 30000, kSceneEpochs = 10;
constexpr std::int64_t kOfficialSamStart = 10000;
constexpr double kOfficialEps = 64. / 255, kLinfEps = 4. / 255, kL2Eps = 128. / 255;
constexpr std::int64_t kPgdSteps = 5;  // Croce, Singh and Hein 2024 train with as many

template <class T, class U>
void fill_in(std::optional<T>& value, const U& fallback) {
  if (!value) value = fallback;
}
void fill_in(std::string& value, const char* fallback) {
  if (value.empty()) value = fallback;
}

bool is_official(const SegmentTrainOptions& o) { return o.preset == kOfficial; }

// 6, 12, 18 at output stride 16, as many pixels of the image at others; of scenes, which are small,
// a sixth of that: 2, 4, 6 at output stride 8.
std::string rates_of(bool scenes, std::int64_t output_stride) {
  std::string rates;
  for (const std::int64_t rate : DeepLabOptions{}.rates) {
    const std::int64_t reach = rate * DeepLabOptions{}.output_stride / (scenes ? 6 : 1);
    rates += text(rates.empty() ? "" : ",", reach / output_stride);
  }
  return rates;
}

void resolve_network(SegmentTrainOptions& o) {
  const bool scenes = o.preset == kScenes;
  fill_in(o.width, scenes ? 0.5 : 1);
  fill_in(o.output_stride, scenes ? 8 : 16);
  usage(*o.output_stride == 4 || *o.output_stride == 8 || *o.output_stride == 16,
        text("--output-stride ", *o.output_stride, ": take 4, 8 or 16"));
  fill_in(o.aspp_rates, rates_of(scenes, *o.output_stride).c_str());
  fill_in(o.aspp_channels, scenes ? 64 : DeepLabOptions{}.head_channels);
  fill_in(o.dropout, 0.1);
  fill_in(o.backbone_momentum, 0.01);
  if (o.model == "deeplabv3_mobilenetv2") {
    fill_in(o.mobilenet_padding, scenes ? "inside" : "before");
  }
  deeplab_of(o);  // whose rates must be some
}

void resolve_descent(SegmentTrainOptions& o) {
  DescentDefaults defaults = kSegmentDescent;
  if (o.preset == kScenes) {
    defaults.sgd_lr = kSceneRate;
    defaults.adam_lr = kSceneAdamRate;
  }
  constexpr bool has_batch_norm = true;
  const bool awp = o.descent.sharpness.awp.has_value();
  usage(o.adversarial != "none" || !awp, "--awp needs --adversarial");
  o.descent = resolved(o.descent, defaults, has_batch_norm);
  const bool sam = uses_sam(o.descent), sgd = descent_of(o.descent) == "sgd";
  if (is_official(o) && sam && sgd && !o.sam_start) {
    o.sam_start = kOfficialSamStart;
    o.sam_start_restarts = true;
  }
  if (sam) fill_in(o.sam_start, 0);
  usage(!o.sam_start_restarts || sgd,
        "--sam-start-restart is of SGD's momentum. Leave it out, or take --base-optimizer sgd");
}

void resolve_attack(SegmentTrainOptions& o) {
  if (o.adversarial == "none") return;
  const bool official = o.adversarial == "official";
  fill_in(o.at_norm, "linf");
  fill_in(o.at_batch_norm, official ? "train" : "eval");
  fill_in(o.seg_norm, official ? "official" : "correct");
  fill_in(o.at_eps, official ? kOfficialEps : o.at_norm == "linf" ? kLinfEps : kL2Eps);
  fill_in(o.at_steps, official ? 1 : kPgdSteps);
  const double eps = *o.at_eps, steps = static_cast<double>(*o.at_steps);
  fill_in(o.at_alpha, official ? eps : std::max(eps / 4, 1.5 * eps / steps));
  for_flag("--at-eps, --at-alpha", [&] { check(climb_of(o)->attack); });
}

void resolve_length(SegmentTrainOptions& o) {
  usage(!(o.epochs && o.iterations), "--epochs and --iterations both say how long. Leave out one");
  if (!o.epochs && !o.iterations) {
    if (o.preset == kScenes) {
      o.epochs = kSceneEpochs;
    } else {
      o.iterations = kIterations;
    }
  }
  usage(o.sam_start.value_or(0) < o.iterations.value_or(INT64_MAX),
        text("--sam-start-iteration ", o.sam_start.value_or(0), ": SAM would never begin in ",
             o.iterations.value_or(0), " iterations. Give a smaller one"));
}

void resolve_data(SegmentTrainOptions& o) {
  const bool official = is_official(o);
  fill_in(o.pad_label, official ? 0 : 255);
  fill_in(o.data.train_split, "train");
  fill_in(o.data.test_split, evaluation_split(o.data.name).c_str());
  fill_in(o.class_weights, "none");
  usage(*o.pad_label <= 255, text("--pad-label ", *o.pad_label, ": expected 0 to 255"));
  o.pad_all_sides = o.pad_all_sides || official;
  o.minmax = o.minmax || official;
  if (o.scale_low || o.scale_high) {
    usage(o.scale_low && o.scale_high && *o.scale_low <= *o.scale_high,
          "--scale-low and --scale-high belong together, the lower first");
  }
}

// Images of the smallest of the pieces that `images` go through the network in.
std::int64_t smallest_piece(std::int64_t images, std::int64_t pieces) {
  const std::int64_t most = (images - 1) / std::min(images, pieces) + 1, rest = images % most;
  return rest == 0 || joins_last_example(images, most, LastBatch::kept) ? most : rest;
}

// In training the pooled branch normalises one value an image: it needs two.
void check_pieces(const SegmentTrainOptions& o) {
  constexpr std::int64_t kLeast = 2;
  const std::string sizes = text("--batch-size ", o.batch_size, ", --accumulate ", o.accumulate);
  const std::string why = ": in training the pooled branch normalises one value an image, so that ";
  usage(o.batch_size >= kLeast && o.accumulate <= o.batch_size / kLeast,
        text(sizes, why, "each piece of a batch needs two images at least. Raise --batch-size"));
  const bool attacks_half = o.at_half && o.at_batch_norm == "train";
  usage(!attacks_half || smallest_piece(o.batch_size, o.accumulate) / 2 >= kLeast,
        text("--at-half, ", sizes, why,
             "the half that is attacked needs two images at least. Raise --batch-size, or take "
             "--at-bn eval"));
  const double gamma = o.descent.sharpness.esam_gamma.value_or(1);
  const std::int64_t kept =
      gamma < kEsamKeepsAll ? examples_kept(o.batch_size, gamma) : o.batch_size;
  usage(smallest_piece(kept, o.accumulate) >= kLeast,
        text("--esam-gamma ", gamma, ", ", sizes, why, "the ", kept,
             " images of ESAM's second pass are too few. Raise --batch-size or --esam-gamma"));
}

}  // namespace

SegmentTrainOptions resolved(SegmentTrainOptions o) {
  check(o.run);
  refuse_idle(settings_of(o));
  check_bounds(settings_of(o));
  fill_in(o.preset, o.data.name == kScenes ? kScenes : kStandard);
  resolve_network(o);
  resolve_descent(o);
  resolve_attack(o);
  resolve_length(o);
  resolve_data(o);
  const bool adam = descent_of(o.descent) != "sgd";
  fill_in(o.schedule, !is_official(o) ? "poly" : adam ? "constant" : kPolyOfficial);
  check_pieces(o);
  return o;
}

DeepLabOptions deeplab_of(const SegmentTrainOptions& o) {
  DeepLabOptions deeplab;
  deeplab.width = *o.width;
  deeplab.output_stride = *o.output_stride;
  deeplab.head_channels = *o.aspp_channels;
  deeplab.dropout = static_cast<float>(*o.dropout);
  deeplab.padding = o.mobilenet_padding == "inside" ? BlockPadding::inside : BlockPadding::before;
  deeplab.backbone_momentum = static_cast<float>(*o.backbone_momentum);
  deeplab.frozen_backbone = o.frozen_backbone;
  deeplab.rates = parse_rates(o.aspp_rates);
  deeplab.stretched_pixels = o.minmax;
  return deeplab;
}

PixelRange pixel_range_of(const SegmentTrainOptions& options) {
  return options.minmax ? PixelRange::stretched : PixelRange::plain;
}

namespace {

// Where all images of a set have one size that is below the recipe's, crops have it too.
void fit_to_images(CropRecipe& crop, const SegmentationSet& set) {
  const SegmentationImage& first = set.images.front();
  const bool equal = std::ranges::all_of(set.images, [&](const SegmentationImage& image) {
    return image.height == first.height && image.width == first.width;
  });
  if (!equal || crop.shorter_side) return;
  crop.height = std::min(crop.height, first.height);
  crop.width = std::min(crop.width, first.width);
}

}  // namespace

CropRecipe crop_of(const SegmentTrainOptions& o, const SegmentationSet& set) {
  CropRecipe crop = is_official(o) ? official_crop(set) : default_crop(set);
  if (!is_official(o)) fit_to_images(crop, set);
  if (o.crop) crop.height = crop.width = *o.crop;
  if (o.scale_low) {
    crop.scale_low = *o.scale_low;
    crop.scale_high = *o.scale_high;
  }
  crop.pad_label = static_cast<std::uint8_t>(*o.pad_label);
  crop.pads_all_sides = o.pad_all_sides;
  if (o.no_augment) {
    crop.scale_low = crop.scale_high = 1;
    crop.jitter = {};
    crop.mirror = false;
  }
  check(crop, set);
  return crop;
}

std::optional<PixelClimbOptions> climb_of(const SegmentTrainOptions& o) {
  if (o.adversarial == "none") return {};
  PixelClimbOptions climb;
  climb.attack =
      PgdOptions{o.at_norm == "l2" ? Norm::l2 : Norm::linf, static_cast<float>(*o.at_eps),
                 static_cast<float>(*o.at_alpha), static_cast<int>(*o.at_steps),
                 o.adversarial == "official" ? Start::zero : Start::random};
  climb.segpgd = o.adversarial == "segpgd";
  climb.half = o.at_half;
  climb.unnormalised = o.seg_norm == "official";
  climb.batch_norm = o.at_batch_norm == "train" ? BatchNormMode::update : BatchNormMode::frozen;
  return climb;
}

StepOptions step_options_of(const SegmentTrainOptions& o) {
  StepOptions step;
  step.seed = static_cast<std::uint64_t>(o.common.seed);
  step.pieces = o.accumulate;
  step.draws = *o.dropout > 0;
  step.sam_statistics = sam_statistics_of(o.descent);
  return step;
}

namespace {

// The rate of a step of `steps`, counted from 0.
double rate_at(const SegmentTrainOptions& o, std::int64_t step, std::int64_t steps) {
  const double lr = *o.descent.lr;
  if (o.sam_start_restarts && step < *o.sam_start) return lr;
  if (o.schedule != "poly" && o.schedule != kPolyOfficial) {
    return learning_rate(schedule_named(o.schedule), lr, step, steps);
  }
  // The reference's scheduler moves after the second iteration for the first time.
  const std::int64_t t = o.schedule == kPolyOfficial ? std::max<std::int64_t>(0, step - 1) : step;
  return std::max(learning_rate(Schedule::poly, lr, t, steps), std::min(lr, kLeastRate));
}

}  // namespace

TrainerOptions trainer_options_of(const SegmentTrainOptions& o, std::int64_t images) {
  const std::int64_t steps_an_epoch = images / o.batch_size;
  usage(steps_an_epoch > 0, text("--batch-size ", o.batch_size, " is over the ", images,
                                 " training images: no batch is full, and only full ones are "
                                 "trained on"));
  TrainerOptions trainer;
  trainer.epochs = o.epochs ? *o.epochs : (*o.iterations + steps_an_epoch - 1) / steps_an_epoch;
  trainer.steps = o.iterations;
  trainer.batch_size = o.batch_size;
  trainer.last_batch = LastBatch::dropped;
  trainer.score_every = o.eval_every.value_or((trainer.epochs + kMostScores - 1) / kMostScores);
  trainer.shuffle = !o.no_shuffle;
  const std::int64_t steps = o.iterations.value_or(trainer.epochs * steps_an_epoch);
  usage(o.sam_start.value_or(0) < steps,
        text("--sam-start-iteration ", o.sam_start.value_or(0), ": SAM would never begin in ",
             steps, " iterations. Give a smaller one"));
  trainer.learning_rate = [o, steps](const Place& place) { return rate_at(o, place.step, steps); };
  trainer.ema = o.descent.ema;
  trainer.step = step_options_of(o);
  trainer.output = o.run.output;
  trainer.mode = mode_of(o.run);
  trainer.quiet = o.common.quiet;
  trainer.against_divergence = against_divergence(o.descent);
  return trainer;
}

Minimiser minimiser_of(const SegmentTrainOptions& o, Device& device, const Network& network,
                       std::int64_t epochs) {
  const WeightLayout& layout = network.layout.weights;
  Minimiser minimiser =
      minimiser_of(o.descent, device, layout, epochs, static_cast<std::uint64_t>(o.common.seed));
  const auto head = std::ranges::find_if(
      layout.slots(), [](const Slot& slot) { return slot.name.starts_with("classifier."); });
  if (o.backbone_lr_factor != 1) minimiser.slow_down(head->offset, o.backbone_lr_factor);
  minimiser.start_late({o.sam_start.value_or(0), o.sam_start_restarts});
  return minimiser;
}

nlohmann::json to_json(const SegmentTrainOptions& options, const SegmentationSet& set) {
  SegmentTrainOptions o = options;
  const CropRecipe crop = crop_of(o, set);
  nlohmann::json json = {{"best_by", "test mIoU"},
                         {"precision", o.common.precision},
                         {"plan", plan_name(o.common)},
                         {"seed", o.common.seed},
                         {"shuffle", !o.no_shuffle},
                         {"crop", {crop.height, crop.width}},
                         {"scale", {crop.scale_low, crop.scale_high}},
                         {"pad_label", crop.pad_label},
                         {"jitter", crop.jitter},
                         {"mirror", crop.mirror}};
  if (crop.shorter_side) json["shorter_side"] = *crop.shorter_side;
  record(settings_of(o), json);
  record(o.descent.sharpness, json);
  return json;
}

}  // namespace saddle
