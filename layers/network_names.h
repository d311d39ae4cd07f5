// The names of the networks there are, for those who read them in files and commands and build
// none.
#pragma once

#include <string>
#include <vector>

namespace saddle {

inline constexpr const char* kDeepLabMobileNetV2 = "deeplabv3_mobilenetv2";
inline constexpr const char* kDeepLabResNet50 = "deeplabv3_resnet50";

// Of networks that name an image: "preact_resnet10", "preact_resnet18", "wrn_28_10", "deit_tiny",
// "deit_small".
std::vector<std::string> classifier_names();
// Of networks that label its pixels: "deeplabv3_mobilenetv2", "deeplabv3_resnet50".
std::vector<std::string> segmenter_names();
bool labels_pixels(const std::string& model);

inline constexpr const char* kBert = "bert";
inline constexpr const char* kDistilBert = "distilbert";

// Of networks that name a text: "bert", "distilbert".
std::vector<std::string> text_classifier_names();
bool reads_text(const std::string& model);

}  // namespace saddle
