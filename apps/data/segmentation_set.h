// SegmentationSet: one split of a semantic segmentation set, as bytes in memory.
//
// Images keep the sizes that they have. A label belongs to each pixel: its class, or void, which is
// neither trained on nor counted. load_segmentation_set finds the files, decodes them by all
// threads, and looks at every label before anything is trained on it. The result depends on the
// files alone, not on the number of threads.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "apps/data/dataset.h"
#include "apps/data/stanford_labels.h"

namespace saddle {

// Pixels of each label, 0 to 255.
using LabelCensus = std::array<std::int64_t, 256>;

using Palette = std::vector<std::array<std::uint8_t, 3>>;

struct SegmentationImage {
  std::string id;  // as the set calls it, "2007_000032"
  std::int64_t height = 0, width = 0;
  std::int64_t offset = 0;  // pixels of all images before it
};

struct SegmentationSet {
  std::string name, split;  // "voc2012", "train"
  std::int64_t channels = 3, classes = 0;
  std::vector<SegmentationImage> images;   // [N], in the order of the split
  std::vector<std::uint8_t> pixels;        // image after image, each [height, width, channels]
  std::vector<std::uint8_t> labels;        // image after image, each [height, width]
  std::vector<float> mean, std;            // [channels], of pixels / 255
  std::vector<std::string> class_names;    // [classes]
  Palette palette;                         // [classes], to draw labels with
  LabelCensus census{};                    // of `labels`
  std::vector<std::string> warnings = {};  // what the user should be told, one line each

  std::int64_t size() const { return static_cast<std::int64_t>(images.size()); }

  // [height, width, channels]
  std::span<const std::uint8_t> pixels_of(std::int64_t image) const {
    return part_of(pixels, image, channels);
  }
  // [height, width]
  std::span<const std::uint8_t> labels_of(std::int64_t image) const {
    return part_of(labels, image, 1);
  }

 private:
  std::span<const std::uint8_t> part_of(const std::vector<std::uint8_t>& all, std::int64_t image,
                                        std::int64_t bytes) const {
    const SegmentationImage& at = images[static_cast<std::size_t>(image)];
    return std::span(all).subspan(static_cast<std::size_t>(bytes * at.offset),
                                  static_cast<std::size_t>(bytes * at.height * at.width));
  }
};

struct SegmentationRequest {
  std::string name;            // one of segmentation_set_names()
  std::string directory = "";  // empty: the places that load_segmentation_set names
  std::string split = "train";
  std::int64_t limit = kAllExamples;

  // For voc-folder and voc2012 alone. What stands in the files: `ignore_label` is void; then, with
  // reduce_zero_label, 0 is void and all others are one less. 255 is void either way. A label_map
  // (parse_label_map) takes the place of both. With mask_colours (parse_mask_colours) masks are
  // pictures in colours instead of indices.
  std::optional<int> ignore_label = {};
  bool reduce_zero_label = false;
  std::string label_map = "", mask_colours = "";
  std::string classes_file = "";  // a class name a line; empty: DIR/classes.txt, or else VOC's 21

  // For stanford-background alone, whose split nobody has published.
  StanfordMode stanford_mode = StanfordMode::std8;
  std::uint64_t split_seed = 0;

  Records records = Records::standard;  // of the garments of fashion-scenes
};

// fashion-scenes, voc2012, voc-folder, stanford-background.
const std::vector<std::string>& segmentation_set_names();

// The split that a set is evaluated on unless the user names another.
std::string evaluation_split(const std::string& name);

// The split of the set, its first `limit` images:
// - fashion-scenes: 3000 scenes of "train", 500 of "test" (FashionScenes), from the Fashion-MNIST
//   that load_dataset finds, in `directory` where one is given.
// - voc2012, voc-folder: JPEGImages/<id>.jpg (.jpeg, .png) and SegmentationClass/<id>.png for the
//   ids of ImageSets/Segmentation/SPLIT.txt, an id a line. A SPLIT that ends in _aug has its masks
//   in SegmentationClassAug, and its list may lie in DIR. They differ in where they are looked for
//   alone.
// - stanford-background: images/<id>.jpg and labels/<id>.regions.txt or labels_colored/<id>.png;
//   sorted by name and shuffled by split_seed, the first 7 of 10 are "train", the others "val".
//
// Where `directory` is empty, $SADDLE_DATA/NAME and ./data/NAME are looked at, and in each place
// the folder that the published archive unpacks to: VOC2012, VOCdevkit/VOC2012, iccv09Data.
//
// Throws UsageError for an unknown name or split, a limit that the split does not allow, and an
// option that the set has not; Error where files are missing (with their paths) or damaged, where
// an image and its labels differ in size, and where a label is neither a class nor void (with its
// image, row, column and value).
SegmentationSet load_segmentation_set(const SegmentationRequest& request);

// How many images it would load. Looks for the files, but decodes none; throws as above where they
// are missing.
std::int64_t count_images(const SegmentationRequest& request);

// VOC's: bits 0, 1 and 2 of a class are the highest of red, green and blue, the next three the
// second highest, and so on.
Palette voc_palette(std::int64_t classes);

// All images, by their numbers, in batches of at most `batch` of one height and width: as many as a
// network that takes images of one size at a time can be given without a change to any of them.
// Sorted by height, then width; images of one size stay in their order.
std::vector<std::vector<std::int32_t>> batches_of_equal_size(const SegmentationSet& set,
                                                             std::int64_t batch);

}  // namespace saddle
