#include "apps/segment/load_segmenter.h"

#include "apps/common/checkpoint.h"
#include "apps/common/class_names.h"
#include "apps/common/parse.h"
#include "apps/common/settings.h"

namespace saddle {
namespace {

std::vector<float> floats_of(const std::string& flag, const std::string& list) {
  const auto numbers = for_flag(flag, [&] { return parse_numbers(list); });
  return {numbers.begin(), numbers.end()};
}

CheckpointOverrides overrides_of(const SegmenterFlags& flags) {
  CheckpointOverrides overrides;
  if (!flags.model.empty()) overrides.model = flags.model;
  overrides.classes = flags.classes;
  if (!flags.mean.empty()) overrides.mean = floats_of("--mean", flags.mean);
  if (!flags.std.empty()) overrides.std = floats_of("--std", flags.std);
  overrides.deeplab = [flags](DeepLabOptions& deeplab) {
    if (flags.width) deeplab.width = *flags.width;
    if (flags.output_stride) deeplab.output_stride = *flags.output_stride;
    if (flags.aspp_channels) deeplab.head_channels = *flags.aspp_channels;
    if (!flags.aspp_rates.empty()) deeplab.rates = parse_rates(flags.aspp_rates);
    if (!flags.mobilenet_padding.empty()) {
      deeplab.padding =
          flags.mobilenet_padding == "inside" ? BlockPadding::inside : BlockPadding::before;
    }
    if (flags.minmax) deeplab.stretched_pixels = true;
  };
  return overrides;
}

}  // namespace

std::array<std::int64_t, 3> parse_rates(const std::string& list) {
  std::array<std::int64_t, 3> rates;
  const std::vector<std::string> parts = split_at_commas(list);
  if (parts.size() != rates.size()) {
    throw UsageError(text("--aspp-rates '", list, "': expected three integers, R,R,R"));
  }
  for (std::size_t i = 0; i < rates.size(); ++i) {
    rates[i] = for_flag("--aspp-rates", [&] { return parse_integer_from(parts[i], 1); });
  }
  return rates;
}

std::vector<Setting> settings_of(SegmenterFlags& o) {
  const char* of_file = "the checkpoint's";
  return {{"--model",
           "",
           &o.model,
           "network, for a checkpoint that does not say",
           {.choices = segmenter_names(), .recorded = Recorded::never}},
          {"--classes",
           "",
           &o.classes,
           "number of classes",
           {.shown_default = of_file, .bounds = at_least(1), .recorded = Recorded::never}},
          {"--width",
           "",
           &o.width,
           "multiplies the channels of the backbone",
           {.shown_default = of_file, .bounds = kPositive, .recorded = Recorded::never}},
          {"--output-stride",
           "",
           &o.output_stride,
           "pixels of the image a pixel of the features",
           {.shown_default = of_file, .bounds = at_least(4), .recorded = Recorded::never}},
          {"--aspp-rates",
           "",
           &o.aspp_rates,
           "dilations of the head; else the checkpoint's",
           {.recorded = Recorded::never, .type = "R,R,R"}},
          {"--aspp-channels",
           "",
           &o.aspp_channels,
           "channels of the head",
           {.shown_default = of_file, .bounds = at_least(1), .recorded = Recorded::never}},
          {"--mobilenet-padding",
           "",
           &o.mobilenet_padding,
           "where blocks of MobileNetV2 pad; else as the checkpoint says",
           {.choices = {"before", "inside"}, .recorded = Recorded::never}},
          {"--mean",
           "",
           &o.mean,
           "mean of each channel, pixels in [0, 1]; else the checkpoint's",
           {.recorded = Recorded::never, .type = "R,R,R"}},
          {"--std",
           "",
           &o.std,
           "deviation of each channel; else the checkpoint's",
           {.recorded = Recorded::never, .type = "R,R,R"}},
          {"--minmax",
           "",
           &o.minmax,
           "stretch each normalised image to [0, 1] before it is normalised again; a checkpoint "
           "that was trained so says it",
           {.recorded = Recorded::never}}};
}

Model load_segmenter(const std::string& checkpoint, const SegmenterFlags& flags, Device& device,
                     const ModelDescription& fallback, Precision precision) {
  Model model = load_checkpoint(checkpoint, device, overrides_of(flags), fallback);
  model.precision = precision;
  const std::string& name = model.network.options.model;
  require(labels_pixels(name), checkpoint, ": ", name,
          reads_text(name) ? " reads text" : " names images",
          ", this program needs a network that labels pixels. Use ",
          reads_text(name) ? "saddle-text" : "saddle-attack");
  return model;
}

Model load_segmenter(const std::string& checkpoint, const SegmenterFlags& flags, Device& device,
                     const SegmentationSet& set, Precision precision) {
  ModelDescription fallback;
  fallback.network.in_channels = set.channels;
  fallback.network.height = set.images.front().height;
  fallback.network.width_pixels = set.images.front().width;
  fallback.mean = set.mean;
  fallback.std = set.std;
  Model model = load_segmenter(checkpoint, flags, device, fallback, precision);
  require(model.classes() == set.classes, checkpoint, ": the model knows ", model.classes(),
          " classes, ", set.name, " has ", set.classes,
          ". Name the data set it was trained on with --dataset and --data-dir");
  if (model.class_names.empty()) {
    model.assumptions.push_back(
        text("the file does not name its classes, and perhaps not its network: the classes are "
             "taken to be those of ",
             set.name, " in their order, what no flag says of the network the reference's"));
    return model;
  }
  const std::string differences =
      class_name_differences(model.class_names, set.class_names, set.name);
  require(differences.empty(), checkpoint, ": its classes are not those of ", set.name, ": ",
          differences, ". Give what it was trained on, with --dataset and --data-dir");
  return model;
}

}  // namespace saddle
