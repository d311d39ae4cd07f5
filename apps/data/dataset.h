// Dataset: one split of an image classification set, as bytes in memory.
//
// load_dataset finds the files of a set, parses them and checks that they are the set they claim to
// be. Pixels stay bytes, NHWC; the engine divides them by 255, augments and normalises them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace saddle {

struct Dataset {
  std::string name;  // "cifar10"
  std::int64_t height = 0, width = 0, channels = 0, classes = 0;
  std::vector<std::uint8_t> pixels;  // [N, height, width, channels]
  std::vector<std::int32_t> labels;  // [N], each in [0, classes)
  // [channels], of pixels / 255 over the training split; empty where only that would tell
  std::vector<float> mean, std;
  std::vector<std::string> class_names;  // [classes]
  // What the user should be told, one line each: of the data, and of this run alone (its cache).
  std::vector<std::string> warnings = {}, notices = {};

  std::int64_t size() const { return static_cast<std::int64_t>(labels.size()); }
};

enum class Split { train, test };

// What the files of a set must hold: the published number of examples, or any (small sets in the
// same format, for tests). The published number also brings a check of the examples a class.
enum class Records { standard, any };

inline constexpr std::int64_t kAllExamples = -1;

// What becomes of an image that cannot be decoded.
enum class BrokenImages { error, skip };

// For the sets of image files alone.
struct ImageOptions {
  std::optional<std::int64_t> side;      // pixels: the shorter side is resized, the centre cropped
  std::optional<std::int64_t> channels;  // 1: grey, the luma of the colours; empty or 3: RGB
  BrokenImages broken = BrokenImages::error;
  std::string cache;  // directory that keeps decoded images for the next run; empty: none
};

struct DatasetRequest {
  std::string name;            // one of dataset_names()
  std::string directory = "";  // empty: the places that load_dataset names
  Split split = Split::train;
  std::int64_t limit = kAllExamples;
  Records records = Records::standard;
  ImageOptions images = {};
};

// The names load_dataset reads: fashion-mnist, mnist, cifar10, cifar100, tiny-imagenet,
// image-folder.
std::vector<std::string> dataset_names();

// The split of the set, its first `limit` examples in the set's order: that of the files, but an
// image of each class in turn for an image-folder and for tiny-imagenet's training split. The mean
// and deviation of an image-folder are measured over the training images that are loaded; its test
// split has none.
//
// Where `directory` is empty, the files are looked for in $SADDLE_DATA/NAME, ./data/NAME and, for
// fashion-mnist, /usr/share/datasets/fashion-mnist; the first place that has any of them is taken.
// In each place the folder that the published archive unpacks to (cifar-10-batches-bin,
// tiny-imagenet-200) is tried
// too.
//
// Throws UsageError for an unknown name, for a limit that is neither kAllExamples nor from 1 to
// the size of the split, for image options where the set has no image files, and for images of
// different sizes without images.side; Error where files are missing (names them, the places
// searched and how to get them), have the wrong size, or hold what the format or the set does not.
Dataset load_dataset(const DatasetRequest& request);

// Throws the UsageError for a limit that a split of `size` examples does not allow.
void check_limit(const DatasetRequest& request, std::int64_t size);

// The same with a border of zeros that makes every image side x side, equally wide on both sides
// (to the right and below one pixel more where the difference is odd): 28x28 images for networks
// made for 32x32. Mean and std stay those of the unpadded images. Throws UsageError where an image
// is larger.
Dataset padded(const Dataset& dataset, std::int64_t side);

}  // namespace saddle
