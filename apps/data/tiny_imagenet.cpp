#include "apps/data/tiny_imagenet.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "core/error.h"

namespace saddle {
namespace {

// Without their ends, carriage returns included; blank lines at the end are dropped.
std::vector<std::string_view> lines_of(Bytes bytes) {
  std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::vector<std::string_view> lines;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }

bool is_wnid(std::string_view id) {
  return id.size() == 9 && id[0] == 'n' && std::ranges::all_of(id.substr(1), is_digit);
}

bool is_plain_name(std::string_view name) {
  const auto fits = [](char letter) {
    return is_digit(letter) || (letter >= 'a' && letter <= 'z') ||
           (letter >= 'A' && letter <= 'Z') || letter == '_' || letter == '-' || letter == '.';
  };
  return !name.empty() && name.size() <= 255 && name[0] != '.' && std::ranges::all_of(name, fits);
}

bool is_printable(std::string_view name) {
  return std::ranges::none_of(name,
                              [](unsigned char letter) { return letter < 0x20 || letter == 0x7f; });
}

}  // namespace

std::vector<std::string> parse_wnids(Bytes bytes, const std::string& name) {
  std::vector<std::string> ids;
  for (const std::string_view line : lines_of(bytes)) {
    require(is_wnid(line), name, ": line ", ids.size() + 1,
            " is not a WordNet id (n and 8 digits). Download it again.");
    ids.emplace_back(line);
  }
  require(!ids.empty(), name, " is empty, expected a WordNet id a line. Download it again.");
  std::ranges::sort(ids);
  const auto twice = std::ranges::adjacent_find(ids);
  require(twice == ids.end(), name, " has ", twice == ids.end() ? "" : *twice,
          " twice. Download it again.");
  return ids;
}

std::vector<Annotation> parse_annotations(Bytes bytes, const std::vector<std::string>& wnids,
                                          const std::string& name) {
  std::vector<Annotation> annotations;
  std::set<std::string_view> seen;
  for (const std::string_view line : lines_of(bytes)) {
    const std::size_t number = annotations.size() + 1;
    const std::size_t tab = std::min(line.find('\t'), line.size());
    const std::string_view file = line.substr(0, tab);
    require(tab < line.size() && is_plain_name(file), name, ": line ", number,
            " does not begin with a file's name and a tab. Download it again.");
    require(seen.insert(file).second, name, ": line ", number, " has ", file,
            " a second time. Download it again.");
    const std::string_view id = line.substr(tab + 1, line.find('\t', tab + 1) - tab - 1);
    const auto at = std::ranges::lower_bound(
        wnids, id, {}, [](const std::string& known) { return std::string_view(known); });
    require(at != wnids.end() && *at == id, name, ": line ", number, ": the class of ", file,
            " is not one of wnids.txt. Download both again.");
    annotations.push_back({std::string(file), static_cast<std::int32_t>(at - wnids.begin())});
  }
  require(!annotations.empty(), name, " is empty, expected a line an image. Download it again.");
  return annotations;
}

std::vector<std::string> parse_words(Bytes bytes, const std::vector<std::string>& wnids) {
  std::vector<std::string> names = wnids;
  for (const std::string_view line : lines_of(bytes)) {
    if (line.size() < 10 || line[9] != '\t') continue;
    const auto at = std::ranges::lower_bound(
        wnids, line.substr(0, 9), {}, [](const std::string& id) { return std::string_view(id); });
    const std::string_view words = line.substr(10);
    const std::string_view first = words.substr(0, words.find(','));
    if (at == wnids.end() || *at != line.substr(0, 9) || first.empty() || !is_printable(first))
      continue;
    names[static_cast<std::size_t>(at - wnids.begin())] = std::string(first);
  }
  return names;
}

}  // namespace saddle
