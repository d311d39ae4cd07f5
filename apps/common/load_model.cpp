#include "apps/common/load_model.h"

#include <algorithm>

namespace saddle {
namespace {

std::string shape_text(std::int64_t channels, std::int64_t height, std::int64_t width) {
  return text(channels, " x ", height, " x ", width);
}

}  // namespace

Classifier load_model(const std::string& checkpoint, const CheckpointOverrides& overrides,
                      Device& device, const Dataset& data, Precision precision) {
  ModelDescription fallback;
  fallback.network.in_channels = data.channels;
  fallback.network.height = data.height;
  fallback.network.width_pixels = data.width;
  fallback.mean = data.mean;
  fallback.std = data.std;
  Classifier model = load_checkpoint(checkpoint, device, overrides, fallback);
  model.precision = precision;

  const NetworkOptions& network = model.network.options;
  const std::string expected =
      shape_text(network.in_channels, network.height, network.width_pixels);
  const std::string given = shape_text(data.channels, data.height, data.width);
  require(expected == given, checkpoint, ": the model sees images of ", expected,
          " (channels x height x width), ", data.name, " has ", given,
          ". Name the data set it was trained on with --dataset",
          data.name == "image-folder" ? ", and its --image-size, --pad-to and --channels" : "");
  // Its classes are the folders that are there: with one missing, the labels would be others'.
  require(data.name != "image-folder" || data.classes == model.classes(), checkpoint,
          ": the model has ", model.classes(), " classes, ", data.name, " has ", data.classes,
          " folders. Put back what --data-dir had in training");
  const std::int32_t largest = *std::max_element(data.labels.begin(), data.labels.end());
  require(largest < model.classes(), checkpoint, ": the model has ", model.classes(), " classes, ",
          data.name, " has labels up to ", largest,
          " (counted from 0). Name the data set it was trained on with --dataset");
  return model;
}

}  // namespace saddle
