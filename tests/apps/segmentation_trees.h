// Small trees of segmentation sets on disk, for the tests of their loader.
#pragma once

#include <string>
#include <vector>

#include "apps/data/segmentation_set.h"
#include "tests/apps/image_files.h"
#include "tests/apps/label_pngs.h"

namespace saddle {

inline Blob mask_of(int height, int width, const std::vector<int>& values) {
  return png_of_values({height, width}, values);
}

// An image of one grey value.
inline Blob grey_image(int height, int width, std::uint8_t value) {
  return png_of(height, width, 3, plain(height, width, value, value, value));
}

inline void write_text(const TemporaryDirectory& directory, const std::string& name,
                       const std::string& letters) {
  directory.write(name, bytes_of(letters));
}

// Three images of two sizes: b (2 x 3) and a (1 x 2) in train, c (2 x 3) in val; three classes.
inline void write_voc(const TemporaryDirectory& directory, const std::string& root = "") {
  directory.write(root + "JPEGImages/a.png", grey_image(1, 2, 10));
  directory.write(root + "JPEGImages/b.png", grey_image(2, 3, 20));
  directory.write(root + "JPEGImages/c.png", grey_image(2, 3, 30));
  directory.write(root + "SegmentationClass/a.png", mask_of(1, 2, {2, 255}));
  directory.write(root + "SegmentationClass/b.png", mask_of(2, 3, {0, 1, 1, 2, 2, 255}));
  directory.write(root + "SegmentationClass/c.png", mask_of(2, 3, {0, 0, 0, 1, 1, 1}));
  write_text(directory, root + "ImageSets/Segmentation/train.txt", "b\na\n");
  write_text(directory, root + "ImageSets/Segmentation/val.txt", "c\n");
  write_text(directory, root + "classes.txt", "ground\ncat\ndog\n");
}

inline SegmentationRequest request_of(const std::string& name, const TemporaryDirectory& directory,
                                      const std::string& split = "train") {
  SegmentationRequest request;
  request.name = name;
  request.directory = directory.path().string();
  request.split = split;
  return request;
}

inline SegmentationSet load_voc(const TemporaryDirectory& directory,
                                const std::string& split = "train") {
  return load_segmentation_set(request_of("voc-folder", directory, split));
}

inline std::vector<std::string> ids_of(const SegmentationSet& set) {
  std::vector<std::string> ids;
  for (const SegmentationImage& image : set.images) ids.push_back(image.id);
  return ids;
}

}  // namespace saddle
