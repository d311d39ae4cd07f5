#include "apps/common/checkpoint.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <nlohmann/json.hpp>
#include <set>

#include "core/json_text.h"
#include "core/printable.h"

namespace saddle {
namespace {

using Json = nlohmann::json;

constexpr const char* kRunningVar = ".running_var";
constexpr const char* kBatchesTracked = ".num_batches_tracked";

std::string describe(const Classifier& model) {
  const NetworkOptions& options = model.network.options;
  Json own = {{"width", options.width}};
  if (options.patch > 0) own["patch"] = options.patch;
  return Json{{"model", options.model},
              {"options", own},
              {"classes", options.classes},
              {"input_shape", {options.in_channels, options.height, options.width_pixels}},
              {"mean", model.mean},
              {"std", model.std}}
      .dump();
}

// More than any model has. A larger number is a damaged or hostile file, and would overflow sizes.
constexpr std::int64_t kLargestExtent = 1'000'000;

std::int64_t integer(const Json& json) {
  require(json.is_number_integer(), "expected an integer");
  return json.get<std::int64_t>();
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
      const Json json = parse_json(entry->second);
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
    } catch (const std::exception&) {
      fail(file.file_name(),
           ": its 'saddle' metadata is not the JSON object Saddle writes (model, options, "
           "classes, input_shape, mean, std). Write it again, or remove the entry and use --model "
           "and "
           "--classes");
    }
  }
  if (overrides.model) network.model = *overrides.model;
  if (overrides.width) network.width = *overrides.width;
  if (overrides.patch) network.patch = *overrides.patch;
  if (overrides.classes) network.classes = *overrides.classes;
  if (overrides.input_shape) {
    network.in_channels = overrides.input_shape->at(0);
    network.height = overrides.input_shape->at(1);
    network.width_pixels = overrides.input_shape->at(2);
  }
  if (overrides.mean) description.mean = *overrides.mean;
  if (overrides.std) description.std = *overrides.std;
  for (std::int64_t extent :
       {network.classes, network.in_channels, network.height, network.width_pixels}) {
    require(extent >= 1 && extent <= kLargestExtent, file.file_name(), ": ", extent,
            " classes, channels or pixels are outside 1 to ", kLargestExtent,
            ". Check --classes and --input-shape, or the file's 'saddle' metadata");
  }
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
    constexpr int kMostListed = 20;
    constexpr std::size_t kMostShownOfOne = 160;  // bytes: a stranger's name may be long
    if (++count_ <= kMostListed) {
      list_ += (count_ > 1 ? "; " : "") + printable(text(parts...), kMostShownOfOne);
    } else if (count_ == kMostListed + 1) {
      list_ += "; and others";
    }
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

bool holds_floats(DType dtype) {
  return dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16 || dtype == DType::f64;
}

// The values of each slot of `layout` in the file's order. Nothing is allocated but what the file
// holds.
std::vector<std::vector<float>> read_slots(const SafetensorsFile& file, const WeightLayout& layout,
                                           const std::string& prefix,
                                           std::set<std::string>& surplus, Complaints& complaints) {
  std::vector<std::vector<float>> slots;
  for (const Slot& slot : layout.slots()) {
    const std::string name = prefix + slot.name;
    std::vector<float>& values = slots.emplace_back();
    surplus.erase(name);
    if (!file.contains(name)) {
      complaints.add(slot.name, " is missing");
      continue;
    }
    const FileTensor& tensor = file.tensor(name);
    if (tensor.shape != slot.file_shape()) {
      complaints.add(slot.name, " has shape ", tensor.shape, ", expected ", slot.file_shape());
      continue;
    }
    if (!holds_floats(tensor.dtype)) {
      complaints.add(slot.name, " holds ", name_of(tensor.dtype), ", expected f32");
      continue;
    }
    values = file.read_f32(name);
    if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); })) {
      complaints.add(slot.name, " holds a value that is not finite");
    }
    if (slot.name.ends_with(kRunningVar) &&
        std::any_of(values.begin(), values.end(), [](float v) { return v < 0; })) {
      complaints.add(slot.name, " holds a negative variance");
    }
  }
  return slots;
}

// A flat buffer of `layout`.
std::vector<float> joined(const WeightLayout& layout,
                          const std::vector<std::vector<float>>& slots) {
  std::vector<float> buffer(static_cast<std::size_t>(layout.size()), 0.f);
  for (std::size_t i = 0; i < slots.size(); ++i) {
    WeightLayout::from_file_order(layout.slots()[i], slots[i], buffer);
  }
  return buffer;
}

// A model's values on the host.
struct Values {
  std::vector<float> weights, statistics;
  std::int64_t batches_tracked = 0;

  void copy_to(Classifier& model) const {
    model.weights.copy_from_host(weights.data());
    model.statistics.copy_from_host(statistics.data());
    model.batches_tracked = batches_tracked;
  }
};

bool any_given(const CheckpointOverrides& given) {
  return given.model || given.width || given.patch || given.classes || given.input_shape ||
         given.mean || given.std;
}

// What `make` makes of the file's description under the user's overrides; its Error is told with the
// file's name, as one of the command line where that had a part in it.
template <class Make>
auto told_with_name(const SafetensorsFile& file, const CheckpointOverrides& overrides, Make make) {
  try {
    return make();
  } catch (const Error& error) {
    const std::string message = text(file.file_name(), ": ", error.what());
    if (any_given(overrides)) throw UsageError(message);
    throw Error(message);
  }
}

// "module." where every name begins with it, as PyTorch's DataParallel names tensors; else "".
std::string data_parallel_prefix(const SafetensorsFile& file) {
  const std::string prefix = "module.";
  const auto names = file.names();
  const bool all = std::all_of(names.begin(), names.end(),
                               [&](const std::string& name) { return name.starts_with(prefix); });
  return all && !names.empty() ? prefix : "";
}

// Throws as load_values; memory is taken only once the file is known to hold as much.
Values read_values(const SafetensorsFile& file, const NetworkLayout& layout,
                   const std::string& prefix) {
  std::set<std::string> surplus;
  for (const std::string& name : file.names()) {
    if (name.starts_with(prefix)) surplus.insert(name);
  }
  Complaints complaints;
  const auto weights = read_slots(file, layout.weights, prefix, surplus, complaints);
  const auto statistics = read_slots(file, layout.statistics, prefix, surplus, complaints);
  std::int64_t tracked = 0;
  for (const std::string& name : batch_norm_names(layout.statistics)) {
    // Not needed (momentum is fixed), so a file without it is taken.
    const std::string counter = prefix + name + kBatchesTracked;
    surplus.erase(counter);
    if (!file.contains(counter)) continue;
    const std::vector<std::int64_t> value = file.read_i64(counter);
    if (value.size() == 1) tracked = std::max(tracked, value[0]);
  }
  // The WideResNet of TRADES' code carries a copy of block1 that no forward pass uses.
  std::erase_if(surplus,
                [&](const std::string& name) { return name.starts_with(prefix + "sub_block1."); });
  for (const std::string& name : surplus)
    complaints.add(name.substr(prefix.size()), " is not in the model");
  complaints.raise(file.file_name());
  return {joined(layout.weights, weights), joined(layout.statistics, statistics), tracked};
}

}  // namespace

void save_checkpoint(const std::filesystem::path& path, const Classifier& model) {
  std::deque<std::vector<float>> values;  // keeps what the entries point at
  std::vector<NamedTensor> entries;
  const auto add = [&](const WeightLayout& layout, const Tensor& buffer) {
    const std::vector<float> host = buffer.to_host<float>();
    for (const Slot& slot : layout.slots()) {
      values.push_back(WeightLayout::to_file_order(slot, host));
      entries.push_back(
          {slot.name, DType::f32, slot.file_shape(), std::as_bytes(std::span(values.back()))});
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
  const std::string full = prefix.empty() ? data_parallel_prefix(file) : prefix;
  read_values(file, model.network.layout, full).copy_to(model);
}

Classifier load_checkpoint(const std::filesystem::path& path, Device& device,
                           const CheckpointOverrides& overrides, const ModelDescription& fallback) {
  const SafetensorsFile file = SafetensorsFile::load(path);
  const ModelDescription description = read_description(file, overrides, fallback);
  // The file is held against the layout before the model is made: what a hostile description asks
  // for must not be allocated.
  const auto layout =
      told_with_name(file, overrides, [&] { return make_network(description.network).layout; });
  const Values values = read_values(file, layout, data_parallel_prefix(file));
  Classifier model = told_with_name(file, overrides, [&] { return Classifier(device, description, 0); });
  values.copy_to(model);
  return model;
}

}  // namespace saddle
