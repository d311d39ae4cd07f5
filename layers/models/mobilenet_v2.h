// MobileNetV2 as the backbone of a segmentation network: inverted residual blocks, whose last
// stages are dilated instead of strided.
//
// Sandler et al. 2018, "MobileNetV2: inverted residuals and linear bottlenecks", without its last
// 1x1 convolution and classifier. Tensor names are those of the paper's reference in PyTorch
// (SAM_AT), where blocks 1 to 3 belong to low_level_features and the others to high_level_features.
#pragma once

#include <string>
#include <vector>

#include "layers/layers.h"
#include "layers/models/deeplab_options.h"

namespace saddle {

struct MobileNetV2Shape {
  double width = 1;                 // multiplies all channels
  std::int64_t output_stride = 16;  // pixels of the image a pixel of the features: 4, 8, 16 or 32
  BlockPadding padding = BlockPadding::before;
  float momentum = kBackboneMomentum;  // of the batch-norms
};

// y = project(relu6(depthwise(relu6(expand(x))))), each with batch-norm, plus x where shapes allow.
struct InvertedResidual {
  Conv2d expand, project;
  DepthwiseConv2d depthwise;
  BatchNorm expand_norm, depthwise_norm, project_norm;
  bool expands, has_residual;
  std::int64_t border;  // of zeros around x

  struct Shape {
    std::int64_t in, out, expansion, stride, dilation;
    float momentum;
  };
  InvertedResidual(NetworkLayout& layout, const std::string& name, const Shape& shape,
                   BlockPadding padding);
  Var operator()(const Pass& pass, const Var& x) const;
};

struct MobileNetV2 {
  using Shape = MobileNetV2Shape;

  Conv2d stem;
  BatchNorm stem_norm;
  std::vector<InvertedResidual> blocks;
  std::int64_t channels;  // of the features

  // Throws Error for a width that leaves no channels and for another output stride.
  MobileNetV2(NetworkLayout& layout, const std::string& name, const MobileNetV2Shape& shape,
              std::int64_t in_channels);
  // [N, H, W, C] -> features [N, h, w, channels].
  Var operator()(const Pass& pass, const Var& x) const;
};

}  // namespace saddle
