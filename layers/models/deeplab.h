// DeepLabv3: a dilated backbone, atrous spatial pyramid pooling, and logits for every pixel.
//
// Chen, Papandreou, Schroff and Adam 2017, "Rethinking atrous convolution for semantic image
// segmentation", in the form of the paper's reference in PyTorch (SAM_AT, after VainF's
// DeepLabV3Plus-Pytorch): no auxiliary head, momentum 0.01 in the backbone's batch-norms and 0.1 in
// the head's, Kaiming-normal convolutions. Tensor names are the reference's.
#pragma once

#include <array>
#include <string>

#include "layers/models/mobilenet_v2.h"
#include "layers/models/resnet50.h"

namespace saddle {

struct DeepLabHeadShape {
  std::array<std::int64_t, 3> rates = {6, 12, 18};  // for output stride 16
  std::int64_t channels = 256;
  float dropout = 0.1f;  // behind the projection, in passes that draw (Pass::random)
};

// Features -> logits: a 1x1 convolution, a 3x3 one of each rate, and the mean over all pixels side
// by side; a 1x1 projection, dropout, a 3x3 convolution, and a 1x1 one with bias.
struct DeepLabHead {
  struct Unit {  // convolution, batch-norm, ReLU
    Conv2d convolution;
    BatchNorm norm;

    Unit() = default;
    Unit(NetworkLayout& layout, const std::string& convolution_name, const std::string& norm_name,
         std::int64_t in, std::int64_t out, std::int64_t kernel, const Window& window);
    Var operator()(const Pass& pass, const Var& x) const;
  };

  Unit point;
  std::array<Unit, 3> atrous;
  Unit pooled, project, last;
  Slot weight, bias;  // [classes, 1, 1, channels], [classes]
  float dropout;

  DeepLabHead(NetworkLayout& layout, const std::string& name, std::int64_t in,
              const DeepLabHeadShape& shape, std::int64_t classes);
  // [N, h, w, C] -> f32 logits [N, h, w, classes]. In training the pooled branch normalises one
  // value an image, so N must be at least 2.
  Var operator()(const Pass& pass, const Var& x) const;

 private:
  Var pool(const Pass& pass, const Var& x) const;
};

// Normalised images [N, H, W, C] -> logits [N, H, W, classes], of the features' resolution,
// resized bilinearly.
template <class Backbone>
struct DeepLab {
  NetworkLayout layout;
  Backbone backbone;
  DeepLabHead head;
  bool frozen_backbone = false;  // DeepLabOptions

  DeepLab(const typename Backbone::Shape& shape, const DeepLabHeadShape& head_shape,
          std::int64_t in_channels, std::int64_t classes)
      : backbone(layout, "backbone", shape, in_channels),
        head(layout, "classifier.classifier", backbone.channels, head_shape, classes) {}

  Var operator()(const Pass& pass, const Var& x) const {
    Pass of_backbone = pass;
    if (frozen_backbone) of_backbone.batch_norm = BatchNormMode::frozen;
    const Var features = backbone(of_backbone, x);
    return resize_bilinear(pass.tape, head(pass, features), x.shape()[1], x.shape()[2]);
  }
};

using DeepLabMobileNetV2 = DeepLab<MobileNetV2>;
using DeepLabResNet50 = DeepLab<ResNet50>;

}  // namespace saddle
