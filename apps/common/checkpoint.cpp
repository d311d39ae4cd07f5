#include "apps/common/checkpoint.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <nlohmann/json.hpp>
#include <set>

namespace saddle {
namespace {

using Json = nlohmann::json;

constexpr const char* kRunningVar = ".running_var";
constexpr const char* kBatchesTracked = ".num_batches_tracked";

std::string describe(const Classifier& model) {
  const NetworkOptions& options = model.network.options;
  return Json{{"model", options.model},
              {"options", {{"width", options.width}}},
              {"classes", options.classes},
              {"input_shape", {options.in_channels, options.height, options.width_pixels}},
              {"mean", model.mean},
              {"std", model.std}}
      .dump();
}

// The metadata of `file` under the user's overrides.
ModelDescription read_description(const SafetensorsFile& file, const CheckpointOverrides& overrides,
                                  const ModelDescription& fallback) {
  ModelDescription description = fallback;
  NetworkOptions& network = description.network;
  const auto entry = file.metadata().find("saddle");
  if (entry == file.metadata().end()) {
    require(overrides.model && overrides.classes, file.file_name(),
            ": has no 'saddle' metadata. Say what it is with --model and --classes");
  } else {
    try {
      const Json json = Json::parse(entry->second);
      network.model = json.at("model").get<std::string>();
      network.classes = json.at("classes").get<std::int64_t>();
      network.width = json.at("options").value("width", std::int64_t{0});
      const auto shape = json.at("input_shape").get<std::vector<std::int64_t>>();
      require(shape.size() == 3, "input_shape needs three numbers");
      network.in_channels = shape[0];
      network.height = shape[1];
      network.width_pixels = shape[2];
      description.mean = json.at("mean").get<std::vector<float>>();
      description.std = json.at("std").get<std::vector<float>>();
    } catch (const std::exception&) {
      fail(file.file_name(), ": its 'saddle' metadata is not the JSON object Saddle writes (model, options, "
           "classes, input_shape, mean, std). Write it again, or remove the entry and use --model and "
           "--classes");
    }
  }
  if (overrides.model) network.model = *overrides.model;
  if (overrides.width) network.width = *overrides.width;
  if (overrides.classes) network.classes = *overrides.classes;
  if (overrides.input_shape) {
    network.in_channels = overrides.input_shape->at(0);
    network.height = overrides.input_shape->at(1);
    network.width_pixels = overrides.input_shape->at(2);
  }
  if (overrides.mean) description.mean = *overrides.mean;
  if (overrides.std) description.std = *overrides.std;
  return description;
}

// "layer1.0.bn1" for every batch-norm layer, in order.
std::vector<std::string> batch_norm_names(const WeightLayout& statistics) {
  std::vector<std::string> names;
  for (const Slot& slot : statistics.slots()) {
    if (slot.name.ends_with(kRunningVar)) {
      names.push_back(slot.name.substr(0, slot.name.size() - std::strlen(kRunningVar)));
    }
  }
  return names;
}

// Collects what is wrong with a file, so that one message names all of it.
class Complaints {
 public:
  template <class... Parts>
  void add(const Parts&... parts) {
    constexpr int kMostListed = 200;
    if (++count_ <= kMostListed) list_ += (count_ > 1 ? "; " : "") + text(parts...);
  }
  void raise(const std::string& file) const {
    if (count_ == 0) return;
    fail(file, ": does not fit the model (", count_, " tensors): ", list_,
         ". Check --model, --width and --classes");
  }

 private:
  int count_ = 0;
  std::string list_;
};

// Fills `buffer` (host) with the slots of `layout` found in the file.
void read_slots(const SafetensorsFile& file, const WeightLayout& layout, const std::string& prefix,
                std::vector<float>& buffer, std::set<std::string>& surplus, Complaints& complaints) {
  for (const Slot& slot : layout.slots()) {
    const std::string name = prefix + slot.name;
    surplus.erase(name);
    if (!file.contains(name)) {
      complaints.add(slot.name, " is missing");
      continue;
    }
    const Shape& shape = file.tensor(name).shape;
    if (shape != slot.file_shape()) {
      complaints.add(slot.name, " has shape ", shape, ", expected ", slot.file_shape());
      continue;
    }
    const std::vector<float> values = file.read_f32(name);
    for (float value : values) {
      if (!std::isfinite(value)) {
        complaints.add(slot.name, " holds a value that is not finite");
        break;
      }
    }
    if (slot.name.ends_with(kRunningVar) &&
        std::any_of(values.begin(), values.end(), [](float v) { return v < 0; })) {
      complaints.add(slot.name, " holds a negative variance");
    }
    WeightLayout::from_file_order(slot, values, buffer);
  }
}

}  // namespace

void save_checkpoint(const std::filesystem::path& path, const Classifier& model) {
  std::deque<std::vector<float>> values;  // keeps what the entries point at
  std::vector<NamedTensor> entries;
  const auto add = [&](const WeightLayout& layout, const Tensor& buffer) {
    const std::vector<float> host = buffer.to_host<float>();
    for (const Slot& slot : layout.slots()) {
      values.push_back(WeightLayout::to_file_order(slot, host));
      entries.push_back({slot.name, DType::f32, slot.file_shape(), std::as_bytes(std::span(values.back()))});
    }
  };
  add(model.network.layout.weights, model.weights);
  add(model.network.layout.statistics, model.statistics);
  const std::span<const std::int64_t, 1> tracked(&model.batches_tracked, 1);
  for (const std::string& name : batch_norm_names(model.network.layout.statistics)) {
    entries.push_back({name + kBatchesTracked, DType::i64, {}, std::as_bytes(tracked)});
  }
  save_safetensors(path, entries, {{"saddle", describe(model)}});
}

void load_values(Classifier& model, const SafetensorsFile& file, const std::string& prefix) {
  const NetworkLayout& layout = model.network.layout;
  std::set<std::string> surplus;
  for (const std::string& name : file.names()) {
    if (name.starts_with(prefix)) surplus.insert(name);
  }
  Complaints complaints;
  std::vector<float> weights(static_cast<std::size_t>(layout.weights.size()), 0.f);
  std::vector<float> statistics(static_cast<std::size_t>(layout.statistics.size()), 0.f);
  read_slots(file, layout.weights, prefix, weights, surplus, complaints);
  read_slots(file, layout.statistics, prefix, statistics, surplus, complaints);
  std::int64_t tracked = 0;
  for (const std::string& name : batch_norm_names(layout.statistics)) {
    // Not needed (momentum is fixed), so a file without it is taken.
    const std::string counter = prefix + name + kBatchesTracked;
    surplus.erase(counter);
    if (!file.contains(counter)) continue;
    const std::vector<std::int64_t> value = file.read_i64(counter);
    if (value.size() == 1) tracked = std::max(tracked, value[0]);
  }
  for (const std::string& name : surplus) complaints.add(name.substr(prefix.size()), " is not in the model");
  complaints.raise(file.file_name());
  model.weights.copy_from_host(weights.data());
  model.statistics.copy_from_host(statistics.data());
  model.batches_tracked = tracked;
}

Classifier load_checkpoint(const std::filesystem::path& path, Device& device,
                           const CheckpointOverrides& overrides, const ModelDescription& fallback) {
  const SafetensorsFile file = SafetensorsFile::load(path);
  Classifier model(device, read_description(file, overrides, fallback), 0);
  load_values(model, file);
  return model;
}

}  // namespace saddle
