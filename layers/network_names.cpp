#include "layers/network_names.h"

#include <algorithm>

namespace saddle {

std::vector<std::string> classifier_names() {
  return {"preact_resnet10", "preact_resnet18", "wrn_28_10", "deit_tiny", "deit_small"};
}

std::vector<std::string> segmenter_names() { return {kDeepLabMobileNetV2, kDeepLabResNet50}; }

bool labels_pixels(const std::string& model) {
  return std::ranges::count(segmenter_names(), model) > 0;
}

std::vector<std::string> text_classifier_names() { return {kBert, kDistilBert}; }

bool reads_text(const std::string& model) {
  return std::ranges::count(text_classifier_names(), model) > 0;
}

}  // namespace saddle
