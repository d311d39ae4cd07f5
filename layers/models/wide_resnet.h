// WideResNet: the pre-activation blocks of preact_resnet.h, fewer in depth and wider.
//
// Zagoruyko and Komodakis 2016, "Wide residual networks", in the CIFAR form: a 3x3 stem, three
// groups of (depth - 4) / 6 blocks with widths k, 2k, 4k times the stem's and strides 1, 2, 2,
// batch-norm, ReLU, global average pooling, linear. No dropout. Tensor names and initial values are
// those of TRADES' wideresnet.py, without the `sub_block1` there that no forward uses.
#pragma once

#include <vector>

#include "layers/models/preact_resnet.h"

namespace saddle {

struct WideResNetShape {
  std::int64_t depth = 28;  // 6 n + 4
  std::int64_t widen_factor = 10;
  std::int64_t stem = 16;  // channels of conv1
};

struct WideResNet {
  NetworkLayout layout;
  Conv2d conv1;
  std::vector<PreActBlock> blocks;
  BatchNorm bn1;
  Linear fc;

  WideResNet(const WideResNetShape& shape, std::int64_t in_channels, std::int64_t classes);

  // Normalised images [N, H, W, C] -> logits [N, classes].
  Var operator()(const Pass& pass, const Var& x) const;
};

}  // namespace saddle
