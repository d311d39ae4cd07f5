// The table of the settings of `saddle-segment train`.
#include <algorithm>
#include <cmath>

#include "apps/common/settings.h"
#include "apps/segment/train_options.h"

namespace saddle {
namespace {

std::vector<Setting> settings_of_network(SegmentTrainOptions& o) {
  return {
      {"--preset",
       "preset",
       &o.preset,
       "defaults of all else; official: the paper's code with its quirks; fashion-scenes (for the "
       "set of this name unless given): a narrow network",
       {.choices = {"standard", "fashion-scenes", "official"}, .recorded = Recorded::always}},
      {"--model",
       "model",
       &o.model,
       "the network",
       {.choices = segmenter_names(), .recorded = Recorded::always}},
      {"--width",
       "width",
       &o.width,
       "multiplies the channels of the backbone",
       {.shown_default = "1, 0.5 (fashion-scenes)", .bounds = kPositive}},
      {"--output-stride",
       "output_stride",
       &o.output_stride,
       "pixels of the image a pixel of the features: 4, 8 or 16",
       {.shown_default = "16, 8 (fashion-scenes)", .bounds = at_least(4)}},
      {"--aspp-rates",
       "aspp_rates",
       &o.aspp_rates,
       "dilations of the head, R,R,R; 6,12,18 at output stride 16, as far in pixels at others, "
       "2,4,6 with fashion-scenes, unless given",
       {.type = "R,R,R"}},
      {"--aspp-channels",
       "aspp_channels",
       &o.aspp_channels,
       "channels of the head",
       {.shown_default = "256, 64 (fashion-scenes)", .bounds = at_least(1)}},
      {"--mobilenet-padding",
       "mobilenet_padding",
       &o.mobilenet_padding,
       "where blocks of MobileNetV2 pad: before the expansion as the paper's code (unless given), "
       "or inside the depthwise convolution as torchvision (with fashion-scenes)",
       {.choices = {"before", "inside"},
        .idle =
            [&o] {
              return unless(o.model == "deeplabv3_mobilenetv2",
                            text("--mobilenet-padding: ", o.model, " has no such blocks"));
            }}},
      {"--dropout",
       "dropout",
       &o.dropout,
       "share of the head's projected features left out in training",
       {.shown_default = "0.1", .bounds = kShare}},
      {"--bn-momentum-backbone",
       "backbone_momentum",
       &o.backbone_momentum,
       "momentum of the running statistics of the backbone's batch-norms; the head's is 0.1",
       {.shown_default = "0.01", .bounds = {.low = 0, .high = 1, .low_in = true, .high_in = true}}},
      {"--backbone-bn-frozen", "frozen_backbone", &o.frozen_backbone,
       "the backbone's batch-norms keep their running statistics in training"},
      {"--backbone-lr-factor",
       "backbone_lr_factor",
       &o.backbone_lr_factor,
       "the backbone's learning rate as a share of the head's",
       {.bounds = kNotNegative, .unset = 1}}};
}

std::vector<Setting> settings_of_sam(SegmentTrainOptions& o) {
  return {{"--sam-start-iteration",
           "sam_start",
           &o.sam_start,
           "the iteration from which the SAM family perturbs; the base optimiser alone before",
           {.shown_default = "0, 10000 (official)",
            .bounds = at_least(0),
            .idle =
                [&o] {
                  return unless(uses_sam(o.descent),
                                "--sam-start-iteration needs an optimiser of the SAM family");
                }}},
          {"--sam-start-restart",
           "sam_start_restarts",
           &o.sam_start_restarts,
           "a constant learning rate before that iteration, and no momentum at it (official)",
           {.idle = [&o] {
             return unless(o.sam_start.has_value(),
                           "--sam-start-restart needs --sam-start-iteration");
           }}}};
}

std::vector<Setting> settings_of_attack(SegmentTrainOptions& o) {
  const auto needs_attack = [&o](const std::string& flag) {
    return [&o, flag] {
      return unless(o.adversarial != "none",
                    text(flag, " needs --adversarial pgd, segpgd or official"));
    };
  };
  return {{"--adversarial",
           "adversarial",
           &o.adversarial,
           "adversarial training: PGD on the cross-entropy or on SegPGD's loss; official: one step "
           "of eps without a random start, the network fed with pixels as they are",
           {.choices = {"none", "pgd", "segpgd", "official"}, .recorded = Recorded::always}},
          {"--at-norm",
           "at_norm",
           &o.at_norm,
           "its norm, over all values of an image; linf unless given",
           {.choices = {"linf", "l2"}, .idle = needs_attack("--at-norm")}},
          {"--at-eps",
           "at_eps",
           &o.at_eps,
           "its radius, pixel range [0, 1]",
           {.shown_default = "4/255, 128/255 (l2), 64/255 (official)",
            .idle = needs_attack("--at-eps")}},
          {"--at-alpha",
           "at_alpha",
           &o.at_alpha,
           "its step size, pixel range [0, 1]",
           {.shown_default = "the larger of eps/4 and 1.5 eps/steps; eps (official)",
            .idle = needs_attack("--at-alpha")}},
          {"--at-steps",
           "at_steps",
           &o.at_steps,
           "its gradient steps",
           {.shown_default = "5, 1 (official)",
            .bounds = {.low = 1, .high = 1e6, .low_in = true, .high_in = true},
            .idle = needs_attack("--at-steps")}},
          {"--at-bn",
           "at_batch_norm",
           &o.at_batch_norm,
           "batch-norm's mode during the attack; eval unless given, train with official",
           {.choices = {"train", "eval"}, .idle = needs_attack("--at-bn")}},
          {"--at-half",
           "at_half",
           &o.at_half,
           "attack half of each batch, train on the other half as it is",
           {.idle = needs_attack("--at-half")}},
          {"--seg-norm",
           "seg_norm",
           &o.seg_norm,
           "what the attacked network is fed: normalised pixels (correct, unless given), or pixels "
           "as they are (official)",
           {.choices = {"correct", "official"}, .idle = needs_attack("--seg-norm")}}};
}

std::vector<Setting> settings_of_length(SegmentTrainOptions& o) {
  return {{"--iterations",
           "iterations",
           &o.iterations,
           "training steps",
           {.shown_default = "30000", .bounds = at_least(1)}},
          {"--epochs",
           "epochs",
           &o.epochs,
           "passes over the training set, in place of --iterations",
           {.shown_default = "none, 10 (fashion-scenes)", .bounds = at_least(1)}},
          {"--eval-every",
           "eval_every",
           &o.eval_every,
           "epochs from one test, with its checkpoints, to the next",
           {.shown_default = "a hundredth of the run, at least one", .bounds = at_least(1)}},
          {"--batch-size",
           "batch_size",
           &o.batch_size,
           "images a step, at least 2; a last batch that is not full is left out",
           {.bounds = at_least(2), .recorded = Recorded::always, .unset = NAN}},
          {"--schedule",
           "schedule",
           &o.schedule,
           "the learning rate over the steps; poly (unless given): (1 - t/T)^0.9, at least 1e-6; "
           "poly_official: the same one step late, as the paper's code",
           {.choices = {"poly", "poly_official", "cosine", "step", "constant"},
            .recorded = Recorded::always}},
          {"--class-weights",
           "class_weights",
           &o.class_weights,
           "weights of the classes in the loss; balanced: the inverse of their shares of the "
           "training pixels",
           {.choices = {"none", "balanced"}}},
          {"--accumulate",
           "accumulate",
           &o.accumulate,
           "pieces a batch goes through the network in, for less memory; batch-norm and the mean "
           "over pixels see a piece at a time",
           {.bounds = at_least(1), .unset = 1}}};
}

std::vector<Setting> settings_of_crops(SegmentTrainOptions& o) {
  return {
      {"--crop",
       "",
       &o.crop,
       "pixels a side of a training crop",
       {.shown_default = "the data set's", .bounds = at_least(1), .recorded = Recorded::never}},
      {"--scale-low",
       "",
       &o.scale_low,
       "least factor that training images are resized by",
       {.shown_default = "the data set's", .bounds = kPositive, .recorded = Recorded::never}},
      {"--scale-high",
       "",
       &o.scale_high,
       "largest factor that training images are resized by",
       {.shown_default = "the data set's", .bounds = kPositive, .recorded = Recorded::never}},
      {"--pad-label",
       "",
       &o.pad_label,
       "label of what a crop has beyond the image; 255: void",
       {.shown_default = "255, 0 (official)", .bounds = at_least(0), .recorded = Recorded::never}},
      {"--pad-all-sides", "pad_all_sides", &o.pad_all_sides,
       "pad all four sides where one axis is too short (official)"},
      {"--minmax", "minmax", &o.minmax,
       "stretch each normalised image to [0, 1] before it is normalised again (official)"},
      {"--no-augment",
       "",
       &o.no_augment,
       "neither resize, mirror nor change colours",
       {.recorded = Recorded::never}},
      {"--no-shuffle", "", &o.no_shuffle, "keep the files' order", {.recorded = Recorded::never}}};
}

std::vector<Setting> settings_of_start(SegmentTrainOptions& o) {
  std::vector<Setting> all = settings_of_weights(o.init_from, o.new_head);
  all.push_back({"--init-backbone",
                 "init_backbone",
                 &o.init_backbone,
                 "weights of a classifier trained on other images, by torchvision's names, for the "
                 "backbone; a safetensors file",
                 {.type = "FILE", .idle = [&o] {
                    return unless(
                        o.init_from.empty(),
                        "--init-backbone and --init-from both say how the backbone begins. "
                        "Leave out either");
                  }}});
  return all;
}

}  // namespace

std::vector<Setting> settings_of(SegmentTrainOptions& o) {
  std::vector<Setting> all;
  const auto add = [&](std::vector<Setting> part) {
    for (Setting& setting : part) all.push_back(std::move(setting));
  };
  add(settings_of(o.data, SegmentationPart::train));
  add(settings_of_network(o));
  add(settings_of(o.descent, kSegmentDescent, [] { return std::string(); }));
  Setting& lr = *std::ranges::find(all, "--lr", &Setting::flag);
  lr.details.shown_default +=
      text("; ", kSceneRate, " (SGD), ", kSceneAdamRate, " (Adam) with fashion-scenes");
  add(settings_of_sam(o));
  add(settings_of_attack(o));
  add(settings_of_length(o));
  add(settings_of_crops(o));
  add(settings_of_start(o));
  add(settings_of(o.run));
  return all;
}

}  // namespace saddle
