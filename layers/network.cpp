#include "layers/network.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "layers/models/deeplab.h"
#include "layers/models/deit.h"
#include "layers/models/preact_resnet.h"
#include "layers/models/text_classifier.h"
#include "layers/models/wide_resnet.h"

namespace saddle {
namespace {

constexpr std::int64_t kDefaultWidth = 64;
constexpr std::int64_t kLargestWidth = 1024;

Network preact_resnet(NetworkOptions options, std::int64_t blocks_per_stage) {
  if (options.width == 0) options.width = kDefaultWidth;
  require(options.width >= 1 && options.width <= kLargestWidth, options.model, ": width ",
          options.width, " is outside 1 to ", kLargestWidth);
  auto model = std::make_shared<const PreActResNet>(blocks_per_stage, options.width,
                                                    options.in_channels, options.classes);
  return {options, model->layout,
          [model](const Pass& pass, const Var& images) { return (*model)(pass, images); }};
}

Network wide_resnet(NetworkOptions options, std::int64_t depth, std::int64_t widen_factor) {
  const std::int64_t stem = WideResNetShape{}.stem;
  if (options.width == 0) options.width = stem * widen_factor;
  require(options.width >= stem && options.width <= kLargestWidth && options.width % stem == 0,
          options.model, ": width ", options.width, " is not a multiple of ", stem, " in ", stem,
          " to ", kLargestWidth);
  auto model = std::make_shared<const WideResNet>(
      WideResNetShape{depth, options.width / stem, stem}, options.in_channels, options.classes);
  return {options, model->layout,
          [model](const Pass& pass, const Var& images) { return (*model)(pass, images); }};
}

constexpr std::int64_t kHeadSize = 64;
// 8 x 8 patches of 32 x 32 images as of 64 x 64 ones.
std::int64_t default_patch(const NetworkOptions& options) {
  return std::min(options.height, options.width_pixels) < 64 ? 4 : 8;
}

Network deit(NetworkOptions options, std::int64_t width) {
  if (options.width == 0) options.width = width;
  if (options.patch == 0) options.patch = default_patch(options);
  require(options.width >= kHeadSize && options.width <= kLargestWidth &&
              options.width % kHeadSize == 0,
          options.model, ": width ", options.width, " is not a multiple of ", kHeadSize, " in ",
          kHeadSize, " to ", kLargestWidth);
  require(options.patch >= 1 && options.height % options.patch == 0 &&
              options.width_pixels % options.patch == 0,
          options.model, ": patches of ", options.patch, " pixels do not tile images of ",
          options.height, " x ", options.width_pixels, ". Choose --patch-size");
  auto model =
      std::make_shared<const Deit>(DeitShape{12, options.width, options.width / kHeadSize,
                                             options.patch, options.height, options.width_pixels},
                                   options.in_channels, options.classes);
  return {options, model->layout,
          [model](const Pass& pass, const Var& images) { return (*model)(pass, images); }};
}

constexpr double kLargestFactor = 4;  // of the backbone's channels
constexpr std::int64_t kLargestHead = 4096, kLargestRate = 1024;

void check(const std::string& model, const DeepLabOptions& deeplab) {
  require(deeplab.width > 0 && deeplab.width <= kLargestFactor, model, ": width ", deeplab.width,
          " is outside 0 to ", kLargestFactor, ". It multiplies the channels");
  require(deeplab.head_channels >= 1 && deeplab.head_channels <= kLargestHead, model, ": ",
          deeplab.head_channels, " channels of the head are outside 1 to ", kLargestHead);
  for (std::int64_t rate : deeplab.rates) {
    require(rate >= 1 && rate <= kLargestRate, model, ": a rate of ", rate, " is outside 1 to ",
            kLargestRate);
  }
  require(deeplab.dropout >= 0 && deeplab.dropout < 1, model, ": dropout ", deeplab.dropout,
          " is outside [0, 1)");
}

template <class Backbone>
Network deeplab_network(const NetworkOptions& options, const typename Backbone::Shape& shape) {
  const DeepLabOptions& chosen = options.deeplab;
  auto model = std::make_shared<DeepLab<Backbone>>(
      shape, DeepLabHeadShape{chosen.rates, chosen.head_channels, chosen.dropout},
      options.in_channels, options.classes);
  model->frozen_backbone = chosen.frozen_backbone;
  return {options, model->layout,
          [model](const Pass& pass, const Var& images) { return (*model)(pass, images); }};
}

Network deeplab(const NetworkOptions& options) {
  const DeepLabOptions& chosen = options.deeplab;
  check(options.model, chosen);
  if (options.model == kDeepLabMobileNetV2) {
    return deeplab_network<MobileNetV2>(
        options, {chosen.width, chosen.output_stride, chosen.padding, chosen.backbone_momentum});
  }
  const auto planes = static_cast<std::int64_t>(std::lround(chosen.width * kDefaultWidth));
  require(planes >= 1, options.model, ": width ", chosen.width, " leaves no channels");
  return deeplab_network<ResNet50>(options,
                                   {planes, chosen.output_stride, chosen.backbone_momentum});
}

Network text_classifier(const NetworkOptions& options) {
  auto model = std::make_shared<const TextClassifier>(options.model, options.text, options.classes);
  return {options, model->layout,
          [model](const Pass& pass, const Var& tokens) { return (*model)(pass, tokens); }};
}

bool is_transformer(const std::string& model) { return model.starts_with("deit"); }

}  // namespace

std::int64_t feature_extent(const NetworkOptions& options, std::int64_t pixels) {
  const DeepLabOptions& deeplab = options.deeplab;
  // The stem of MobileNetV2 does not pad where its blocks pad around their inputs.
  const bool bare_stem =
      options.model == kDeepLabMobileNetV2 && deeplab.padding == BlockPadding::before;
  std::int64_t extent = bare_stem ? pixels - 2 : pixels;
  for (std::int64_t stride = 1; stride < deeplab.output_stride && extent > 0; stride *= 2) {
    extent = (extent + 1) / 2;
  }
  return std::max<std::int64_t>(extent, 0);
}

Network make_network(const NetworkOptions& options) {
  require(options.classes >= 1 && options.in_channels >= 1 && options.height >= 1 &&
              options.width_pixels >= 1,
          options.model, ": needs at least one class, channel and pixel");
  require(options.patch == 0 || is_transformer(options.model), options.model,
          ": has no patches. Leave out --patch-size");
  if (options.model == "deit_tiny") return deit(options, 192);
  if (options.model == "deit_small") return deit(options, 384);
  if (options.model == "preact_resnet10") return preact_resnet(options, 1);
  if (options.model == "preact_resnet18") return preact_resnet(options, 2);
  if (options.model == "wrn_28_10") return wide_resnet(options, 28, 10);
  if (labels_pixels(options.model)) return deeplab(options);
  if (reads_text(options.model)) return text_classifier(options);
  std::string names;
  for (const auto& some : {classifier_names(), segmenter_names(), text_classifier_names()}) {
    for (const std::string& name : some) names += (names.empty() ? "" : ", ") + name;
  }
  fail("model '", options.model, "' is unknown. There are ", names);
}

}  // namespace saddle
