// ImageList: which image files make up a split, in which order, and the label of each.
//
// The order takes an image of each class in turn, so that the first N are about equally many of
// each class. It depends on names alone, never on the order in which a directory happens to be
// read.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "apps/data/dataset.h"

namespace saddle {

// What a message about a missing part ends with.
inline constexpr const char* kFolderLayout =
    "Expected DIR/train/<class>/ and DIR/test/<class>/ (or val), or DIR/<class>/, with PNG, JPEG "
    "or BMP "
    "files; --data-dir names DIR.";
inline constexpr const char* kTinyHowToGet =
    "Unpack http://cs231n.stanford.edu/tiny-imagenet-200.zip there.";

// Besides: `warnings` say what lies there and is left out.
struct ImageList {
  std::vector<std::string> class_names;
  std::vector<std::filesystem::path> files;  // [N]
  std::vector<std::int32_t> labels;          // [N], each below class_names.size()
  std::vector<std::string> warnings = {};
};

// image-folder: ROOT/train/<class>/ and ROOT/test/<class>/ (or val), or one tree ROOT/<class>/,
// where an image is in the test split if the CRC-32 of its path below ROOT ("cat/17.png") is a
// multiple of
// 10. Classes are the folders' names in the order of their bytes; images are the files with one of
// image_endings() (in any case) at any depth below them. What begins with a dot is left out, and,
// with a warning, linked folders within a class, links to nothing, and images of other formats or
// beside the classes.
// The classes of the test split are those of ROOT/train where there is one. Throws Error where that
// is not what ROOT holds.
ImageList list_image_folder(const std::filesystem::path& root, Split split);

// tiny-imagenet: what wnids.txt and, for the test split, val/val_annotations.txt name; the set's
// own test folder has no labels. Classes are the sorted ids, shown under their names in words.txt.
// Throws Error where a file is missing or wrong, and, for standard records, where there are not 200
// classes of 500 images (50 in the test split) each.
ImageList list_tiny_imagenet(const std::filesystem::path& root, Split split, Records records);

}  // namespace saddle
