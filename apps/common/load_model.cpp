#include "apps/common/load_model.h"

#include <algorithm>

#include "apps/common/class_names.h"

namespace saddle {
namespace {

std::string shape_text(std::int64_t channels, std::int64_t height, std::int64_t width) {
  return text(channels, " x ", height, " x ", width);
}

void check_classes(Model& model, const std::string& checkpoint, const Dataset& data) {
  const std::string differences =
      model.class_names.empty() || data.class_names.empty()
          ? ""
          : class_name_differences(model.class_names, data.class_names, data.name);
  require(differences.empty(), checkpoint, ": its classes are not those of ", data.name, ": ",
          differences, ". Give what it was trained on, with --dataset and --data-dir");
  // Its classes are the folders that are there: with one missing, the labels would be others'.
  const bool folders = data.name == "image-folder";
  require(!folders || data.classes == model.classes(), checkpoint, ": the model has ",
          model.classes(), " classes, ", data.name, " has ", data.classes,
          " folders. Put back what --data-dir had in training");
  if (folders && model.class_names.empty()) {
    std::string list;
    constexpr std::size_t kMostListed = 5;
    const std::size_t count = std::min(kMostListed, data.class_names.size());
    for (std::size_t i = 0; i < count; ++i) {
      list += text(i > 0 ? ", " : "", i, " '", data.class_names[i], "'");
    }
    model.assumptions.push_back(
        text("the file does not name its classes: they are taken to be the "
             "folders in the order of their names (",
             list, count < data.class_names.size() ? ", ..." : "", ")"));
  }
}

}  // namespace

Model load_model(const std::string& checkpoint, const CheckpointOverrides& overrides,
                 Device& device, const Dataset& data, Precision precision) {
  ModelDescription fallback;
  fallback.network.in_channels = data.channels;
  fallback.network.height = data.height;
  fallback.network.width_pixels = data.width;
  fallback.mean = data.mean;
  fallback.std = data.std;
  Model model = load_checkpoint(checkpoint, device, overrides, fallback);
  model.precision = precision;
  const std::string& name = model.network.options.model;
  require(!labels_pixels(name), checkpoint, ": ", name,
          " labels pixels, this program needs a network that names images. Use saddle-segment");
  require(!reads_text(name), checkpoint, ": ", name,
          " reads text, this program needs a network that names images. Use saddle-text");

  const NetworkOptions& network = model.network.options;
  const std::string expected =
      shape_text(network.in_channels, network.height, network.width_pixels);
  const std::string given = shape_text(data.channels, data.height, data.width);
  require(expected == given, checkpoint, ": the model sees images of ", expected,
          " (channels x height x width), ", data.name, " has ", given,
          ". Name the data set it was trained on with --dataset",
          data.name == "image-folder" ? ", and its --image-size, --pad-to and --channels" : "");
  check_classes(model, checkpoint, data);
  const std::int32_t largest = *std::max_element(data.labels.begin(), data.labels.end());
  require(largest < model.classes(), checkpoint, ": the model has ", model.classes(), " classes, ",
          data.name, " has labels up to ", largest,
          " (counted from 0). Name the data set it was trained on with --dataset");
  return model;
}

std::string match_labels(Dataset& data, const std::string& checkpoint) {
  const std::vector<std::string> names = class_names_of(SafetensorsFile::load(checkpoint));
  if (names.empty() || !order_classes(data, names)) return "";
  return text(data.name, " has the classes of ", checkpoint,
              " in another order: its labels follow the checkpoint's names");
}

}  // namespace saddle
