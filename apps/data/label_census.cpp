#include "apps/data/label_census.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "core/format.h"

namespace saddle {
namespace {

constexpr int kNoClass = -1;

// For each number in a file the label that it becomes, or kNoClass.
using Translation = std::array<int, 256>;

Translation translation_of(const SegmentationRequest& request, const SegmentationList& list) {
  Translation translation;
  const int first = request.reduce_zero_label ? 1 : 0;
  for (std::size_t value = 0; value < translation.size(); ++value) {
    const bool is_void =
        list.label_map ? (*list.label_map)[value] == kVoidLabel
                       : value == kVoidLabel || static_cast<int>(value) == request.ignore_label;
    const int label = (list.label_map ? (*list.label_map)[value] : static_cast<int>(value)) - first;
    const bool is_class = label < static_cast<int>(list.class_names.size());
    translation[value] = is_void || label < 0 ? kVoidLabel : is_class ? label : kNoClass;
  }
  return translation;
}

LabelCensus census_of(const std::vector<LabelImage>& images) {
  std::int64_t count[256] = {};
#pragma omp parallel for schedule(dynamic, 16) reduction(+ : count[:256])
  for (std::size_t i = 0; i < images.size(); ++i)
    for (const std::uint8_t label : images[i].labels) ++count[label];
  LabelCensus census;
  std::ranges::copy(count, census.begin());
  return census;
}

// "34 (1200 pixels), 40 (7 pixels)", the most frequent first.
std::string most_frequent(std::vector<int> values, const LabelCensus& census) {
  constexpr std::size_t kMost = 10;
  const auto pixels = [&](int value) { return census[static_cast<std::size_t>(value)]; };
  std::ranges::stable_sort(values, [&](int a, int b) { return pixels(a) > pixels(b); });
  std::vector<std::string> shown;
  for (std::size_t i = 0; i < std::min(kMost, values.size()); ++i)
    shown.push_back(text(values[i], " (", pixels(values[i]), " pixels)"));
  return joined(shown) + (values.size() > kMost ? ", ..." : "");
}

// Throws the Error for the first pixel in the order of the list whose number is no class.
void check_range(const SegmentationRequest& request, const SegmentationList& list,
                 const std::vector<LabelImage>& images, const LabelCensus& census,
                 const Translation& translation) {
  std::vector<int> bad;
  for (int value = 0; value < 256; ++value) {
    const auto at = static_cast<std::size_t>(value);
    if (translation[at] == kNoClass && census[at] > 0) bad.push_back(value);
  }
  if (bad.empty()) return;
  const auto is_bad = [&](std::uint8_t value) { return translation[value] == kNoClass; };
  for (std::size_t i = 0; i < images.size(); ++i) {
    const auto found = std::ranges::find_if(images[i].labels, is_bad);
    if (found == images[i].labels.end()) continue;
    const std::int64_t pixel = found - images[i].labels.begin();
    const int first = request.reduce_zero_label ? 1 : 0;
    const std::string becomes =
        list.label_map ? text(", by --label-map ", int{(*list.label_map)[*found]}, ",") : "";
    fail(request.name, ": ", list.labels[i].string(), " has label ", int{*found}, becomes,
         " in row ", pixel / images[i].width, ", column ", pixel % images[i].width, ", expected ",
         first, " to ", list.class_names.size() - 1 + static_cast<std::size_t>(first),
         ", or 255 for void. The split has these: ", most_frequent(bad, census),
         ". Name all classes with --classes-file, or a label that is none with --ignore-label");
  }
}

// Throws the Error for labels of which nothing can be learnt.
void check_content(const SegmentationRequest& request, const LabelCensus& census,
                   const Translation& translation, const LabelCensus& translated) {
  const auto others = std::accumulate(census.begin() + 1, census.end() - 1, std::int64_t{0});
  const bool black_and_white = census[0] > 0 && census[kVoidLabel] > 0 && others == 0;
  require(!black_and_white || translation[kVoidLabel] != kVoidLabel, request.name,
          ": all labels of the split '", request.split,
          "' are 0 or 255, as in masks of black and white; but 255 is void, and nothing is left to "
          "tell 0 from. Write the masks with 0 and 1, or map 255 to 1 with --label-map");
  const auto valid = std::accumulate(translated.begin(), translated.end() - 1, std::int64_t{0});
  require(valid > 0, request.name, ": every pixel of the split '", request.split,
          "' is void. Check the masks, and the flags that make labels void");
}

std::string share_of(std::int64_t pixels, const LabelCensus& census) {
  const auto all = std::accumulate(census.begin(), census.end(), std::int64_t{0});
  return formatted("%.1f %%", 100. * static_cast<double>(pixels) / static_cast<double>(all));
}

}  // namespace

LabelCensus census_of(std::span<const std::uint8_t> labels) {
  std::int64_t count[256] = {};
#pragma omp parallel for reduction(+ : count[:256])
  for (std::size_t i = 0; i < labels.size(); ++i) ++count[labels[i]];
  LabelCensus census;
  std::ranges::copy(count, census.begin());
  return census;
}

void translate_labels(const SegmentationRequest& request, const SegmentationList& list,
                      std::vector<LabelImage>& images, std::vector<std::string>& warnings) {
  const Translation translation = translation_of(request, list);
  const LabelCensus census = census_of(images);
  check_range(request, list, images, census, translation);
  LabelCensus translated{};
  for (std::size_t value = 0; value < census.size(); ++value)
    if (census[value] > 0)
      translated[static_cast<std::size_t>(translation[value])] += census[value];
  check_content(request, census, translation, translated);
  if (request.ignore_label) {
    const auto ignored = static_cast<std::size_t>(*request.ignore_label);
    warnings.push_back(text(request.name, ": label ", ignored,
                            " is void: ", share_of(census[ignored], census), " of the pixels of ",
                            request.split));
  }
  if (request.reduce_zero_label) {
    warnings.push_back(text(request.name, ": label 0 is void: ", share_of(census[0], census),
                            " of the pixels of ", request.split,
                            "; label 1 of the files is class 0"));
  }
  if (!request.ignore_label && !request.reduce_zero_label && !list.label_map) return;
#pragma omp parallel for schedule(dynamic, 16)
  for (std::size_t i = 0; i < images.size(); ++i)
    for (std::uint8_t& label : images[i].labels)
      label = static_cast<std::uint8_t>(translation[label]);
}

std::vector<std::string> absent_classes(const SegmentationSet& set) {
  if (!set.split.starts_with("train")) return {};
  std::vector<std::string> absent;
  for (std::size_t label = 0; label < set.class_names.size(); ++label)
    if (set.census[label] == 0) absent.push_back(text(set.class_names[label], " (", label, ")"));
  if (absent.empty()) return {};
  return {text(set.name, ": the ", set.size(), " images of the split '", set.split,
               "' have no pixel of ", joined(absent), ", which cannot be learnt")};
}

}  // namespace saddle
