#include "apps/common/model_json.h"

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/json_text.h"

namespace saddle {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kLongestClassName = 1000;

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

}  // namespace

std::string model_json(const ModelDescription& description) {
  const NetworkOptions& network = description.network;
  Json own = {{"width", network.width}};
  if (network.patch > 0) own["patch"] = network.patch;
  Json json = {{"model", network.model},
               {"options", own},
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
  network.width = integer(json.at("options").value("width", Json(0)));
  network.patch = integer(json.at("options").value("patch", Json(0)));
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
