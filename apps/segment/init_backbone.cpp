#include "apps/segment/init_backbone.h"

#include <string_view>

#include "apps/common/read_slot.h"

namespace saddle {
namespace {

constexpr std::string_view kBackbone = "backbone.";

// The values of a layout, those of the backbone from the file.
std::vector<float> taken(const WeightLayout& layout, const Tensor& buffer,
                         const SafetensorsFile& file, Complaints& complaints) {
  std::vector<float> host = buffer.to_host<float>();
  for (Slot slot : layout.slots()) {
    slot.name = torchvision_name(slot.name);  // the file's, for the complaints
    if (slot.name.empty()) continue;
    const std::vector<float> values = read_slot(file, slot, slot.name, complaints);
    if (!values.empty()) WeightLayout::from_file_order(slot, values, host);
  }
  return host;
}

}  // namespace

std::string torchvision_name(const std::string& name) {
  if (!name.starts_with(kBackbone)) return "";
  const std::string rest = name.substr(kBackbone.size());
  for (const std::string level : {"low_level_features.", "high_level_features."}) {
    if (rest.starts_with(level)) return "features." + rest.substr(level.size());
  }
  return rest;
}

void load_backbone(Model& model, const SafetensorsFile& file) {
  Complaints complaints;
  const NetworkLayout& layout = model.network.layout;
  const std::vector<float> weights = taken(layout.weights, model.weights, file, complaints),
                           statistics =
                               taken(layout.statistics, model.statistics, file, complaints);
  complaints.raise(file.file_name() + ": is no backbone of " + model.network.options.model,
                   "It needs torchvision's names and width 1, or the --width it was trained with");
  model.weights.copy_from_host(weights.data());
  model.statistics.copy_from_host(statistics.data());
}

}  // namespace saddle
