#include "apps/data/image_set.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <filesystem>
#include <optional>

#include "apps/data/first_failure.h"
#include "apps/data/image_cache.h"
#include "apps/data/image_file.h"
#include "core/error.h"

namespace saddle {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFolder = "image-folder";
constexpr const char* kTinyImagenet = "tiny-imagenet";
constexpr std::int64_t kTinySide = 64;
// In common use; the paper gives none.
const std::vector<float> kTinyMean{0.4802f, 0.4481f, 0.3975f}, kTinyStd{0.2770f, 0.2691f, 0.2821f};

// How the images of a set are read, and what is wrong with one that is not as the others.
class Reader {
 public:
  Reader(const DatasetRequest& request, const ImageList& list) : request_(request), list_(list) {}

  // Nothing where the image cannot be decoded and may be skipped.
  std::optional<Image> read(std::size_t i) const {
    const std::string name = text(request_.name, ": ", list_.files[i].string());
    std::error_code ignored;
    const std::uintmax_t size = fs::file_size(list_.files[i], ignored);
    const bool huge = !ignored && size > static_cast<std::uintmax_t>(kMaxImageBytes);
    // Not within what may be skipped: a file that cannot be read now need not be broken.
    const std::vector<std::byte> bytes =
        huge ? std::vector<std::byte>() : read_file(list_.files[i], kMaxImageBytes);
    try {
      require(!huge, name, " is ", size, " bytes, more than the ", kMaxImageBytes, " of an image");
      const Image image = decode_image(bytes, name);
      return request_.images.side ? centre_square(image, *request_.images.side) : image;
    } catch (const Error& error) {
      if (request_.images.broken == BrokenImages::skip) return std::nullopt;
      fail(error.what(), ". Replace it, or leave such files out with --broken-images skip");
    }
  }

  void check_size(std::size_t i, const Image& image, const DecodedImages& all) const {
    if (image.height == all.height && image.width == all.width) return;
    throw UsageError(text(request_.name, ": ", list_.files[i].string(), " has ", image.width, " x ",
                          image.height, " pixels, others have ", all.width, " x ", all.height,
                          ". Images of different sizes need --image-size N, which makes all NxN."));
  }

 private:
  const DatasetRequest& request_;
  const ImageList& list_;
};

// Closes the gaps that broken images left.
void remove_broken(DecodedImages& all, std::size_t image_bytes, std::size_t images) {
  std::size_t kept = 0, next_broken = 0;
  for (std::size_t i = 0; i < images; ++i) {
    if (next_broken < all.broken.size() && all.broken[next_broken] == i) {
      ++next_broken;
      continue;
    }
    if (kept != i) {
      std::copy_n(all.pixels.begin() + static_cast<std::ptrdiff_t>(i * image_bytes), image_bytes,
                  all.pixels.begin() + static_cast<std::ptrdiff_t>(kept * image_bytes));
    }
    ++kept;
  }
  all.pixels.resize(kept * image_bytes);
}

// The size that all images must have: that of the first that can be decoded.
void find_size(DecodedImages& all, const std::string& dataset, const Reader& reader,
               const ImageList& list) {
  for (std::size_t i = 0; i < list.files.size(); ++i) {
    if (const std::optional<Image> image = reader.read(i)) {
      all.height = image->height;
      all.width = image->width;
      return;
    }
  }
  fail(dataset, ": none of the ", list.files.size(), " images can be decoded, the first is ",
       list.files.front().string(), ". Are they PNG, JPEG or BMP files?");
}

DecodedImages decode(const DatasetRequest& request, const ImageList& list) {
  const std::size_t images = list.files.size();
  const Reader reader(request, list);
  DecodedImages all;
  find_size(all, request.name, reader, list);
  all.channels = request.images.channels.value_or(3);
  const auto image_bytes = static_cast<std::size_t>(all.channels * all.height * all.width);
  try {
    all.pixels.resize(images * image_bytes);
  } catch (const std::exception&) {  // bad_alloc, or more than a vector can ever hold
    fail(request.name, ": ", images, " images of ", all.width, " x ", all.height, " pixels and ",
         all.channels, " channels do not fit into memory. Take fewer, or a smaller --image-size");
  }
  std::vector<char> broken(images, 0), turned(images, 0);
  FirstFailure failure;
#pragma omp parallel for schedule(dynamic, 16)
  for (std::size_t i = 0; i < images; ++i) {
    if (failure.before(i)) continue;
    try {
      const std::optional<Image> image = reader.read(i);
      broken[i] = !image;
      if (!image) continue;
      reader.check_size(i, *image, all);
      turned[i] = image->orientation != 1;
      std::ranges::copy(all.channels == 1 ? luma_of(*image) : image->pixels,
                        all.pixels.begin() + static_cast<std::ptrdiff_t>(i * image_bytes));
    } catch (...) {
      failure.note(i, std::current_exception());
    }
  }
  failure.rethrow();
  for (std::size_t i = 0; i < images; ++i) {
    if (broken[i]) all.broken.push_back(i);
    if (turned[i]) all.turned.push_back(i);
  }
  remove_broken(all, image_bytes, images);
  return all;
}

// Mean and deviation of pixels / 255 in each channel. Sums of integers: exact in any order.
void measure(Dataset& data) {
  std::uint64_t sum[3] = {}, squares[3] = {};
  const auto channels = static_cast<std::size_t>(data.channels);
#pragma omp parallel for reduction(+ : sum[:3], squares[:3])
  for (std::size_t i = 0; i < data.pixels.size() / channels; ++i) {
    for (std::size_t channel = 0; channel < channels; ++channel) {
      const std::uint64_t pixel = data.pixels[channels * i + channel];
      sum[channel] += pixel;
      squares[channel] += pixel * pixel;
    }
  }
  const auto count = static_cast<double>(data.pixels.size() / channels);
  for (std::size_t channel = 0; channel < channels; ++channel) {
    const double mean = static_cast<double>(sum[channel]) / count;
    const double variance = static_cast<double>(squares[channel]) / count - mean * mean;
    data.mean.push_back(static_cast<float>(mean / 255));
    // A channel that never varies is left as it is.
    data.std.push_back(variance > 0 ? static_cast<float>(std::sqrt(variance) / 255) : 1.f);
  }
}

// From the cache where it has them, and into it where it had not.
DecodedImages decode_once(const DatasetRequest& request, const ImageList& list,
                          std::vector<std::string>& notices) {
  if (request.images.cache.empty()) return decode(request, list);
  const std::uint64_t key = cache_key(list, request.images);
  const fs::path file = cache_file(request.images.cache, request.name, key);
  CacheAnswer cached = read_image_cache(file, key, list.files.size());
  if (cached.images) return std::move(*cached.images);
  if (cached.damaged)
    notices.push_back(text(file.string(), " is damaged and is made anew from the images"));
  DecodedImages images = decode(request, list);
  try {
    write_image_cache(file, key, images);
  } catch (const Error& error) {
    notices.push_back(text("the decoded images cannot be kept for the next run: ", error.what(),
                           " --cache-dir names another place, --no-cache does without"));
  }
  return images;
}

ImageList list_images(const DatasetRequest& request, const std::vector<std::string>& places) {
  const bool tiny = request.name == kTinyImagenet;
  std::error_code ignored;  // a place that cannot be looked into has no files for us
  std::string searched;
  for (const std::string& place : places) {
    searched += (searched.empty() ? "" : ", ") + place;
    if (tiny && fs::exists(fs::path(place) / "wnids.txt", ignored))
      return list_tiny_imagenet(place, request.split, request.records);
    if (!tiny && fs::is_directory(place, ignored)) return list_image_folder(place, request.split);
  }
  fail(request.name, ": found no ", tiny ? "wnids.txt" : "folder", " in ", searched, ". ",
       tiny ? kTinyHowToGet : kFolderLayout,
       request.directory.empty() ? " --data-dir names another place." : "");
}

void keep_first(ImageList& list, const DatasetRequest& request) {
  check_limit(request, static_cast<std::int64_t>(list.files.size()));
  if (request.limit == kAllExamples) return;
  list.files.resize(static_cast<std::size_t>(request.limit));
  list.labels.resize(static_cast<std::size_t>(request.limit));
}

void leave_out_broken(Dataset& data, const ImageList& list,
                      const std::vector<std::uint64_t>& broken) {
  if (broken.empty()) return;
  for (std::size_t i = broken.size(); i-- > 0;)
    data.labels.erase(data.labels.begin() + static_cast<std::ptrdiff_t>(broken[i]));
  data.warnings.push_back(text(data.name, ": ", broken.size(), " of ", list.files.size(),
                               " images cannot be decoded and are left out, the first is ",
                               list.files[broken.front()].string()));
}

// PyTorch's ImageFolder does not turn images either: what is trained here and there is the same.
void tell_of_turned(Dataset& data, const ImageList& list,
                    const std::vector<std::uint64_t>& turned) {
  if (turned.empty()) return;
  data.warnings.push_back(text(data.name, ": ", turned.size(), " of ", list.files.size(),
                               " images have an Exif orientation, which is not applied: they are "
                               "used as their pixels are stored. The first is ",
                               list.files[turned.front()].string()));
}

// What is asked for and is not there to be had.
void check_images(const DatasetRequest& request) {
  if (request.images.side.value_or(1) > kMaxImageSide)
    throw UsageError(text("--image-size ", *request.images.side, " is over ", kMaxImageSide));
  const std::int64_t channels = request.images.channels.value_or(3);
  if (channels != 1 && channels != 3)
    throw UsageError(text("--channels ", channels, ": expected 1 (grey) or 3 (colours)"));
  if (request.name == kTinyImagenet && channels != 3)
    throw UsageError("--channels 1: tiny-imagenet's mean and deviation are of its colours");
}

}  // namespace

const std::vector<std::string>& image_set_names() {
  static const std::vector<std::string> names{kTinyImagenet, kFolder};
  return names;
}

Dataset load_image_set(const DatasetRequest& request, const std::vector<std::string>& places) {
  check_images(request);
  ImageList list = list_images(request, places);
  keep_first(list, request);
  Dataset data;
  data.warnings = list.warnings;
  DecodedImages decoded = decode_once(request, list, data.notices);
  require(request.name != kTinyImagenet || request.images.side ||
              (decoded.height == kTinySide && decoded.width == kTinySide),
          kTinyImagenet, ": ", list.files[0].string(), " has ", decoded.width, " x ",
          decoded.height, " pixels, expected 64 x 64. ", kTinyHowToGet);

  data.name = request.name;
  data.height = decoded.height;
  data.width = decoded.width;
  data.channels = decoded.channels;
  data.classes = static_cast<std::int64_t>(list.class_names.size());
  data.class_names = list.class_names;
  data.pixels = std::move(decoded.pixels);
  data.labels = list.labels;
  leave_out_broken(data, list, decoded.broken);
  tell_of_turned(data, list, decoded.turned);
  if (request.name == kTinyImagenet) {
    data.mean = kTinyMean;
    data.std = kTinyStd;
  } else if (request.split == Split::train) {
    measure(data);
  }
  return data;
}

}  // namespace saddle
