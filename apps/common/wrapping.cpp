#include "apps/common/wrapping.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

namespace saddle {
namespace {

// What modules call them.
struct Pair {
  const char *mean, *std;
};
constexpr std::array kNormalisers = {Pair{"mean", "std"}, Pair{"mu", "sigma"},
                                     Pair{"new_mean", "new_std"}, Pair{"means", "stds"}};

// No network's names are longer; trying every part of a stranger's would take for ever.
constexpr std::size_t kLongestName = 1000;

// Of "a.b.c": "c".
std::string_view last_part(std::string_view name) { return name.substr(name.rfind('.') + 1); }

// The values of a tensor that holds one number a channel, or one for all: [C], [1, C, 1, 1], [].
// Empty for others.
std::vector<float> per_channel(const SafetensorsFile& file, const std::string& name,
                               std::int64_t channels) {
  const FileTensor& tensor = file.tensor(name);
  const auto wide = std::ranges::count_if(tensor.shape, [](std::int64_t n) { return n != 1; });
  const std::int64_t count = tensor.shape.count();
  if (wide > 1 || (count != channels && count != 1) || !holds_floats(tensor.dtype)) return {};
  std::vector<float> values = file.read_f32(name);
  values.resize(static_cast<std::size_t>(channels), values.front());
  return values;
}

// Where `name` is a normaliser's mean and its deviation stands beside it.
std::optional<Normaliser> normaliser_at(const SafetensorsFile& file, const std::string& name,
                                        std::int64_t channels,
                                        const std::set<std::string>& surplus) {
  for (const Pair& pair : kNormalisers) {
    if (last_part(name) != pair.mean) continue;
    const std::string deviation = name.substr(0, name.size() - last_part(name).size()) + pair.std;
    if (!surplus.contains(deviation)) continue;
    Normaliser found{name, deviation, per_channel(file, name, channels),
                     per_channel(file, deviation, channels)};
    if (!found.mean.empty() && !found.std.empty()) return found;
  }
  return {};
}

bool same_tensor(const FileTensor& a, const FileTensor& b) {
  return a.dtype == b.dtype && a.shape == b.shape && std::ranges::equal(a.bytes, b.bytes);
}

// A module that is held twice has its tensors in the file twice.
bool is_copy(const SafetensorsFile& file, const Wrapping& wrapping, const std::string& name) {
  return std::ranges::any_of(wrapping.copies, [&](const std::string& prefix) {
    if (!name.starts_with(prefix)) return false;
    const std::string own = wrapping.prefix + name.substr(prefix.size());
    return own != name && file.contains(own) && same_tensor(file.tensor(own), file.tensor(name));
  });
}

}  // namespace

bool holds_floats(DType dtype) {
  return dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16 || dtype == DType::f64;
}

Wrapping wrapping_of(const SafetensorsFile& file, const NetworkLayout& layout) {
  std::set<std::string, std::less<>> wanted;
  for (const WeightLayout* part : {&layout.weights, &layout.statistics}) {
    for (const Slot& slot : part->slots()) wanted.insert(slot.name);
  }
  std::map<std::string, std::size_t> found;  // how many of the names stand under a prefix
  for (const auto& [name, tensor] : file.tensors()) {
    if (name.size() > kLongestName) continue;
    for (std::size_t at = 0; at < name.size();) {
      if (wanted.contains(std::string_view(name).substr(at))) ++found[name.substr(0, at)];
      const std::size_t dot = name.find('.', at);
      at = dot == std::string::npos ? name.size() : dot + 1;
    }
  }
  std::size_t most = 0;
  for (const auto& [prefix, count] : found) most = std::max(most, count);
  Wrapping wrapping;
  for (const auto& [prefix, count] : found) {
    if (count == most) wrapping.copies.push_back(prefix);
  }
  std::ranges::stable_sort(wrapping.copies, {}, &std::string::size);
  if (wrapping.copies.empty()) return wrapping;
  wrapping.prefix = wrapping.copies.front();
  wrapping.copies.erase(wrapping.copies.begin());
  return wrapping;
}

std::optional<Normaliser> take_wrapping(const SafetensorsFile& file, const Wrapping& wrapping,
                                        std::int64_t channels, std::set<std::string>& surplus) {
  std::erase_if(surplus, [&](const std::string& name) {
    return last_part(name) == "n_averaged" || is_copy(file, wrapping, name);
  });
  std::vector<Normaliser> found;
  for (const std::string& name : surplus) {
    if (auto normaliser = normaliser_at(file, name, channels, surplus)) {
      found.push_back(std::move(*normaliser));
    }
  }
  if (found.empty()) return {};
  const auto differs = [&](const Normaliser& other) {
    return other.mean != found[0].mean || other.std != found[0].std;
  };
  if (std::any_of(found.begin() + 1, found.end(), differs)) return {};
  for (const Normaliser& normaliser : found) {
    surplus.erase(normaliser.mean_name);
    surplus.erase(normaliser.std_name);
  }
  return found[0];
}

}  // namespace saddle
