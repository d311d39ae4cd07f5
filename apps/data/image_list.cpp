#include "apps/data/image_list.h"

#include <algorithm>
#include <cctype>
#include <optional>

#include <zlib.h>

#include "core/error.h"

namespace saddle {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFolderLayout =
    "Expected DIR/train/<class>/ and DIR/test/<class>/ (or val), or DIR/<class>/, with PNG or JPEG "
    "files; --data-dir names DIR.";

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

bool is_image(const fs::path& path) {
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return ending == ".png" || ending == ".jpg" || ending == ".jpeg";
}

// Sorted by their bytes.
std::vector<std::string> folders_in(const fs::path& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.is_directory() && !is_hidden(entry.path()))
      names.push_back(entry.path().filename().string());
  }
  std::ranges::sort(names);
  for (const std::string& name : names) {
    // Names are printed: an escape sequence must not reach the terminal.
    const bool printable = std::ranges::none_of(
        name, [](unsigned char letter) { return letter < 0x20 || letter == 0x7f; });
    require(printable, "image-folder: ", directory.string(),
            " has a folder with a control character in its name. Rename it.");
  }
  return names;
}

// Sorted by their paths' bytes.
std::vector<fs::path> images_below(const fs::path& directory) {
  std::vector<fs::path> found;
  for (auto at = fs::recursive_directory_iterator(directory); at != fs::end(at); ++at) {
    if (is_hidden(at->path())) {
      at.disable_recursion_pending();
    } else if (is_image(at->path()) && at->is_regular_file()) {
      found.push_back(at->path());
    }
  }
  std::ranges::sort(found, {}, [](const fs::path& path) { return path.generic_string(); });
  return found;
}

using FilesOfClasses = std::vector<std::vector<fs::path>>;

// The first of each class, then the second of each, and so on.
ImageList in_turn(std::vector<std::string> class_names, const FilesOfClasses& files) {
  ImageList list{std::move(class_names), {}, {}};
  std::size_t longest = 0;
  for (const auto& of_class : files) longest = std::max(longest, of_class.size());
  for (std::size_t turn = 0; turn < longest; ++turn) {
    for (std::size_t label = 0; label < files.size(); ++label) {
      if (turn >= files[label].size()) continue;
      list.files.push_back(files[label][turn]);
      list.labels.push_back(static_cast<std::int32_t>(label));
    }
  }
  return list;
}

bool is_test_of_one_tree(const fs::path& root, const fs::path& file) {
  const std::string path = file.lexically_relative(root).generic_string();
  return ::crc32(0, reinterpret_cast<const Bytef*>(path.data()), static_cast<uInt>(path.size())) %
             10 ==
         0;
}

// The folder of the split; nothing where ROOT is one tree for both.
std::optional<fs::path> split_folder(const fs::path& root, Split split) {
  const bool train = fs::is_directory(root / "train");
  const bool test = fs::is_directory(root / "test"), val = fs::is_directory(root / "val");
  if (!train && !test && !val) return std::nullopt;
  if (split == Split::train) {
    require(train, "image-folder: ", root.string(), " has ", test ? "test" : "val",
            " but no train. ", kFolderLayout);
    return root / "train";
  }
  require(test || val, "image-folder: ", root.string(), " has train but neither test nor val. ",
          kFolderLayout);
  return root / (test ? "test" : "val");
}

std::vector<std::string> class_names_of(const fs::path& root, const fs::path& folder) {
  const bool trained = fs::is_directory(root / "train");
  const std::vector<std::string> names = folders_in(trained ? root / "train" : folder);
  require(!names.empty(), "image-folder: ", (trained ? root / "train" : folder).string(),
          " has no folders, expected one for each class. ", kFolderLayout);
  // A class left out would give those behind it the labels of others.
  const std::vector<std::string> here = folders_in(folder);
  for (const std::string& name : here) {
    require(std::ranges::binary_search(names, name), "image-folder: ", (folder / name).string(),
            " is no class of ", (root / "train").string(), ". Rename or remove it.");
  }
  for (const std::string& name : names) {
    require(std::ranges::binary_search(here, name), "image-folder: ", folder.string(),
            " lacks the class ", name, " of ", (root / "train").string(),
            ". Make the folder, empty if it has no images.");
  }
  return names;
}

}  // namespace

ImageList list_image_folder(const fs::path& root, Split split) try {
  require(fs::is_directory(root), "image-folder: ", root.string(), " is not a directory. ",
          kFolderLayout);
  const std::optional<fs::path> own = split_folder(root, split);
  const fs::path folder = own.value_or(root);
  const std::vector<std::string> names = class_names_of(root, folder);
  FilesOfClasses files;
  for (const std::string& name : names) {
    files.push_back(images_below(folder / name));
    std::vector<fs::path>& of_class = files.back();
    const bool may_be_empty = own && split == Split::test;
    require(may_be_empty || !of_class.empty(), "image-folder: ", (folder / name).string(),
            " has no .png, .jpg or .jpeg files. Add some, or remove the folder.");
    if (!own) {
      std::erase_if(of_class, [&](const fs::path& file) {
        return is_test_of_one_tree(root, file) != (split == Split::test);
      });
    }
  }
  ImageList list = in_turn(names, files);
  require(!list.files.empty(), "image-folder: ", folder.string(), " has no images for the ",
          split == Split::train ? "training" : "test", " split. ", kFolderLayout);
  return list;
} catch (const fs::filesystem_error& error) {
  fail("image-folder: ", error.path1().string(), ": ", error.code().message(),
       ". Check the permissions.");
}

}  // namespace saddle
