#include "layers/models/preact_resnet.h"

namespace saddle {

PreActBlock::PreActBlock(NetworkLayout& layout, const std::string& name, std::int64_t in,
                         std::int64_t out, std::int64_t stride, const std::string& shortcut_name,
                         ConvolutionInit init)
    : bn1(layout, name + ".bn1", in), has_shortcut(stride != 1 || in != out) {
  // In the order of the reference's state_dict.
  conv1 = Conv2d(layout, name + ".conv1", in, out, 3, {stride, 1}, init);
  bn2 = BatchNorm(layout, name + ".bn2", out, conv1.weight);
  conv2 = Conv2d(layout, name + ".conv2", out, out, 3, {1, 1}, init);
  if (has_shortcut) {
    shortcut = Conv2d(layout, name + "." + shortcut_name, in, out, 1, {stride, 0}, init);
  }
}

Var PreActBlock::operator()(const Pass& pass, const Var& x) const {
  const Var a = bn1(pass, x);
  const Var s = has_shortcut ? shortcut(pass, a) : x;
  return conv2.add_to(pass, convolution_norm(pass, conv1, bn2, a), s);
}

PreActResNet::PreActResNet(std::int64_t blocks_per_stage, std::int64_t width,
                           std::int64_t in_channels, std::int64_t classes)
    : conv1(layout, "conv1", in_channels, width, 3, {1, 1}) {
  std::int64_t in = width;
  for (int stage = 0; stage < 4; ++stage) {
    const std::int64_t out = width << stage;
    for (std::int64_t block = 0; block < blocks_per_stage; ++block) {
      const std::int64_t stride = stage > 0 && block == 0 ? 2 : 1;
      blocks.emplace_back(layout, text("layer", stage + 1, '.', block), in, out, stride);
      in = out;
    }
  }
  bn = BatchNorm(layout, "bn", in);
  linear = Linear(layout, "linear", in, classes);
}

Var PreActResNet::operator()(const Pass& pass, const Var& x) const {
  Var y = conv1(pass, x);
  for (const PreActBlock& block : blocks) y = block(pass, y);
  return linear(pass, global_average_pool(pass.tape, bn(pass, y)));
}

}  // namespace saddle
