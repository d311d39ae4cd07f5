// ResNet-50 as the backbone of a segmentation network: bottleneck blocks, whose last stages are
// dilated instead of strided.
//
// He et al. 2016, "Deep residual learning for image recognition", with the stride on the 3x3
// convolution, without pooling and classifier behind the last stage. Tensor names are
// torchvision's.
#pragma once

#include <string>
#include <vector>

#include "layers/layers.h"
#include "layers/models/deeplab_options.h"

namespace saddle {

struct ResNet50Shape {
  std::int64_t planes = 64;  // channels of the stem and of the first stage's 3x3 convolutions
  std::int64_t output_stride = 16;  // pixels of the image a pixel of the features: 4, 8, 16 or 32
  float momentum = kBackboneMomentum;  // of the batch-norms
};

// y = relu(bn3(conv3(relu(bn2(conv2(relu(bn1(conv1(x)))))))) + s), where s is x or, where the shape
// changes, its 1x1 convolution with batch-norm.
struct Bottleneck {
  Conv2d conv1, conv2, conv3, downsample;
  BatchNorm bn1, bn2, bn3, downsample_norm;
  bool has_downsample;

  struct Shape {
    std::int64_t in, planes, stride, dilation;
    float momentum;
  };
  Bottleneck(NetworkLayout& layout, const std::string& name, const Shape& shape);
  Var operator()(const Pass& pass, const Var& x) const;
};

struct ResNet50 {
  using Shape = ResNet50Shape;

  Conv2d conv1;
  BatchNorm bn1;
  std::vector<Bottleneck> blocks;
  std::int64_t channels;  // of the features

  // Throws Error for another output stride.
  ResNet50(NetworkLayout& layout, const std::string& name, const ResNet50Shape& shape,
           std::int64_t in_channels);
  // [N, H, W, C] -> features [N, h, w, channels].
  Var operator()(const Pass& pass, const Var& x) const;
};

}  // namespace saddle
