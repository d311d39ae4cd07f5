#include "apps/segment/init_backbone.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "apps/common/wrapping.h"

namespace saddle {
namespace {

constexpr std::string_view kBackbone = "backbone.";

// Takes the tensors of one layout; what is wrong is added to `complaints`.
std::vector<float> taken(const WeightLayout& layout, const Tensor& buffer,
                         const SafetensorsFile& file, std::vector<std::string>& complaints) {
  std::vector<float> host = buffer.to_host<float>();
  for (const Slot& slot : layout.slots()) {
    const std::string name = torchvision_name(slot.name);
    if (name.empty()) continue;
    if (!file.contains(name)) {
      complaints.push_back(name + " is missing");
    } else if (const FileTensor& tensor = file.tensor(name);
               tensor.shape != slot.file_shape() || !holds_floats(tensor.dtype)) {
      complaints.push_back(text(name, " is ", name_of(tensor.dtype), ' ', tensor.shape,
                                ", expected floats ", slot.file_shape()));
    } else {
      const std::vector<float> values = file.read_f32(name);
      if (!std::ranges::all_of(values, [](float v) { return std::isfinite(v); })) {
        complaints.push_back(name + " holds a value that is not finite");
      } else if (name.ends_with(".running_var") && std::ranges::min(values) < 0) {
        complaints.push_back(name + " holds a negative variance");
      }
      WeightLayout::from_file_order(slot, values, host);
    }
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
  constexpr std::size_t kMostListed = 10;
  std::vector<std::string> complaints;
  const NetworkLayout& layout = model.network.layout;
  const std::vector<float> weights = taken(layout.weights, model.weights, file, complaints),
                           statistics =
                               taken(layout.statistics, model.statistics, file, complaints);
  std::string list;
  for (std::size_t i = 0; i < std::min(complaints.size(), kMostListed); ++i) {
    list += (i > 0 ? "; " : "") + complaints[i];
  }
  require(complaints.empty(), file.file_name(), ": is no backbone of ", model.network.options.model,
          " (", complaints.size(), " tensors): ", list,
          ". It needs torchvision's names and width 1, or the --width it was trained with");
  model.weights.copy_from_host(weights.data());
  model.statistics.copy_from_host(statistics.data());
}

}  // namespace saddle
