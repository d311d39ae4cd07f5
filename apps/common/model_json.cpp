#include "apps/common/model_json.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/json_text.h"

namespace saddle {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kLongestClassName = 1000;

constexpr const char* kBefore = "before";
constexpr const char* kInside = "inside";
constexpr const char* kExactGelu = "gelu";
constexpr const char* kTanhGelu = "gelu_tanh";

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

const std::map<TextPooling, std::string> kPoolings = {{TextPooling::first_tanh, "first_tanh"},
                                                      {TextPooling::first_relu, "first_relu"},
                                                      {TextPooling::mean, "mean"}};

Json to_json(const TextOptions& text) {
  return {{"vocabulary", text.vocabulary},
          {"positions", text.positions},
          {"width", text.width},
          {"layers", text.layers},
          {"heads", text.heads},
          {"hidden", text.hidden},
          {"kinds", text.kinds},
          {"eps", text.eps},
          {"activation", text.activation == GeluForm::exact ? kExactGelu : kTanhGelu},
          {"pooling", kPoolings.at(text.pooling)},
          {"dropout", text.dropout},
          {"attention_dropout", text.attention_dropout},
          {"head_dropout", text.head_dropout},
          {"padding", text.padding},
          {"max_length", text.max_length},
          {"vocabulary_hash", text.vocabulary_hash}};
}

TextOptions text_of(const Json& json) {
  TextOptions text;
  for (const auto& [key, value] : {std::pair{"vocabulary", &text.vocabulary},
                                   {"positions", &text.positions},
                                   {"width", &text.width},
                                   {"layers", &text.layers},
                                   {"heads", &text.heads},
                                   {"hidden", &text.hidden},
                                   {"kinds", &text.kinds},
                                   {"padding", &text.padding},
                                   {"max_length", &text.max_length}}) {
    *value = integer(json.at(key));
  }
  for (const auto& [key, value] : {std::pair{"eps", &text.eps},
                                   {"dropout", &text.dropout},
                                   {"attention_dropout", &text.attention_dropout},
                                   {"head_dropout", &text.head_dropout}}) {
    *value = json.at(key).get<float>();
  }
  const std::string activation = json.at("activation"), pooling = json.at("pooling");
  require(activation == kExactGelu || activation == kTanhGelu, "activation is no GELU");
  text.activation = activation == kExactGelu ? GeluForm::exact : GeluForm::tanh;
  const auto known = std::ranges::find(kPoolings, pooling, [](const auto& p) { return p.second; });
  require(known != kPoolings.end(), "pooling is unknown");
  text.pooling = known->first;
  text.vocabulary_hash = json.at("vocabulary_hash").get<std::string>();
  return text;
}

Json own_options(const NetworkOptions& network) {
  if (labels_pixels(network.model)) return to_json(network.deeplab);
  if (reads_text(network.model)) return to_json(network.text);
  Json own = {{"width", network.width}};
  if (network.patch > 0) own["patch"] = network.patch;
  return own;
}

void take_own_options(const Json& own, NetworkOptions& network) {
  if (labels_pixels(network.model)) {
    network.deeplab = deeplab_of(own);
    return;
  }
  if (reads_text(network.model)) {
    network.text = text_of(own);
    return;
  }
  network.width = integer(own.value("width", Json(0)));
  network.patch = integer(own.value("patch", Json(0)));
}

// What the input of a network for images is.
void take_images(const Json& json, ModelDescription& description) {
  const Json& shape = json.at("input_shape");
  require(shape.size() == 3, "input_shape needs three numbers");
  NetworkOptions& network = description.network;
  network.in_channels = integer(shape.at(0));
  network.height = integer(shape.at(1));
  network.width_pixels = integer(shape.at(2));
  description.mean = json.at("mean").get<std::vector<float>>();
  description.std = json.at("std").get<std::vector<float>>();
}

}  // namespace

std::string model_json(const ModelDescription& description) {
  const NetworkOptions& network = description.network;
  Json json = {
      {"model", network.model}, {"options", own_options(network)}, {"classes", network.classes}};
  if (!reads_text(network.model)) {
    json["input_shape"] = {network.in_channels, network.height, network.width_pixels};
    json["mean"] = description.mean;
    json["std"] = description.std;
  }
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
  if (!reads_text(network.model)) take_images(json, description);
  if (json.contains("class_names")) {
    description.class_names = names_of_classes(json.at("class_names"), network.classes);
  }
  return description;
}

}  // namespace saddle
