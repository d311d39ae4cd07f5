// SegmentTrainOptions: every setting of training a segmentation network, resolved.
//
// What is not said is a preset's. `standard` is the sound recipe for photographs: DeepLabv3 of
// Chen et al. 2017 as VainF's and the paper's code train it, without that code's quirks.
// `official` is the paper's code with them (weizeming/SAM_AT, SAM_segmentation), each of which is a
// flag of its own. `fashion-scenes` suits the set of this name: small scenes, minutes on a CPU.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "apps/common/program_options.h"
#include "apps/segment/data_options.h"
#include "apps/segment/image_batches.h"
#include "apps/training/descent_options.h"
#include "apps/training/run_options.h"
#include "apps/training/trainer.h"
#include "attacks/pgd.h"
#include "layers/network.h"

namespace saddle {

// Adversarial training: x climbs before w descends.
struct PixelClimbOptions {
  PgdOptions attack;
  bool segpgd = false;  // climbs SegPGD's loss (Gu et al. 2022) in place of the cross-entropy
  bool half = false;    // attacks the first half of each batch only
  // Whether the attack feeds pixels to the network without normalising them, as the paper's code
  // does; what the weights then descend on is normalised.
  bool unnormalised = false;
  BatchNormMode batch_norm = BatchNormMode::update;  // during the attack
};

struct SegmentTrainOptions {
  CommonOptions common;
  SegmentationDataOptions data;
  std::string preset;  // standard, fashion-scenes, official; the data set's unless given
  std::string model = "deeplabv3_mobilenetv2";
  std::optional<double> width, dropout, backbone_momentum;
  std::optional<std::int64_t> output_stride, aspp_channels;
  std::string aspp_rates;         // three integers, with commas between them
  std::string mobilenet_padding;  // before, inside
  bool frozen_backbone = false;
  DescentOptions descent;
  double backbone_lr_factor = 1;
  std::optional<std::int64_t> sam_start;   // the iteration from which SAM perturbs
  bool sam_start_restarts = false;         // constant rate before, no momentum at it
  std::string adversarial = "none";        // none, pgd, segpgd, official
  std::string at_norm;                     // linf, l2; linf unless given
  std::optional<double> at_eps, at_alpha;  // pixel range [0, 1]
  std::optional<std::int64_t> at_steps;
  std::string at_batch_norm;  // train, eval
  std::string seg_norm;       // of the attack's network: correct, official
  bool at_half = false;
  std::optional<std::int64_t> epochs, iterations;
  std::int64_t batch_size = 16;
  std::optional<std::int64_t> eval_every;  // epochs
  std::string schedule;                    // poly, poly_official, cosine, step, constant
  std::string class_weights;               // none, balanced
  std::int64_t accumulate = 1;
  std::optional<std::int64_t> crop, pad_label;
  std::optional<double> scale_low, scale_high;
  bool pad_all_sides = false, minmax = false, no_augment = false, no_shuffle = false;
  std::string init_from, init_backbone;
  bool new_head = false;
  RunOptions run;
};

// What segmentation trains with where nothing is said, whatever the preset; fashion-scenes has
// rates of its own.
inline constexpr DescentDefaults kSegmentDescent{.sgd_lr = 0.01,
                                                 .adam_lr = 5e-4,
                                                 .sgd_weight_decay = 1e-4,
                                                 .adam_weight_decay = 0,
                                                 .sam_rho = 0.02};

// With fashion-scenes: of SGD, and of Adam.
inline constexpr double kSceneRate = 0.1, kSceneAdamRate = 2e-3;

std::vector<Setting> settings_of(SegmentTrainOptions& options);

// The same with every default filled in that depends on other settings. Throws UsageError for
// combinations that make no sense.
SegmentTrainOptions resolved(SegmentTrainOptions options);

// The parts, from resolved options.
DeepLabOptions deeplab_of(const SegmentTrainOptions& options);
PixelRange pixel_range_of(const SegmentTrainOptions& options);
CropRecipe crop_of(const SegmentTrainOptions& options, const SegmentationSet& set);
std::optional<PixelClimbOptions> climb_of(const SegmentTrainOptions& options);
StepOptions step_options_of(const SegmentTrainOptions& options);
// Of a training set of so many images. Throws UsageError where they do not fill a batch.
TrainerOptions trainer_options_of(const SegmentTrainOptions& options, std::int64_t images);
// With the weights of `network`, whose backbone's come first.
Minimiser minimiser_of(const SegmentTrainOptions& options, Device& device, const Network& network,
                       std::int64_t epochs);

// What a run's config.json records of them, and of the crops that were made of `set`.
nlohmann::json to_json(const SegmentTrainOptions& options, const SegmentationSet& set);

}  // namespace saddle
