// InitBackbone: the weights of a classifier trained on other images, for the backbone of a
// segmentation network.
#pragma once

#include <string>

#include "core/safetensors.h"
#include "layers/model.h"

namespace saddle {

// The name that torchvision's mobilenet_v2 or resnet50 has for a tensor of our backbone, "" for one
// that belongs to the head.
std::string torchvision_name(const std::string& name);

// Replaces weights and running statistics of the model's backbone by those of the file, found by
// torchvision's names; what else the file has (the classifier) is not looked at. Throws Error
// naming every tensor that is missing, misshapen or not finite, and leaves the model as it was.
void load_backbone(Model& model, const SafetensorsFile& file);

}  // namespace saddle
