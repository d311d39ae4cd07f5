// DeepLabOptions: what can be chosen of a DeepLabv3, as a command line and a checkpoint say it.
#pragma once

#include <array>
#include <cstdint>

namespace saddle {

// Where a block of MobileNetV2 pads: around its input, before the 1x1 expansion (the reference;
// what the depthwise convolution sees beyond the border is then the expansion of zeros), or in the
// depthwise convolution (torchvision, where the stem pads too).
enum class BlockPadding { before, inside };

// The reference gives the backbone's running statistics a longer memory than PyTorch's default.
inline constexpr float kBackboneMomentum = 0.01f;

struct DeepLabOptions {
  double width = 1;                 // multiplies the channels of the backbone
  std::int64_t output_stride = 16;  // pixels of the image a pixel of the features: 4, 8 or 16
  std::array<std::int64_t, 3> rates = {6, 12, 18};  // of the head's dilated convolutions
  std::int64_t head_channels = 256;
  float dropout = 0.1f;                         // in the head, in training
  BlockPadding padding = BlockPadding::before;  // of MobileNetV2
  // Whether it was trained on images that were stretched to [0, 1] one by one, as the paper's code
  // does (apps/segment/image_batches.h).
  bool stretched_pixels = false;

  // Of the backbone's batch-norms in training; not part of the network, so that checkpoints do not
  // hold them. Frozen: they keep their running statistics, as one does who goes on from trained
  // ones.
  float backbone_momentum = kBackboneMomentum;
  bool frozen_backbone = false;
};

}  // namespace saddle
