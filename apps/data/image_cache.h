// ImageCache: decoded images in a file, so that the next run need not decode them again.
//
// A file belongs to a key: a digest of all that decides about the pixels (of each image its path,
// the file behind it, its size and the times of its last writing and last change, which no program
// sets at will; the size and channels asked for; the version of this code). It is never trusted:
// its length, its key and the checksum of its pixels must be right, or it is as if it were not
// there. A symbolic link in its place is neither read nor written through.
//
//   "saddle images 2\n", then u64 little-endian: key, height, width, channels, images, broken
//   images, turned images; the places of the broken ones and of the turned ones; pixels
//   [images, height, width, channels]; u64 CRC-32 of all before it
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "apps/data/dataset.h"
#include "apps/data/image_list.h"

namespace saddle {

// All images of a list, equally large; the pixels of those that cannot be decoded are left out.
struct DecodedImages {
  std::int64_t height = 0, width = 0, channels = 3;
  std::vector<std::uint8_t> pixels;   // [N - broken, height, width, channels]
  std::vector<std::uint64_t> broken;  // their places in the list, ascending
  std::vector<std::uint64_t> turned;  // those with an orientation that is not applied, ascending
};

// Throws Error where an image of the list is missing.
std::uint64_t cache_key(const ImageList& list, const ImageOptions& options);

// DIR/<name>-<key>.images
std::filesystem::path cache_file(const std::filesystem::path& directory, const std::string& name,
                                 std::uint64_t key);

struct CacheAnswer {
  std::optional<DecodedImages> images;  // nothing: decode them
  bool damaged = false;                 // there was a file, but not a sound one
};

// What the file holds for `key` and a list of `listed` images.
CacheAnswer read_image_cache(const std::filesystem::path& file, std::uint64_t key,
                             std::size_t listed);

// Makes the directory where it is missing. Throws Error where the file cannot be written, or is a
// symbolic link.
void write_image_cache(const std::filesystem::path& file, std::uint64_t key,
                       const DecodedImages& images);

}  // namespace saddle
