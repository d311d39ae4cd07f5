// PreActResNet: residual blocks whose batch-norm and ReLU stand before each convolution.
//
// He et al. 2016, "Identity mappings in deep residual networks", in the CIFAR form the paper uses:
// a 3x3 stem without pooling, four stages of widths w, 2w, 4w, 8w and strides 1, 2, 2, 2,
// batch-norm, ReLU, global average pooling, linear. Tensor names and initial values are those of
// the reference in PyTorch.
#pragma once

#include <array>
#include <vector>

#include "layers/layers.h"

namespace saddle {

// y = conv2(relu(bn2(conv1(a)))) + s  with  a = relu(bn1(x)).  Where the shape changes the shortcut
// is a 1x1 convolution of the activated a, elsewhere it is the raw x.
struct PreActBlock {
  BatchNorm bn1, bn2;
  Conv2d conv1, conv2, shortcut;
  bool has_shortcut;

  PreActBlock(NetworkLayout& layout, const std::string& name, std::int64_t in, std::int64_t out,
              std::int64_t stride, const std::string& shortcut_name = "shortcut.0",
              ConvolutionInit init = default_convolution_init);
  Var operator()(const Pass& pass, const Var& x) const;
};

struct PreActResNet {
  NetworkLayout layout;
  Conv2d conv1;
  std::vector<PreActBlock> blocks;
  BatchNorm bn;
  Linear linear;

  // `blocks_per_stage` is 2 for preact_resnet18, 1 for preact_resnet10; `width` the channels of the
  // stem.
  PreActResNet(std::int64_t blocks_per_stage, std::int64_t width, std::int64_t in_channels,
               std::int64_t classes);

  // Normalised images [N, H, W, C] -> logits [N, classes].
  Var operator()(const Pass& pass, const Var& x) const;
};

}  // namespace saddle
