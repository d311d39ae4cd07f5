#include "layers/models/resnet50.h"

#include <array>

#include "layers/models/dilation.h"

namespace saddle {
namespace {

constexpr std::int64_t kExpansion = 4;  // of a block's planes to its channels
constexpr std::array<std::int64_t, 4> kBlocks = {3, 4, 6, 3}, kStrides = {1, 2, 2, 2};
constexpr std::int64_t kPoolKernel = 3, kPoolStride = 2, kPoolPadding = 1;

}  // namespace

Bottleneck::Bottleneck(NetworkLayout& layout, const std::string& name, const Shape& shape)
    : has_downsample(shape.stride != 1 || shape.in != kExpansion * shape.planes) {
  // In the order of torchvision's state_dict.
  const std::int64_t planes = shape.planes, out = kExpansion * planes;
  conv1 = Conv2d(layout, name + ".conv1", shape.in, planes, 1, {}, kaiming_normal_fan_out);
  bn1 = BatchNorm(layout, name + ".bn1", planes, conv1.weight, Activation::relu, shape.momentum);
  conv2 = Conv2d(layout, name + ".conv2", planes, planes, 3,
                 {shape.stride, shape.dilation, shape.dilation}, kaiming_normal_fan_out);
  bn2 = BatchNorm(layout, name + ".bn2", planes, conv2.weight, Activation::relu, shape.momentum);
  conv3 = Conv2d(layout, name + ".conv3", planes, out, 1, {}, kaiming_normal_fan_out);
  bn3 = BatchNorm(layout, name + ".bn3", out, conv3.weight, Activation::relu, shape.momentum);
  if (!has_downsample) return;
  downsample = Conv2d(layout, name + ".downsample.0", shape.in, out, 1, {shape.stride},
                      kaiming_normal_fan_out);
  downsample_norm = BatchNorm(layout, name + ".downsample.1", out, downsample.weight,
                              Activation::none, shape.momentum);
}

Var Bottleneck::operator()(const Pass& pass, const Var& x) const {
  const Var s = has_downsample ? convolution_norm(pass, downsample, downsample_norm, x) : x;
  Var y = convolution_norm(pass, conv1, bn1, x);
  y = convolution_norm(pass, conv2, bn2, y);
  return convolution_norm_add(pass, conv3, bn3, y, s);
}

ResNet50::ResNet50(NetworkLayout& layout, const std::string& name, const ResNet50Shape& shape,
                   std::int64_t in_channels)
    : conv1(layout, name + ".conv1", in_channels, shape.planes, 7, {2, 3}, kaiming_normal_fan_out),
      bn1(layout, name + ".bn1", shape.planes, conv1.weight, Activation::relu, shape.momentum),
      channels(shape.planes) {
  Dilation dilation("resnet50", 2 * kPoolStride, shape.output_stride);
  for (std::size_t stage = 0; stage < kBlocks.size(); ++stage) {
    const Dilation::Stage dilated = dilation.next(kStrides[stage]);
    const std::int64_t planes = shape.planes << stage;
    for (std::int64_t block = 0; block < kBlocks[stage]; ++block) {
      blocks.emplace_back(
          layout, text(name, ".layer", stage + 1, '.', block),
          Bottleneck::Shape{channels, planes, block == 0 ? dilated.stride : 1,
                            block == 0 ? dilated.first : dilated.others, shape.momentum});
      channels = kExpansion * planes;
    }
  }
  dilation.finish();
}

Var ResNet50::operator()(const Pass& pass, const Var& x) const {
  Var y = convolution_norm(pass, conv1, bn1, x);
  y = max_pool(pass.tape, y, kPoolKernel, kPoolStride, kPoolPadding);
  for (const Bottleneck& block : blocks) y = block(pass, y);
  return y;
}

}  // namespace saddle
