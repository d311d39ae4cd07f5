#include "apps/data/stanford_labels.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "apps/data/label_maps.h"
#include "core/error.h"
#include "core/printable.h"

namespace saddle {
namespace {

constexpr int kClasses = 8;

struct Region {
  const char* name;
  std::array<std::uint8_t, 3> colour;
};

// The last is what nobody named.
constexpr std::array<Region, kClasses + 1> kRegions{{{"sky", {68, 1, 84}},
                                                     {"tree", {72, 40, 140}},
                                                     {"road", {62, 74, 137}},
                                                     {"grass", {38, 130, 142}},
                                                     {"water", {31, 158, 137}},
                                                     {"building", {53, 183, 121}},
                                                     {"mountain", {109, 205, 89}},
                                                     {"foreground", {180, 222, 44}},
                                                     {"unknown", {49, 104, 142}}}};

std::size_t classes_of(StanfordMode mode) {
  return mode == StanfordMode::official9 ? kClasses + 1 : kClasses;
}

std::uint8_t label_of(std::size_t region, StanfordMode mode) {
  return region < classes_of(mode) ? static_cast<std::uint8_t>(region) : kVoidLabel;
}

bool is_blank(char letter) { return letter == ' ' || letter == '\t' || letter == '\r'; }

// The numbers of a line, appended.
void parse_row(std::string_view line, std::int64_t row, const std::string& name, StanfordMode mode,
               std::vector<std::uint8_t>& labels) {
  const char *at = line.data(), *end = at + line.size();
  for (std::int64_t column = 0;; ++column) {
    while (at != end && is_blank(*at)) ++at;
    if (at == end) return;
    int region = 0;
    const auto [rest, error] = std::from_chars(at, end, region);
    require(error == std::errc() && (rest == end || is_blank(*rest)), name, " has '",
            printable({at, std::find_if(at, end, is_blank)}, 40), "' in row ", row, ", column ",
            column, ", expected a whole number. Unpack the archive again");
    require(region < kClasses, name, " has label ", region, " in row ", row, ", column ", column,
            ", expected 0 to ", kClasses - 1, ", or below 0 where it is unknown. Is it regions?");
    labels.push_back(label_of(region < 0 ? kClasses : static_cast<std::size_t>(region), mode));
    at = rest;
  }
}

}  // namespace

std::vector<std::string> stanford_class_names(StanfordMode mode) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < classes_of(mode); ++i) names.emplace_back(kRegions[i].name);
  return names;
}

std::vector<std::array<std::uint8_t, 3>> stanford_palette(StanfordMode mode) {
  std::vector<std::array<std::uint8_t, 3>> colours;
  for (std::size_t i = 0; i < classes_of(mode); ++i) colours.push_back(kRegions[i].colour);
  return colours;
}

LabelImage parse_stanford_regions(Bytes bytes, const std::string& name, StanfordMode mode) {
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  while (!text.empty() && (is_blank(text.back()) || text.back() == '\n')) text.remove_suffix(1);
  require(!text.empty(), name,
          " is empty, expected a row of numbers for each of the image's rows. "
          "Unpack the archive again");
  LabelImage image;
  while (!text.empty()) {
    const std::size_t length = std::min(text.find('\n'), text.size());
    const std::size_t before = image.labels.size();
    parse_row(text.substr(0, length), image.height, name, mode, image.labels);
    text.remove_prefix(std::min(length + 1, text.size()));
    const auto width = static_cast<std::int64_t>(image.labels.size() - before);
    if (image.height == 0) image.width = width;
    require(width == image.width, name, " has ", width, " numbers in row ", image.height,
            ", others have ", image.width, ". Unpack the archive again");
    ++image.height;
    check_image_size(image.width, image.height, kMaxImagePixels, name, ". Unpack it again");
  }
  return image;
}

LabelImage decode_stanford_colours(Bytes bytes, const std::string& name, StanfordMode mode) {
  LabelOfColour labels;
  for (std::size_t i = 0; i < kRegions.size(); ++i)
    labels.emplace(kRegions[i].colour, label_of(i, mode));
  return decode_coloured_mask(bytes, name, labels,
                              ", which is none of the set's nine. Make it anew from the text");
}

}  // namespace saddle
