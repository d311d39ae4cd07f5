#include "apps/data/segmentation_set.h"

#include <algorithm>
#include <exception>
#include <numeric>
#include <tuple>
#include <utility>

#include "apps/data/fashion_scenes.h"
#include "apps/data/first_failure.h"
#include "apps/data/image_file.h"
#include "apps/data/label_census.h"
#include "apps/data/segmentation_list.h"
#include "core/error.h"
#include "core/file.h"
#include "core/format.h"
#include "core/printable.h"

namespace saddle {
namespace {

constexpr const char* kScenes = "fashion-scenes";
constexpr const char* kVoc = "voc2012";
constexpr const char* kVocFolder = "voc-folder";
constexpr const char* kStanford = "stanford-background";

// Of pixels / 255. Of photographs those of ImageNet, which networks trained on it expect; of the
// others their own over the training split.
const std::vector<float> kImageNetMean{0.485f, 0.456f, 0.406f},
    kImageNetStd{0.229f, 0.224f, 0.225f};
const std::vector<float> kStanfordMean{0.4813f, 0.4901f, 0.4747f};
const std::vector<float> kStanfordStd{0.2495f, 0.2492f, 0.2748f};
const std::vector<float> kScenesMean{0.341f, 0.340f, 0.341f}, kScenesStd{0.185f, 0.185f, 0.183f};

constexpr std::int64_t kTrainScenes = 3000, kTestScenes = 500;

// How many of a split's images are wanted.
std::int64_t wanted(const SegmentationRequest& request, std::int64_t size) {
  if (request.limit == kAllExamples) return size;
  if (request.limit < 1) {
    throw UsageError(text(request.name, ": a limit of ", request.limit,
                          " images, expected at least 1, or ", kAllExamples, " for all"));
  }
  if (request.limit > size) {
    throw UsageError(text(request.name, ": a limit of ", request.limit, " images is over the ",
                          size, " of the split '", request.split, "'"));
  }
  return request.limit;
}

void check_options(const SegmentationRequest& request) {
  const std::vector<std::string>& names = segmentation_set_names();
  if (std::ranges::count(names, request.name) == 0) {
    throw UsageError(text("dataset: '", printable(request.name, 60),
                          "' is not a segmentation set this program reads. It reads ",
                          joined(names), "."));
  }
  if (request.ignore_label && (*request.ignore_label < 0 || *request.ignore_label > 255)) {
    throw UsageError(text("--ignore-label ", *request.ignore_label, ": expected 0 to 255"));
  }
  if (!request.label_map.empty() && (request.ignore_label || request.reduce_zero_label)) {
    throw UsageError(text("--label-map says what becomes of every label, ",
                          request.ignore_label ? "--ignore-label" : "--reduce-zero-label",
                          " too. Write it into the map, where 255 is void"));
  }
  if (request.name == kVoc || request.name == kVocFolder) return;
  const char* surplus = request.ignore_label            ? "--ignore-label"
                        : request.reduce_zero_label     ? "--reduce-zero-label"
                        : !request.label_map.empty()    ? "--label-map"
                        : !request.mask_colours.empty() ? "--mask-colours"
                        : !request.classes_file.empty() ? "--classes-file"
                                                        : nullptr;
  if (surplus) {
    throw UsageError(text(surplus, ": the labels of ", request.name, " are known. It belongs to ",
                          kVoc, " and ", kVocFolder));
  }
}

LabelImage read_labels(const SegmentationRequest& request, const SegmentationList& list,
                       std::size_t i) {
  const std::string name = text(request.name, ": ", list.labels[i].string());
  const std::vector<std::byte> bytes = read_file(list.labels[i], kMaxImageBytes);
  switch (list.format) {
    case LabelFormat::coloured:
      return decode_coloured_mask(bytes, name, list.colours,
                                  ", which is not in " + request.mask_colours + ". Add it there");
    case LabelFormat::stanford_text:
      return parse_stanford_regions(bytes, name, request.stanford_mode);
    case LabelFormat::stanford_colours:
      return decode_stanford_colours(bytes, name, request.stanford_mode);
    case LabelFormat::index_png: break;
  }
  return decode_label_png(bytes, name);
}

std::vector<LabelImage> read_all_labels(const SegmentationRequest& request,
                                        const SegmentationList& list, std::size_t count) {
  std::vector<LabelImage> all(count);
  FirstFailure failure;
#pragma omp parallel for schedule(dynamic, 4)
  for (std::size_t i = 0; i < count; ++i) {
    if (failure.before(i)) continue;
    try {
      all[i] = read_labels(request, list, i);
    } catch (...) {
      failure.note(i, std::current_exception());
    }
  }
  failure.rethrow();
  return all;
}

Image read_image(const SegmentationRequest& request, const SegmentationList& list, std::size_t i) {
  const std::string name = text(request.name, ": ", list.images[i].string());
  const std::vector<std::byte> bytes = read_file(list.images[i], kMaxImageBytes);
  try {
    return decode_image(bytes, name);
  } catch (const Error& error) {
    fail(error.what(), ". Replace it, or take it off the list of the split");
  }
}

// [N]: Exif orientations. Everything but the pixels is there; labels are as large as images.
std::vector<int> read_all_pixels(const SegmentationRequest& request, const SegmentationList& list,
                                 SegmentationSet& set) {
  std::vector<int> orientations(set.images.size());
  FirstFailure failure;
#pragma omp parallel for schedule(dynamic, 4)
  for (std::size_t i = 0; i < set.images.size(); ++i) {
    if (failure.before(i)) continue;
    try {
      const Image image = read_image(request, list, i);
      const SegmentationImage& labels = set.images[i];
      require(image.height == labels.height && image.width == labels.width, set.name, ": ",
              list.images[i].string(), " has ", image.width, " x ", image.height,
              " pixels, its labels ", list.labels[i].string(), " have ", labels.width, " x ",
              labels.height, ". Make both of one size");
      std::ranges::copy(image.pixels, set.pixels.begin() + set.channels * labels.offset);
      orientations[i] = image.orientation;
    } catch (...) {
      failure.note(i, std::current_exception());
    }
  }
  failure.rethrow();
  return orientations;
}

// The labels behind each other, and each image's place.
void lay_out(const SegmentationList& list, std::vector<LabelImage> labels, SegmentationSet& set) {
  std::int64_t pixels = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    set.images.push_back({list.ids[i], labels[i].height, labels[i].width, pixels});
    pixels += labels[i].height * labels[i].width;
  }
  try {
    set.labels.reserve(static_cast<std::size_t>(pixels));
    for (LabelImage& image : labels) {
      set.labels.insert(set.labels.end(), image.labels.begin(), image.labels.end());
      image.labels = {};  // both together would need twice the memory
    }
    set.pixels.resize(static_cast<std::size_t>(set.channels * pixels));
  } catch (const std::exception&) {  // bad_alloc, or more than a vector can ever hold
    fail(set.name, ": ", set.images.size(), " images of ", pixels,
         " pixels in all do not fit into memory. Take fewer");
  }
}

void tell_of_turned(SegmentationSet& set, const std::vector<int>& orientations) {
  const auto is_turned = [](int orientation) { return orientation != 1; };
  const auto first = std::ranges::find_if(orientations, is_turned);
  if (first == orientations.end()) return;
  const auto at = static_cast<std::size_t>(first - orientations.begin());
  set.warnings.push_back(text(set.name, ": ", std::ranges::count_if(orientations, is_turned),
                              " of ", set.images.size(),
                              " images have an Exif orientation, which is not applied: they are "
                              "used as their pixels are stored. The first is ",
                              set.images[at].id));
}

SegmentationList list_files(const SegmentationRequest& request) {
  return request.name == kStanford ? list_stanford(request) : list_voc(request);
}

SegmentationSet load_files(const SegmentationRequest& request) {
  const bool stanford = request.name == kStanford;
  const SegmentationList list = list_files(request);
  const std::int64_t count = wanted(request, static_cast<std::int64_t>(list.ids.size()));
  SegmentationSet set;
  set.class_names = list.class_names;
  set.classes = static_cast<std::int64_t>(set.class_names.size());
  set.name = request.name;
  set.warnings = list.warnings;
  // Labels first: wrong ones are told before the larger part of the work is done, and their sizes
  // say where the pixels go, so that these are never there twice.
  std::vector<LabelImage> labels = read_all_labels(request, list, static_cast<std::size_t>(count));
  translate_labels(request, list, labels, set.warnings);
  lay_out(list, std::move(labels), set);
  tell_of_turned(set, read_all_pixels(request, list, set));
  set.mean = stanford ? kStanfordMean : kImageNetMean;
  set.std = stanford ? kStanfordStd : kImageNetStd;
  set.palette = stanford ? stanford_palette(request.stanford_mode) : voc_palette(set.classes);
  return set;
}

std::int64_t count_scenes(const SegmentationRequest& request) {
  const bool test = request.split == "test";
  if (!test && request.split != "train") {
    throw UsageError(
        text("--split '", printable(request.split, 60), "': ", kScenes, " has train and test"));
  }
  return wanted(request, test ? kTestScenes : kTrainScenes);
}

SegmentationSet load_scenes(const SegmentationRequest& request) {
  constexpr std::int64_t kSide = FashionScenes::kSide, kPixels = kSide * kSide;
  const std::int64_t count = count_scenes(request);
  const Split split = request.split == "test" ? Split::test : Split::train;
  Dataset garments =
      load_dataset({"fashion-mnist", request.directory, split, kAllExamples, request.records, {}});
  SegmentationSet set;
  set.name = kScenes;
  set.classes = FashionScenes::kClasses;
  set.class_names = {"background"};
  std::ranges::copy(garments.class_names, std::back_inserter(set.class_names));
  set.palette = voc_palette(set.classes);
  set.mean = kScenesMean;
  set.std = kScenesStd;
  set.warnings = garments.warnings;
  for (std::int64_t i = 0; i < count; ++i)
    set.images.push_back({text(request.split, "-", i), kSide, kSide, i * kPixels});
  set.pixels.resize(static_cast<std::size_t>(set.channels * count * kPixels));
  set.labels.resize(static_cast<std::size_t>(count * kPixels));
  const FashionScenes scenes(std::move(garments.pixels), std::move(garments.labels), split);
  scenes.compose_range(0, set.pixels, set.labels);
  return set;
}

}  // namespace

const std::vector<std::string>& segmentation_set_names() {
  static const std::vector<std::string> names{kScenes, kVoc, kVocFolder, kStanford};
  return names;
}

std::string evaluation_split(const std::string& name) { return name == kScenes ? "test" : "val"; }

SegmentationSet load_segmentation_set(const SegmentationRequest& request) {
  check_options(request);
  SegmentationSet set = request.name == kScenes ? load_scenes(request) : load_files(request);
  set.split = request.split;
  set.census = census_of(set.labels);
  std::ranges::copy(absent_classes(set), std::back_inserter(set.warnings));
  return set;
}

std::int64_t count_images(const SegmentationRequest& request) {
  check_options(request);
  if (request.name == kScenes) return count_scenes(request);
  return wanted(request, static_cast<std::int64_t>(list_files(request).ids.size()));
}

Palette voc_palette(std::int64_t classes) {
  Palette palette(static_cast<std::size_t>(classes));
  for (std::size_t label = 0; label < palette.size(); ++label) {
    std::size_t bits = label;
    for (int shift = 7; bits != 0; --shift, bits >>= 3)
      for (std::size_t k = 0; k < 3; ++k)
        palette[label][k] = static_cast<std::uint8_t>(palette[label][k] | (bits >> k & 1) << shift);
  }
  return palette;
}

std::vector<std::vector<std::int32_t>> batches_of_equal_size(const SegmentationSet& set,
                                                             std::int64_t batch) {
  require(batch > 0, set.name, ": batches of ", batch, " images, expected at least 1");
  const auto size_of = [&](std::int32_t i) {
    const SegmentationImage& image = set.images[static_cast<std::size_t>(i)];
    return std::pair(image.height, image.width);
  };
  std::vector<std::int32_t> order(set.images.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, {}, size_of);
  std::vector<std::vector<std::int32_t>> batches;
  for (const std::int32_t i : order) {
    const bool fits = !batches.empty() && std::ssize(batches.back()) < batch &&
                      size_of(batches.back().front()) == size_of(i);
    if (!fits) batches.emplace_back();
    batches.back().push_back(i);
  }
  return batches;
}

}  // namespace saddle
