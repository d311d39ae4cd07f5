#include "apps/data/dataset.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "apps/data/cifar.h"
#include "apps/data/data_places.h"
#include "apps/data/idx.h"
#include "apps/data/image_set.h"
#include "core/error.h"
#include "core/file.h"
#include "core/format.h"

namespace saddle {
namespace {

using Path = std::filesystem::path;

// A bound on what is read before any check of the set's own. The largest file, CIFAR-100's
// train.bin, has 153700000 bytes.
constexpr std::int64_t kMaxFileBytes = std::int64_t{256} << 20;

// Mean and deviation of the training pixels / 255: the constants in common use for both MNIST sets,
// those of the paper's reference code for both CIFAR sets. Some repositories normalise CIFAR-10
// with the mean of each image's own deviation (0.2023, 0.1994, 0.2010) instead.
const std::vector<float> kMnistMean{0.1307f}, kMnistStd{0.3081f};
const std::vector<float> kFashionMean{0.2860f}, kFashionStd{0.3530f};
const std::vector<float> kCifar10Mean{0.4914f, 0.4822f, 0.4465f};
const std::vector<float> kCifar10Std{0.2471f, 0.2435f, 0.2616f};
const std::vector<float> kCifar100Mean{0.5070751592371323f, 0.48654887331495095f,
                                       0.4409178433670343f};
const std::vector<float> kCifar100Std{0.2673342858792401f, 0.2564384629170883f,
                                      0.27615047132568404f};

const std::vector<std::string> kFashionClasses{"T-shirt/top", "Trouser",   "Pullover", "Dress",
                                               "Coat",        "Sandal",    "Shirt",    "Sneaker",
                                               "Bag",         "Ankle boot"};
const std::vector<std::string> kCifar10Classes{"airplane", "automobile", "bird",  "cat",  "deer",
                                               "dog",      "frog",       "horse", "ship", "truck"};

// What is published about a set: what its files are called, what they hold, where they come from.
struct Publication {
  enum class Format { idx, cifar10, cifar100 };
  enum class Balance { equal_classes, free };

  std::string name;
  Format format;
  std::vector<std::string> train_files, test_files;
  std::string archive_folder;    // what the archive unpacks to; empty: no folder of its own
  std::string system_directory;  // where a package of the system installs it; empty: nowhere
  std::string how_to_get;        // a whole sentence
  std::int64_t train_count, test_count;
  Balance balance;
  std::vector<float> mean, std;  // one a channel
  std::vector<std::string> class_names;
  std::string class_names_file;  // optional file that may replace class_names; empty: none

  const std::vector<std::string>& files(Split split) const {
    return split == Split::train ? train_files : test_files;
  }
  std::int64_t count(Split split) const { return split == Split::train ? train_count : test_count; }
};

std::vector<std::string> numbered_classes(int classes) {
  std::vector<std::string> names;
  for (int i = 0; i < classes; ++i) names.push_back(text("class ", i));
  return names;
}

// Idx files may also carry the ending .gz, which find_file tries first.
const std::vector<std::string> kIdxTrain{"train-images-idx3-ubyte", "train-labels-idx1-ubyte"};
const std::vector<std::string> kIdxTest{"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};

const std::vector<Publication>& publications() {
  using Format = Publication::Format;
  using Balance = Publication::Balance;
  static const std::vector<Publication> all{
      {"fashion-mnist", Format::idx, kIdxTrain, kIdxTest, "", "/usr/share/datasets/fashion-mnist",
       "Install Debian's package dataset-fashion-mnist, or get the files from "
       "https://github.com/zalandoresearch/fashion-mnist.",
       60000, 10000, Balance::equal_classes, kFashionMean, kFashionStd, kFashionClasses, ""},
      {"mnist",
       Format::idx,
       kIdxTrain,
       kIdxTest,
       "",
       "",
       "Get the files from https://ossci-datasets.s3.amazonaws.com/mnist/.",
       60000,
       10000,
       Balance::free,
       kMnistMean,
       kMnistStd,
       {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"},
       ""},
      {"cifar10",
       Format::cifar10,
       {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
        "data_batch_5.bin"},
       {"test_batch.bin"},
       "cifar-10-batches-bin",
       "",
       "Unpack https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz there.",
       50000,
       10000,
       Balance::equal_classes,
       kCifar10Mean,
       kCifar10Std,
       kCifar10Classes,
       "batches.meta.txt"},
      {"cifar100",
       Format::cifar100,
       {"train.bin"},
       {"test.bin"},
       "cifar-100-binary",
       "",
       "Unpack https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz there.",
       50000,
       10000,
       Balance::equal_classes,
       kCifar100Mean,
       kCifar100Std,
       numbered_classes(100),
       "fine_label_names.txt"},
  };
  return all;
}

const Publication& find_publication(const std::string& name) {
  for (const Publication& set : publications()) {
    if (set.name == name) return set;
  }
  throw UsageError(text("dataset: '", name, "' is not a set this program reads. It reads ",
                        joined(dataset_names()), "."));
}

// The file as it lies in `directory`, compressed or not.
std::optional<Path> find_file(const Publication& set, const Path& directory,
                              const std::string& file) {
  std::error_code ignored;  // a place that cannot be looked into has no files for us
  const Path compressed = directory / (file + ".gz");
  if (set.format == Publication::Format::idx && std::filesystem::exists(compressed, ignored)) {
    return compressed;
  }
  if (std::filesystem::exists(directory / file, ignored)) return directory / file;
  return std::nullopt;
}

std::string expected_files(const Publication& set, Split split) {
  const bool idx = set.format == Publication::Format::idx;
  return joined(set.files(split)) + (idx ? " (each plain or with .gz)" : "");
}

// None where the archive has no folder of its own.
std::vector<std::string> folders_of(const std::string& archive_folder) {
  if (archive_folder.empty()) return {};
  return {archive_folder};
}

// The files of the split, in order, all from the first place that has any of them. A half-filled
// place is an error rather than a reason to look on: two downloads are never mixed.
std::vector<Path> find_files(const Publication& set, const std::string& directory, Split split) {
  const std::vector<Path> places =
      places_to_search(set.name, folders_of(set.archive_folder), set.system_directory, directory);
  for (const Path& place : places) {
    std::vector<Path> found;
    std::vector<std::string> missing;
    for (const std::string& file : set.files(split)) {
      if (const std::optional<Path> path = find_file(set, place, file)) {
        found.push_back(*path);
      } else {
        missing.push_back(file);
      }
    }
    if (found.empty()) continue;
    require(missing.empty(), set.name, ": ", place.string(), " lacks ", joined(missing),
            ", expected ", expected_files(set, split), ". ", set.how_to_get);
    return found;
  }
  fail(set.name, ": found no files in ", joined_places(places), ", expected ",
       expected_files(set, split), ". ", set.how_to_get,
       directory.empty() ? " --data-dir names another place." : "");
}

std::string place_of(const Publication& set, const Path& file) {
  return text(set.name, ": ", file.string());
}

void read_idx(Dataset& data, const Publication& set, const std::vector<Path>& files) {
  const std::string images_name = place_of(set, files[0]), labels_name = place_of(set, files[1]);
  IdxImages images = parse_idx_images(read_file(files[0], kMaxIdxBytes), images_name);
  require(images.height == 28 && images.width == 28, images_name, " has images of ", images.height,
          " x ", images.width, " pixels, expected 28 x 28. Download it again.");
  data.labels = parse_idx_labels(read_file(files[1], kMaxIdxBytes), 10, labels_name);
  require(images.count == data.size(), images_name, " has ", images.count, " images, but ",
          labels_name, " has ", data.size(), " labels. Download both again.");
  data.height = data.width = 28;
  data.pixels = std::move(images.pixels);
}

void read_cifar(Dataset& data, const Publication& set, const std::vector<Path>& files,
                std::int64_t count, Records rule) {
  const bool ten = set.format == Publication::Format::cifar10;
  const std::size_t per_file = static_cast<std::size_t>(count) / files.size();
  const std::size_t expected = per_file * (ten ? kCifar10Record : kCifar100Record);
  for (const Path& file : files) {
    const std::string name = place_of(set, file);
    const std::vector<std::byte> bytes = read_file(file, kMaxFileBytes);
    require(rule == Records::any || bytes.size() == expected, name, " is ", bytes.size(),
            " bytes, expected ", expected, ". Download it again.");
    const CifarRecords records = ten ? parse_cifar10(bytes, name) : parse_cifar100(bytes, name);
    data.pixels.reserve(files.size() * records.pixels.size());  // the files are equally large
    data.pixels.insert(data.pixels.end(), records.pixels.begin(), records.pixels.end());
    data.labels.insert(data.labels.end(), records.labels.begin(), records.labels.end());
  }
  data.height = data.width = 32;
}

// The published sets have equally many examples of each class: a cheap witness that the labels are
// the right ones, which a size alone is not.
void check_balance(const Dataset& data, const std::vector<Path>& files) {
  std::vector<std::int64_t> histogram(static_cast<std::size_t>(data.classes));
  for (const std::int32_t label : data.labels) ++histogram[static_cast<std::size_t>(label)];
  const std::int64_t expected = data.size() / data.classes;
  for (std::size_t label = 0; label < histogram.size(); ++label) {
    require(histogram[label] == expected, data.name, ": the split in ",
            files[0].parent_path().string(), " has ", histogram[label], " examples of class ",
            label, ", expected ", expected, ". Download it again.");
  }
}

std::vector<std::string> read_class_names(const Publication& set, const Path& directory) {
  std::error_code ignored;
  const Path file = directory / set.class_names_file;
  if (set.class_names_file.empty() || !std::filesystem::exists(file, ignored)) {
    return set.class_names;
  }
  const std::int64_t most_bytes = std::int64_t{64} << 10;  // the real files have below 2 KiB
  return parse_class_names(read_file(file, most_bytes), static_cast<int>(set.class_names.size()),
                           place_of(set, file));
}

void keep_first(Dataset& data, const DatasetRequest& request) {
  check_limit(request, data.size());
  if (request.limit == kAllExamples) return;
  const auto examples = static_cast<std::size_t>(request.limit);
  data.pixels.resize(examples * (data.pixels.size() / data.labels.size()));
  data.labels.resize(examples);
}

Dataset load_image_files(const DatasetRequest& request) {
  std::vector<std::string> places;
  const std::string folder = request.name == "tiny-imagenet" ? "tiny-imagenet-200" : "";
  for (const Path& place :
       places_to_search(request.name, folders_of(folder), "", request.directory)) {
    places.push_back(place.string());
  }
  return load_image_set(request, places);
}

}  // namespace

std::vector<std::string> dataset_names() {
  std::vector<std::string> names;
  for (const Publication& set : publications()) names.push_back(set.name);
  for (const std::string& name : image_set_names()) names.push_back(name);
  return names;
}

void check_limit(const DatasetRequest& request, std::int64_t size) {
  if (request.limit == kAllExamples) return;
  if (request.limit < 1) {
    throw UsageError(text(request.name, ": a limit of ", request.limit,
                          " examples, expected at least 1, or ", kAllExamples, " for all"));
  }
  if (request.limit > size) {
    throw UsageError(text(request.name, ": a limit of ", request.limit, " examples is over the ",
                          size, " of the ", request.split == Split::train ? "training" : "test",
                          " split"));
  }
}

Dataset load_dataset(const DatasetRequest& request) {
  const std::string& name = request.name;
  const Split split = request.split;
  if (std::ranges::count(image_set_names(), name) > 0) return load_image_files(request);
  const Publication& set = find_publication(name);
  if (request.images.side) {
    throw UsageError(text("--image-size: ", name, " has no image files. It belongs to ",
                          joined(image_set_names()), "; --pad-to enlarges others"));
  }
  if (request.images.channels) {
    throw UsageError(text("--channels: ", name, " has no image files. It belongs to image-folder"));
  }
  if (request.images.broken == BrokenImages::skip) {
    throw UsageError(text("--broken-images skip: ", name, " has no image files. It belongs to ",
                          joined(image_set_names())));
  }
  const std::vector<Path> files = find_files(set, request.directory, split);
  const std::int64_t expected = set.count(split);

  Dataset data;
  data.name = name;
  for (const Path& file : files) {
    std::error_code ignored;
    Path plain = file;
    if (file.extension() == ".gz" && std::filesystem::exists(plain.replace_extension(), ignored)) {
      data.warnings.push_back(text(name, ": ", plain.string(), " lies beside ",
                                   file.filename().string(), ", which is the one that is read"));
    }
  }
  data.channels = static_cast<std::int64_t>(set.mean.size());
  data.classes = static_cast<std::int64_t>(set.class_names.size());
  data.mean = set.mean;
  data.std = set.std;
  if (set.format == Publication::Format::idx) {
    read_idx(data, set, files);
  } else {
    read_cifar(data, set, files, expected, request.records);
  }
  require(request.records == Records::any || data.size() == expected, name, ": ", files[0].string(),
          " has ", data.size(), " examples, expected ", expected, ". Download it again.");
  if (data.size() == expected && set.balance == Publication::Balance::equal_classes) {
    check_balance(data, files);
  }
  data.class_names = read_class_names(set, files[0].parent_path());
  keep_first(data, request);
  return data;
}

Dataset padded(const Dataset& dataset, std::int64_t side) {
  constexpr std::int64_t kMostSide = 4096;  // pixels; no network of ours takes larger images
  if (side > kMostSide) {
    throw UsageError(
        text("--pad-to ", side, " is above ", kMostSide, " pixels, the most there is"));
  }
  if (side < dataset.height || side < dataset.width) {
    throw UsageError(text(dataset.name, ": images of ", dataset.height, "x", dataset.width,
                          " cannot be padded to ", side, "x", side));
  }
  Dataset result = dataset;
  result.height = result.width = side;
  const auto row_bytes = static_cast<std::size_t>(dataset.width * dataset.channels);
  const std::int64_t top = (side - dataset.height) / 2, left = (side - dataset.width) / 2;
  result.pixels.assign(static_cast<std::size_t>(dataset.size() * side * side * dataset.channels),
                       0);
  for (std::int64_t image = 0; image < dataset.size(); ++image) {
    for (std::int64_t y = 0; y < dataset.height; ++y) {
      const std::int64_t from = image * dataset.height + y;  // rows of the data set
      const std::int64_t to = ((image * side + top + y) * side + left) * dataset.channels;
      std::copy_n(dataset.pixels.begin() + from * static_cast<std::int64_t>(row_bytes), row_bytes,
                  result.pixels.begin() + to);
    }
  }
  return result;
}

}  // namespace saddle
