#include "apps/common/checkpoint.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <set>

#include "apps/common/class_names.h"
#include "apps/common/model_json.h"
#include "apps/common/read_slot.h"
#include "apps/common/wrapping.h"

namespace saddle {
namespace {

constexpr const char* kBatchesTracked = ".num_batches_tracked";

// More than any model has. A larger number is a damaged or hostile file, and would overflow sizes.
constexpr std::int64_t kLargestExtent = 1'000'000;

// PyTorch counts batches in 64 bits; a larger number is none that was counted.
constexpr double kMostBatches = 1e15;

// Empty where the file does not describe itself.
std::optional<ModelDescription> own_description(const SafetensorsFile& file) {
  const auto entry = file.metadata().find("saddle");
  if (entry == file.metadata().end()) return {};
  try {
    return parse_model_json(entry->second);
  } catch (const std::exception&) {
    fail(
        file.file_name(),
        ": its 'saddle' metadata is not the JSON object Saddle writes (model, options, classes, "
        "input_shape, mean, std, class_names). Write it again, or remove the entry and use --model "
        "and --classes");
  }
}

// The metadata of `file` under the user's overrides.
ModelDescription read_description(const SafetensorsFile& file, const CheckpointOverrides& overrides,
                                  const ModelDescription& fallback) {
  const std::optional<ModelDescription> own = own_description(file);
  require(own || (overrides.model && overrides.classes), file.file_name(),
          ": has no 'saddle' metadata. Say what it is with --model and --classes");
  ModelDescription description = own ? *own : fallback;
  NetworkOptions& network = description.network;
  if (overrides.model) network.model = *overrides.model;
  if (overrides.width) network.width = *overrides.width;
  if (overrides.patch) network.patch = *overrides.patch;
  if (overrides.deeplab) overrides.deeplab(network.deeplab);
  if (overrides.classes) network.classes = *overrides.classes;
  if (static_cast<std::int64_t>(description.class_names.size()) != network.classes) {
    description.class_names.clear();
  }
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

// The values of the first `count` slots of `layout`. Nothing is allocated but what the file holds.
std::vector<std::vector<float>> read_slots(const SafetensorsFile& file, const WeightLayout& layout,
                                           std::size_t count, const std::string& prefix,
                                           std::set<std::string>& surplus, Complaints& complaints) {
  std::vector<std::vector<float>> slots;
  for (std::size_t i = 0; i < count; ++i) {
    const Slot& slot = layout.slots()[i];
    surplus.erase(prefix + slot.name);
    slots.push_back(read_slot(file, slot, prefix + slot.name, complaints));
  }
  return slots;
}

// 0 where the tensor is no counter: it is not needed (momentum is fixed).
std::int64_t counter(const SafetensorsFile& file, const std::string& name) {
  const FileTensor& tensor = file.tensor(name);
  if (tensor.shape.count() != 1 || tensor.dtype == DType::boolean) return 0;
  const double value = holds_floats(tensor.dtype) ? file.read_f32(name)[0]
                                                  : static_cast<double>(file.read_i64(name)[0]);
  return value >= 0 && value <= kMostBatches ? static_cast<std::int64_t>(value) : 0;
}

// A model's values on the host, in the file's order slot by slot.
struct Values {
  std::vector<std::vector<float>> weights, statistics;  // of the first slots
  std::int64_t batches_tracked = 0;
  std::optional<Normaliser> normaliser;

  // The slots that are not held keep what they are.
  void copy_to(Model& model) const {
    put(model.network.layout.weights, weights, model.weights);
    put(model.network.layout.statistics, statistics, model.statistics);
    model.batches_tracked = batches_tracked;
  }

 private:
  static void put(const WeightLayout& layout, const std::vector<std::vector<float>>& slots,
                  Tensor& buffer) {
    std::vector<float> host = buffer.to_host<float>();
    for (std::size_t i = 0; i < slots.size(); ++i) {
      WeightLayout::from_file_order(layout.slots()[i], slots[i], host);
    }
    buffer.copy_from_host(host.data());
  }
};

bool any_given(const CheckpointOverrides& given) {
  return given.model || given.width || given.patch || given.classes || given.input_shape ||
         given.mean || given.std;
}

// What `make` makes of the file's description under the user's overrides; its Error is told with
// the file's name, as one of the command line where that had a part in it.
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

// A network's last two weights, weight and bias of the layer that knows the classes.
constexpr std::size_t kHeadSlots = 2;

// How many classes the file's last layer knows, where it is otherwise the network's.
std::optional<std::int64_t> classes_of_head(const SafetensorsFile& file,
                                            const NetworkLayout& layout) {
  const std::vector<Slot>& slots = layout.weights.slots();
  const Slot& weight = slots[slots.size() - kHeadSlots];
  const std::string name = wrapping_of(file, layout).prefix + weight.name;
  if (!file.contains(name)) return {};
  const Shape &is = file.tensor(name).shape, expected = weight.file_shape();
  if (is.rank() != expected.rank()) return {};
  for (int axis = 1; axis < is.rank(); ++axis) {
    if (is[axis] != expected[axis]) return {};
  }
  return is[0];
}

// Throws as load_values; memory is taken only once the file is known to hold as much.
Values read_values(const SafetensorsFile& file, const NetworkLayout& layout, std::int64_t channels,
                   Head head, const std::optional<std::string>& prefix) {
  const Wrapping wrapping = prefix ? Wrapping{*prefix, {}} : wrapping_of(file, layout);
  const std::string& front = wrapping.prefix;
  std::set<std::string> surplus;
  for (const std::string& name : file.names()) {
    if (!prefix || name.starts_with(front)) surplus.insert(name);
  }
  Values values;
  Complaints complaints;
  const std::vector<Slot>& slots = layout.weights.slots();
  const std::size_t body = slots.size() - kHeadSlots;
  values.weights = read_slots(file, layout.weights, body, front, surplus, complaints);
  values.statistics = read_slots(file, layout.statistics, layout.statistics.slots().size(), front,
                                 surplus, complaints);
  for (std::size_t i = body; i < slots.size(); ++i) {
    surplus.erase(front + slots[i].name);
    if (head == Head::fresh) continue;
    values.weights.push_back(read_slot(file, slots[i], front + slots[i].name, complaints));
  }
  for (const std::string& name : batch_norm_names(layout.statistics)) {
    if (!file.contains(front + name + kBatchesTracked)) continue;
    surplus.erase(front + name + kBatchesTracked);
    values.batches_tracked =
        std::max(values.batches_tracked, counter(file, front + name + kBatchesTracked));
  }
  // The WideResNet of TRADES' code carries a copy of block1 that no forward pass uses.
  std::erase_if(surplus,
                [&](const std::string& name) { return name.starts_with(front + "sub_block1."); });
  values.normaliser = take_wrapping(file, wrapping, channels, surplus);
  for (const std::string& name : surplus) {
    complaints.add(name.starts_with(front) ? name.substr(front.size()) : name,
                   " is not in the model");
  }
  complaints.raise(file.file_name() + ": does not fit the model",
                   "Check --model, --width and --classes");
  return values;
}

std::string list_of(const std::vector<float>& values) {
  std::string list;
  for (float value : values) list += (list.empty() ? "" : ", ") + text(value);
  return list;
}

// A normaliser works on what the module is given; here that is pixels in [0, 1].
void check_range(const SafetensorsFile& file, const Normaliser& normaliser) {
  const bool fits =
      std::ranges::all_of(normaliser.mean, [](float m) { return m >= 0 && m <= 1; }) &&
      std::ranges::all_of(normaliser.std, [](float s) { return s <= 1; });
  require(fits, file.file_name(), ": its normaliser (", normaliser.mean_name, " ",
          list_of(normaliser.mean), "; ", normaliser.std_name, " ", list_of(normaliser.std),
          ") is not of pixels in [0, 1]. Say what is with --mean and --std");
}

// Mean and std of the model: the user's, the normaliser's, the metadata's, or the fallback's.
void choose_normalisation(const SafetensorsFile& file, const CheckpointOverrides& overrides,
                          const Values& values, bool described, ModelDescription& description,
                          std::vector<std::string>& assumptions) {
  if (overrides.mean && overrides.std) return;
  if (const std::optional<Normaliser>& normaliser = values.normaliser) {
    const std::vector<float> mean = overrides.mean.value_or(normaliser->mean),
                             std = overrides.std.value_or(normaliser->std);
    check_range(file, {normaliser->mean_name, normaliser->std_name, mean, std});
    require(!described || (description.mean == mean && description.std == std), file.file_name(),
            ": its 'saddle' metadata and its normaliser (", normaliser->mean_name, ", ",
            normaliser->std_name,
            ") differ. Say which mean and std are meant with --mean and --std");
    description.mean = mean;
    description.std = std;
    assumptions.push_back(text("mean ", list_of(mean), " and std ", list_of(std),
                               " are those of the normaliser in the file (", normaliser->mean_name,
                               ", ", normaliser->std_name, ")"));
  } else if (!described) {
    require(!description.mean.empty() && !description.std.empty(), file.file_name(),
            ": neither the file nor the data set says by which mean and std its pixels are "
            "normalised. Say so with --mean and --std");
    assumptions.push_back(text("the file does not say how its pixels are normalised: mean ",
                               list_of(description.mean), " and std ", list_of(description.std),
                               " are taken. Others are said with --mean and --std"));
  }
}

}  // namespace

void save_checkpoint(const std::filesystem::path& path, const Model& model) {
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
  save_safetensors(
      path, entries,
      {{"saddle", model_json({model.network.options, model.mean, model.std, model.class_names})}});
}

std::vector<std::string> class_names_of(const SafetensorsFile& file) {
  const std::optional<ModelDescription> own = own_description(file);
  return own ? own->class_names : std::vector<std::string>();
}

void load_values(Model& model, const SafetensorsFile& file, const std::string& prefix) {
  const auto given = prefix.empty() ? std::nullopt : std::optional(prefix);
  read_values(file, model.network.layout, model.network.options.in_channels, Head::of_file, given)
      .copy_to(model);
}

std::vector<std::string> load_initial_values(Model& model, const SafetensorsFile& file, Head head,
                                             const std::string& dataset) {
  std::vector<std::string> remarks;
  const auto others = classes_of_head(file, model.network.layout);
  if (head == Head::of_file && others && *others != model.classes()) {
    head = Head::fresh;
    remarks.push_back(text(file.file_name(), ": was trained for ", *others,
                           " classes, this run has ", model.classes(),
                           ": its last layer is left out and begins anew"));
  }
  const Values values =
      read_values(file, model.network.layout, model.network.options.in_channels, head, {});
  const std::optional<ModelDescription> own = own_description(file);
  const std::vector<float> mean = values.normaliser ? values.normaliser->mean
                                  : own             ? own->mean
                                                    : model.mean,
                           std = values.normaliser ? values.normaliser->std
                                 : own             ? own->std
                                                   : model.std;
  if (mean != model.mean || std != model.std) {
    remarks.push_back(text(file.file_name(), ": was trained with mean ", list_of(mean), " and std ",
                           list_of(std), ", this run normalises with ", list_of(model.mean),
                           " and ", list_of(model.std)));
  }
  if (own && head == Head::of_file && !model.class_names.empty() && !own->class_names.empty()) {
    const std::string differences =
        class_name_differences(own->class_names, model.class_names, dataset);
    if (!differences.empty()) {
      remarks.push_back(text(file.file_name(), ": its head was trained for other classes (",
                             differences, "). --new-head begins with a new one"));
    }
  }
  values.copy_to(model);
  return remarks;
}

Model load_checkpoint(const std::filesystem::path& path, Device& device,
                      const CheckpointOverrides& overrides, const ModelDescription& fallback) {
  const SafetensorsFile file = SafetensorsFile::load(path);
  ModelDescription description = read_description(file, overrides, fallback);
  // The file is held against the layout before the model is made: what a hostile description asks
  // for must not be allocated.
  const auto layout =
      told_with_name(file, overrides, [&] { return make_network(description.network).layout; });
  const Values values =
      read_values(file, layout, description.network.in_channels, Head::of_file, {});
  std::vector<std::string> assumptions;
  choose_normalisation(file, overrides, values, file.metadata().contains("saddle"), description,
                       assumptions);
  Model model = told_with_name(file, overrides, [&] { return Model(device, description, {}); });
  values.copy_to(model);
  model.assumptions = std::move(assumptions);
  return model;
}

}  // namespace saddle
