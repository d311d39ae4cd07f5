#include "layers/models/wide_resnet.h"

namespace saddle {

WideResNet::WideResNet(const WideResNetShape& shape, std::int64_t in_channels, std::int64_t classes)
    : conv1(layout, "conv1", in_channels, shape.stem, 3, {1, 1}, kaiming_normal_fan_out) {
  require(shape.depth >= 10 && (shape.depth - 4) % 6 == 0, "wide resnet: depth ", shape.depth,
          " is not 6 n + 4 with n at least 1");
  std::int64_t in = shape.stem;
  for (int group = 0; group < 3; ++group) {
    const std::int64_t out = (shape.stem * shape.widen_factor) << group;
    for (std::int64_t block = 0; block < (shape.depth - 4) / 6; ++block) {
      const std::int64_t stride = group > 0 && block == 0 ? 2 : 1;
      blocks.emplace_back(layout, text("block", group + 1, ".layer.", block), in, out, stride,
                          "convShortcut", kaiming_normal_fan_out);
      in = out;
    }
  }
  bn1 = BatchNorm(layout, "bn1", in);
  fc = Linear(layout, "fc", in, classes, {Init::Kind::constant, 0.f});
}

Var WideResNet::operator()(const Pass& pass, const Var& x) const {
  Var y = conv1(pass, x);
  for (const PreActBlock& block : blocks) y = block(pass, y);
  return fc(pass, global_average_pool(pass.tape, bn1(pass, y)));
}

}  // namespace saddle
