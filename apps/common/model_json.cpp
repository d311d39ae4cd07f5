#include "apps/common/model_json.h"

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/json_text.h"

namespace saddle {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kLongestClassName = 1000;

constexpr const char* kBefore = "before";
constexpr const char* kInside = "inside";

std::int64_t integer(const Json& json) {
  require(json.is_number_integer(), "expected an integer");
  return json.get<std::int64_t>();
}

// As many as there are classes.
std::vector<std::string> names_of_classes(const Json& json, std::int64_t classes) {
  require(json.is_array() && static_cast<std::int64_t>(json.size()) == classes,
          "class_names needs a name for each class");
  auto names = json.get<std::vector<std::string>>();
  for (const std::string& name : names) {
    require(!name.empty() && name.size() <= kLongestClassName, "a class has no usable name");
  }
  return names;
}

Json to_json(const DeepLabOptions& deeplab) {
  return {{"width", deeplab.width},
          {"output_stride", deeplab.output_stride},
          {"rates", deeplab.rates},
          {"head_channels", deeplab.head_channels},
          {"dropout", deeplab.dropout},
          {"padding", deeplab.padding == BlockPadding::before ? kBefore : kInside},
          {"stretched_pixels", deeplab.stretched_pixels}};
}

// What is not said is the reference's.
DeepLabOptions deeplab_of(const Json& json) {
  DeepLabOptions deeplab;
  deeplab.width = json.value("width", deeplab.width);
  deeplab.output_stride = integer(json.value("output_stride", Json(deeplab.output_stride)));
  const Json rates = json.value("rates", Json(deeplab.rates));
  require(rates.is_array() && rates.size() == deeplab.rates.size(), "rates needs three numbers");
  for (std::size_t i = 0; i < deeplab.rates.size(); ++i) deeplab.rates[i] = integer(rates[i]);
  deeplab.head_channels = integer(json.value("head_channels", Json(deeplab.head_channels)));
  deeplab.dropout = json.value("dropout", deeplab.dropout);
  const std::string padding = json.value("padding", kBefore);
  require(padding == kBefore || padding == kInside, "padding is neither before nor inside");
  deeplab.stretched_pixels = json.value("stretched_pixels", deeplab.stretched_pixels);
  deeplab.padding = padding == kBefore ? BlockPadding::before : BlockPadding::inside;
  return deeplab;
}

Json own_options(const NetworkOptions& network) {
  if (labels_pixels(network.model)) return to_json(network.deeplab);
  Json own = {{"width", network.width}};
  if (network.patch > 0) own["patch"] = network.patch;
  return own;
}

void take_own_options(const Json& own, NetworkOptions& network) {
  if (labels_pixels(network.model)) {
    network.deeplab = deeplab_of(own);
    return;
  }
  network.width = integer(own.value("width", Json(0)));
  network.patch = integer(own.value("patch", Json(0)));
}

}  // namespace

std::string model_json(const ModelDescription& description) {
  const NetworkOptions& network = description.network;
  Json json = {{"model", network.model},
               {"options", own_options(network)},
               {"classes", network.classes},
               {"input_shape", {network.in_channels, network.height, network.width_pixels}},
               {"mean", description.mean},
               {"std", description.std}};
  if (!description.class_names.empty()) json["class_names"] = description.class_names;
  return json_text(json);
}

ModelDescription parse_model_json(const std::string& metadata) {
  const Json json = parse_json(metadata);
  ModelDescription description;
  NetworkOptions& network = description.network;
  network.model = json.at("model").get<std::string>();
  network.classes = integer(json.at("classes"));
  take_own_options(json.at("options"), network);
  const Json& shape = json.at("input_shape");
  require(shape.size() == 3, "input_shape needs three numbers");
  network.in_channels = integer(shape.at(0));
  network.height = integer(shape.at(1));
  network.width_pixels = integer(shape.at(2));
  description.mean = json.at("mean").get<std::vector<float>>();
  description.std = json.at("std").get<std::vector<float>>();
  if (json.contains("class_names")) {
    description.class_names = names_of_classes(json.at("class_names"), network.classes);
  }
  return description;
}

}  // namespace saddle
