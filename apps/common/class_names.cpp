#include "apps/common/class_names.h"

#include <algorithm>
#include <map>

#include "core/error.h"
#include "core/json_text.h"

namespace saddle {
namespace {

using Names = std::vector<std::string>;

// "n01443537"
bool is_wordnet_number(const std::string& name) {
  return name.size() == 9 && name[0] == 'n' &&
         name.find_first_not_of("0123456789", 1) == std::string::npos;
}

bool is_stand_in(const std::string& name, std::size_t place, const std::string& dataset) {
  if (dataset == "image-folder") return false;
  return name == text("class ", place) || (dataset == "tiny-imagenet" && is_wordnet_number(name));
}

Names sorted(Names names) {
  std::ranges::sort(names);
  return names;
}

// Those that `other` lacks, in quotes; the first few.
std::string missing_in(const Names& other, const Names& names) {
  constexpr int kMostListed = 5;
  std::string list;
  int count = 0;
  for (const std::string& name : names) {
    if (std::ranges::find(other, name) != other.end()) continue;
    if (++count <= kMostListed) list += text(list.empty() ? "" : ", ", "'", name, "'");
  }
  if (count > kMostListed) list += text(" and ", count - kMostListed, " more");
  return list;
}

}  // namespace

std::string class_name(const Names& names, std::int64_t c) {
  return c < std::ssize(names) ? names[static_cast<std::size_t>(c)] : text("class ", c);
}

Names storable_names(const Names& names) {
  Names all;
  for (const std::string& name : names) all.push_back(valid_utf8(name));
  return all;
}

std::string class_name_differences(const Names& of_checkpoint, const Names& of_data,
                                   const std::string& dataset) {
  const Names data = storable_names(of_data);
  bool same = of_checkpoint.size() == data.size();
  for (std::size_t i = 0; same && i < data.size(); ++i) {
    same = of_checkpoint[i] == data[i] || is_stand_in(of_checkpoint[i], i, dataset) ||
           is_stand_in(data[i], i, dataset);
  }
  if (same) return "";
  const std::string only_checkpoint = missing_in(data, of_checkpoint),
                    only_data = missing_in(of_checkpoint, data);
  if (only_checkpoint.empty() && only_data.empty()) return "the same names in another order";
  std::string differences;
  if (!only_checkpoint.empty()) differences = "the data set has no " + only_checkpoint;
  if (!only_data.empty()) {
    differences += text(differences.empty() ? "" : "; ", "the checkpoint has no ", only_data);
  }
  return differences;
}

bool order_classes(Dataset& data, const Names& of_checkpoint) {
  const Names names = storable_names(data.class_names);
  if (names == of_checkpoint || sorted(names) != sorted(of_checkpoint)) return false;
  std::map<std::string, std::int32_t> place;
  for (std::size_t i = 0; i < of_checkpoint.size(); ++i) {
    place[of_checkpoint[i]] = static_cast<std::int32_t>(i);
  }
  if (place.size() != names.size()) return false;  // a name that stands twice tells nothing
  for (std::int32_t& label : data.labels) label = place.at(names[static_cast<std::size_t>(label)]);
  Names ordered(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    ordered[static_cast<std::size_t>(place.at(names[i]))] = data.class_names[i];
  }
  data.class_names = std::move(ordered);
  return true;
}

}  // namespace saddle
