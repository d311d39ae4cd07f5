#include "apps/data/label_maps.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <set>
#include <string_view>
#include <vector>

#include "apps/data/image_file.h"
#include "core/error.h"
#include "core/printable.h"

namespace saddle {
namespace {

// The numbers of a line; none where it has something else.
std::vector<std::uint8_t> numbers_in(std::string_view line) {
  constexpr std::string_view kBlanks = " \t\r,;";
  std::vector<std::uint8_t> numbers;
  for (std::size_t at = line.find_first_not_of(kBlanks); at != std::string_view::npos;) {
    const char *begin = line.data() + at, *end = line.data() + line.size();
    std::uint8_t number = 0;
    const auto [rest, error] = std::from_chars(begin, end, number);
    if (error != std::errc()) return {};
    if (rest != end && kBlanks.find(*rest) == std::string_view::npos) return {};
    numbers.push_back(number);
    at = line.find_first_not_of(kBlanks, static_cast<std::size_t>(rest - line.data()));
  }
  return numbers;
}

// Calls `take` with the numbers of each line, which are `count`, and "FILE, line 3". `what` says
// what a line should be.
void for_each_line(
    Bytes bytes, const std::string& name, std::size_t count, const char* what,
    const std::function<void(const std::vector<std::uint8_t>&, const std::string& where)>& take) {
  std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::size_t taken = 0;
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const std::string_view whole = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(whole.size() + 1, rest.size()));
    const std::string_view line = whole.substr(0, whole.find('#'));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string where = text(name, ", line ", number);
    const std::vector<std::uint8_t> numbers = numbers_in(line);
    require(numbers.size() == count, where, " is '", printable(line, 60), "', expected ", what,
            ", each from 0 to 255");
    take(numbers, where);
    ++taken;
  }
  require(taken > 0, name, " is empty, expected lines of ", what);
}

}  // namespace

LabelOfColour parse_mask_colours(Bytes bytes, const std::string& name) {
  LabelOfColour labels;
  for_each_line(
      bytes, name, 4, "red, green, blue and label",
      [&](const std::vector<std::uint8_t>& numbers, const std::string& where) {
        const bool is_new =
            labels.emplace(std::array{numbers[0], numbers[1], numbers[2]}, numbers[3]).second;
        require(is_new, where, " has a colour a second time. Remove one");
      });
  return labels;
}

LabelOfLabel parse_label_map(Bytes bytes, const std::string& name) {
  LabelOfLabel labels;
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::uint8_t>(i);
  std::set<std::uint8_t> seen;
  for_each_line(bytes, name, 2, "a label of the masks and the one that it becomes",
                [&](const std::vector<std::uint8_t>& numbers, const std::string& where) {
                  require(seen.insert(numbers[0]).second, where, " has label ", int{numbers[0]},
                          " a second time. Remove one");
                  labels[numbers[0]] = numbers[1];
                });
  return labels;
}

LabelImage decode_coloured_mask(Bytes bytes, const std::string& name, const LabelOfColour& labels,
                                const std::string& mend) {
  const Image picture = decode_image(bytes, name);
  LabelImage image{picture.height, picture.width, {}};
  image.labels.reserve(picture.pixels.size() / 3);
  auto last = labels.end();  // neighbours mostly have one colour
  for (std::size_t i = 0; i < picture.pixels.size(); i += 3) {
    const std::array colour{picture.pixels[i], picture.pixels[i + 1], picture.pixels[i + 2]};
    if (last == labels.end() || last->first != colour) last = labels.find(colour);
    const auto at = static_cast<std::int64_t>(i / 3);
    require(last != labels.end(), name, " has the colour ", int{colour[0]}, " ", int{colour[1]},
            " ", int{colour[2]}, " in row ", at / image.width, ", column ", at % image.width, mend);
    image.labels.push_back(last->second);
  }
  return image;
}

}  // namespace saddle
