#include "layers/models/mobilenet_v2.h"

#include <algorithm>
#include <array>

#include "layers/models/dilation.h"

namespace saddle {
namespace {

// A stage's blocks: the first has the stride, all have the expansion and the channels.
struct Stage {
  std::int64_t expansion, out, blocks, stride;
};
constexpr std::array<Stage, 7> kStages = {{{1, 16, 1, 1},
                                           {6, 24, 2, 2},
                                           {6, 32, 3, 2},
                                           {6, 64, 4, 2},
                                           {6, 96, 3, 1},
                                           {6, 160, 3, 2},
                                           {6, 320, 1, 1}}};
constexpr std::int64_t kStem = 32, kLowLevelBlocks = 3;

// The nearest multiple of 8 that is not below nine tenths of it.
std::int64_t multiple_of_8(double channels) {
  const std::int64_t rounded =
      std::max<std::int64_t>(8, static_cast<std::int64_t>(channels + 4) / 8 * 8);
  return static_cast<double>(rounded) < 0.9 * channels ? rounded + 8 : rounded;
}

}  // namespace

InvertedResidual::InvertedResidual(NetworkLayout& layout, const std::string& name,
                                   const Shape& shape, BlockPadding padding)
    : expands(shape.expansion != 1),
      has_residual(shape.stride == 1 && shape.in == shape.out),
      border(padding == BlockPadding::before ? shape.dilation : 0) {
  const std::int64_t hidden = shape.in * shape.expansion;
  int part = 0;
  const auto next = [&] { return text(name, ".conv.", part++); };
  if (expands) {
    const std::string unit = next();
    expand = Conv2d(layout, unit + ".0", shape.in, hidden, 1, {}, kaiming_normal_fan_out);
    expand_norm =
        BatchNorm(layout, unit + ".1", hidden, expand.weight, Activation::relu6, shape.momentum);
  }
  const std::string unit = next();
  depthwise = DepthwiseConv2d(layout, unit + ".0", hidden,
                              {shape.stride, shape.dilation - border, shape.dilation},
                              kaiming_normal_fan_out);
  depthwise_norm =
      BatchNorm(layout, unit + ".1", hidden, depthwise.weight, Activation::relu6, shape.momentum);
  project = Conv2d(layout, next(), hidden, shape.out, 1, {}, kaiming_normal_fan_out);
  project_norm =
      BatchNorm(layout, next(), shape.out, project.weight, Activation::none, shape.momentum);
}

Var InvertedResidual::operator()(const Pass& pass, const Var& x) const {
  Var y = border > 0 ? pad(pass.tape, x, border) : x;
  if (expands) y = convolution_norm(pass, expand, expand_norm, y);
  y = convolution_norm(pass, depthwise, depthwise_norm, y);
  return has_residual ? convolution_norm_add(pass, project, project_norm, y, x)
                      : convolution_norm(pass, project, project_norm, y);
}

MobileNetV2::MobileNetV2(NetworkLayout& layout, const std::string& name,
                         const MobileNetV2Shape& shape, std::int64_t in_channels) {
  require(shape.width * static_cast<double>(kStages[0].out) >= 1, "mobilenetv2: width ",
          shape.width, " leaves no channels. The least is 0.0625");
  channels = multiple_of_8(shape.width * kStem);
  const std::int64_t padding = shape.padding == BlockPadding::inside ? 1 : 0;
  stem = Conv2d(layout, name + ".low_level_features.0.0", in_channels, channels, 3, {2, padding},
                kaiming_normal_fan_out);
  stem_norm = BatchNorm(layout, name + ".low_level_features.0.1", channels, stem.weight,
                        Activation::relu6, shape.momentum);
  Dilation dilation("mobilenetv2", 2, shape.output_stride);
  for (const Stage& stage : kStages) {
    const Dilation::Stage dilated = dilation.next(stage.stride);
    const auto out = static_cast<std::int64_t>(static_cast<double>(stage.out) * shape.width);
    for (std::int64_t block = 0; block < stage.blocks; ++block) {
      const auto number = static_cast<std::int64_t>(blocks.size()) + 1;
      const char* level = number <= kLowLevelBlocks ? "low" : "high";
      blocks.emplace_back(
          layout, text(name, '.', level, "_level_features.", number),
          InvertedResidual::Shape{channels, out, stage.expansion, block == 0 ? dilated.stride : 1,
                                  block == 0 ? dilated.first : dilated.others, shape.momentum},
          shape.padding);
      channels = out;
    }
  }
  dilation.finish();
}

Var MobileNetV2::operator()(const Pass& pass, const Var& x) const {
  Var y = convolution_norm(pass, stem, stem_norm, x);
  for (const InvertedResidual& block : blocks) y = block(pass, y);
  return y;
}

}  // namespace saddle
