// Dataset: one split of an image classification set, as bytes in memory.
//
// load_dataset finds the files of a set, parses them and checks that they are the set they claim to
// be. Pixels stay bytes, NHWC; the engine divides them by 255, augments and normalises them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace saddle {

struct Dataset {
  std::string name;  // "cifar10"
  std::int64_t height = 0, width = 0, channels = 0, classes = 0;
  std::vector<std::uint8_t> pixels;      // [N, height, width, channels]
  std::vector<std::int32_t> labels;      // [N], each in [0, classes)
  std::vector<float> mean, std;          // [channels], of pixels / 255 over the training split
  std::vector<std::string> class_names;  // [classes]

  std::int64_t size() const { return static_cast<std::int64_t>(labels.size()); }
};

enum class Split { train, test };

// What the files of a set must hold: the published number of examples, or any (small sets in the
// same format, for tests). The published number also brings a check of the examples a class.
enum class Records { standard, any };

inline constexpr std::int64_t kAllExamples = -1;

// The names load_dataset reads: fashion-mnist, mnist, cifar10, cifar100.
std::vector<std::string> dataset_names();

// The split of the set `name`, its first `limit` examples in file order.
//
// Where `directory` is empty, the files are looked for in $SADDLE_DATA/NAME, ./data/NAME and, for
// fashion-mnist, /usr/share/datasets/fashion-mnist; the first place that has any of them is taken.
// In each place the folder that the published archive unpacks to (cifar-10-batches-bin) is tried
// too.
//
// Throws UsageError for an unknown name and for a limit that is neither kAllExamples nor from 1 to
// the size of the split; Error where files are missing (names them, the places searched and how to
// get them), have the wrong size, or hold what the format or the set does not.
Dataset load_dataset(const std::string& name, const std::string& directory, Split split,
                     std::int64_t limit = kAllExamples, Records records = Records::standard);

// The same with a border of zeros that makes every image side x side, equally wide on both sides (to
// the right and below one pixel more where the difference is odd): 28x28 images for networks made for
// 32x32. Mean and std stay those of the unpadded images. Throws UsageError where an image is larger.
Dataset padded(const Dataset& dataset, std::int64_t side);

}  // namespace saddle
