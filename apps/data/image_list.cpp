#include "apps/data/image_list.h"

#include <algorithm>
#include <cctype>
#include <optional>

#include <zlib.h>

#include "apps/data/image_file.h"
#include "apps/data/tiny_imagenet.h"
#include "core/error.h"
#include "core/printable.h"

namespace saddle {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTiny = "tiny-imagenet";
constexpr std::size_t kTinyClasses = 200, kTinyTrain = 500, kTinyTest = 50;  // images a class
constexpr std::int64_t kMaxTextBytes = std::int64_t{16} << 20;  // words.txt has 2.5 MiB

[[noreturn]] void fail_system(const char* dataset, const fs::filesystem_error& error) {
  fail(dataset, ": ", error.path1().string(), ": ", error.code().message(),
       ". Check the permissions.");
}

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

std::string ending_of(const fs::path& path) {
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return ending;
}

bool is_image(const fs::path& path) {
  return std::ranges::count(image_endings(), ending_of(path)) > 0;
}

// What others take for images.
bool is_image_elsewhere(const fs::path& path) {
  static const std::vector<std::string> endings{".avif", ".gif", ".heic", ".heif", ".jfif", ".jp2",
                                                ".jpe",  ".jxl", ".pbm",  ".pgm",  ".pnm",  ".ppm",
                                                ".svg",  ".tga", ".tif",  ".tiff", ".webp"};
  return !is_image(path) && std::ranges::count(endings, ending_of(path)) > 0;
}

// What lies where images are looked for and is not taken.
class LeftOut {
 public:
  enum Kind { linked_folder, dangling_link, other_format, beside_classes, kinds };

  explicit LeftOut(const fs::path& root) : root_(root) {}

  void add(Kind kind, const fs::path& path) { found_[kind].push_back(path); }
  void add(const LeftOut& more) {
    for (int kind = 0; kind < kinds; ++kind)
      found_[kind].insert(found_[kind].end(), more.found_[kind].begin(), more.found_[kind].end());
  }
  // Of a link that leads nowhere or to a folder, and of an image that is not read.
  void add_if_left_out(const fs::directory_entry& entry) {
    std::error_code ignored;
    if (entry.is_symlink(ignored) && !entry.exists(ignored)) {
      add(dangling_link, entry.path());
    } else if (entry.is_symlink(ignored) && entry.is_directory(ignored)) {
      add(linked_folder, entry.path());
    } else if (is_image_elsewhere(entry.path()) && entry.is_regular_file(ignored)) {
      add(other_format, entry.path());
    }
  }

  // "2 linked folders (cat/more, dog/more), 1 link to nothing (cat/x.png)"; empty: there is
  // nothing.
  std::string text() const {
    static constexpr const char* kOne[kinds] = {"linked folder", "link to nothing",
                                                "image of another format",
                                                "image beside the classes' folders"};
    static constexpr const char* kMany[kinds] = {"linked folders", "links to nothing",
                                                 "images of other formats",
                                                 "images beside the classes' folders"};
    std::string all;
    for (int kind = 0; kind < kinds; ++kind) {
      const std::size_t count = found_[kind].size();
      if (count == 0) continue;
      all += saddle::text(all.empty() ? "" : ", ", count, " ",
                          count == 1 ? kOne[kind] : kMany[kind], " (", examples(found_[kind]), ")");
    }
    return all;
  }

 private:
  // The first few names in the order of their bytes: not in that in which a folder is read.
  std::string examples(std::vector<fs::path> paths) const {
    constexpr std::size_t kMost = 3, kLongest = 60;
    std::ranges::sort(paths);
    std::string all;
    for (std::size_t i = 0; i < std::min(kMost, paths.size()); ++i) {
      all += (i == 0 ? "" : ", ") +
             printable(paths[i].lexically_relative(root_).generic_string(), kLongest);
    }
    return all + (paths.size() > kMost ? ", ..." : "");
  }

  fs::path root_;
  std::vector<fs::path> found_[kinds];
};

// Sorted by their bytes.
std::vector<std::string> folders_in(const fs::path& directory, LeftOut* left_out = nullptr) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (is_hidden(entry.path())) continue;
    if (entry.is_directory()) {
      names.push_back(entry.path().filename().string());
    } else if (left_out && is_image(entry.path()) && entry.is_regular_file()) {
      left_out->add(LeftOut::beside_classes, entry.path());
    } else if (left_out) {
      left_out->add_if_left_out(entry);
    }
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
std::vector<fs::path> images_below(const fs::path& directory, LeftOut& left_out) {
  std::vector<fs::path> found;
  for (auto at = fs::recursive_directory_iterator(directory); at != fs::end(at); ++at) {
    if (is_hidden(at->path())) {
      at.disable_recursion_pending();
    } else if (is_image(at->path()) && at->is_regular_file()) {
      found.push_back(at->path());
    } else {
      left_out.add_if_left_out(*at);
    }
  }
  std::ranges::sort(found, {}, [](const fs::path& path) { return path.generic_string(); });
  return found;
}

using FilesOfClasses = std::vector<std::vector<fs::path>>;

// The first of each class, then the second of each, and so on.
ImageList in_turn(std::vector<std::string> class_names, const FilesOfClasses& files) {
  ImageList list{std::move(class_names), {}, {}, {}};
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

std::vector<std::string> class_names_of(const fs::path& root, const fs::path& folder,
                                        LeftOut& left_out) {
  const bool trained = fs::is_directory(root / "train");
  const std::vector<std::string> names = folders_in(trained ? root / "train" : folder);
  require(!names.empty(), "image-folder: ", (trained ? root / "train" : folder).string(),
          " has no folders, expected one for each class. ", kFolderLayout);
  // A class left out would give those behind it the labels of others.
  const std::vector<std::string> here = folders_in(folder, &left_out);
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

struct TextFile {
  std::string name;  // "tiny-imagenet: DIR/wnids.txt"
  std::vector<std::byte> bytes;
};

TextFile read_text(const fs::path& path) {
  require(fs::exists(path), kTiny, ": ", path.string(), " is missing. ", kTinyHowToGet);
  return {text(kTiny, ": ", path.string()), read_file(path, kMaxTextBytes)};
}

std::vector<std::string> warnings_of(const char* dataset, const fs::path& folder,
                                     const LeftOut& left_out) {
  const std::string what = left_out.text();
  if (what.empty()) return {};
  return {text(dataset, ": left out below ", folder.string(), ": ", what)};
}

FilesOfClasses tiny_training_files(const fs::path& root, const std::vector<std::string>& wnids,
                                   LeftOut& left_out) {
  FilesOfClasses files;
  for (const std::string& id : wnids) {
    const fs::path folder = root / "train" / id / "images";
    require(fs::is_directory(folder), kTiny, ": ", folder.string(), " is missing. ", kTinyHowToGet);
    files.push_back(images_below(folder, left_out));
    require(!files.back().empty(), kTiny, ": ", folder.string(), " has no images. ", kTinyHowToGet);
  }
  return files;
}

void check_tiny_counts(const ImageList& list, const std::vector<std::string>& wnids, Split split) {
  require(wnids.size() == kTinyClasses, kTiny, ": wnids.txt has ", wnids.size(),
          " classes, expected ", kTinyClasses, ". ", kTinyHowToGet);
  std::vector<std::size_t> images(wnids.size());
  for (const std::int32_t label : list.labels) ++images[static_cast<std::size_t>(label)];
  const std::size_t expected = split == Split::train ? kTinyTrain : kTinyTest;
  for (std::size_t label = 0; label < wnids.size(); ++label) {
    require(images[label] == expected, kTiny, ": the ", split == Split::train ? "train" : "val",
            " split has ", images[label], " images of ", wnids[label], ", expected ", expected,
            ". ", kTinyHowToGet);
  }
}

}  // namespace

ImageList list_tiny_imagenet(const fs::path& root, Split split, Records records) try {
  const TextFile wnids_file = read_text(root / "wnids.txt");
  const std::vector<std::string> wnids = parse_wnids(wnids_file.bytes, wnids_file.name);
  const fs::path words = root / "words.txt";
  std::vector<std::string> names =
      fs::exists(words) ? parse_words(read_text(words).bytes, wnids) : wnids;

  ImageList list;
  if (split == Split::train) {
    LeftOut left_out(root / "train");
    list = in_turn(std::move(names), tiny_training_files(root, wnids, left_out));
    list.warnings = warnings_of(kTiny, root / "train", left_out);
  } else {
    const TextFile file = read_text(root / "val" / "val_annotations.txt");
    list.class_names = std::move(names);
    for (const Annotation& image : parse_annotations(file.bytes, wnids, file.name)) {
      list.files.push_back(root / "val" / "images" / image.file);
      list.labels.push_back(image.label);
      require(fs::exists(list.files.back()), kTiny, ": ", list.files.back().string(),
              " is missing, but val_annotations.txt names it. ", kTinyHowToGet);
    }
    const fs::path folder = root / "val" / "images";
    LeftOut left_out(folder);
    const std::size_t here = images_below(folder, left_out).size();
    list.warnings = warnings_of(kTiny, folder, left_out);
    if (here > list.files.size()) {
      list.warnings.push_back(text(kTiny, ": left out below ", folder.string(), ": ",
                                   here - list.files.size(),
                                   " that val_annotations.txt does not name"));
    }
  }
  if (records == Records::standard) check_tiny_counts(list, wnids, split);
  return list;
} catch (const fs::filesystem_error& error) {
  fail_system(kTiny, error);
}

ImageList list_image_folder(const fs::path& root, Split split) try {
  require(fs::is_directory(root), "image-folder: ", root.string(), " is not a directory. ",
          kFolderLayout);
  const std::optional<fs::path> own = split_folder(root, split);
  const fs::path folder = own.value_or(root);
  LeftOut left_out(folder);
  const std::vector<std::string> names = class_names_of(root, folder, left_out);
  FilesOfClasses files;
  for (const std::string& name : names) {
    LeftOut of_this(folder);
    files.push_back(images_below(folder / name, of_this));
    left_out.add(of_this);
    std::vector<fs::path>& of_class = files.back();
    const bool may_be_empty = own && split == Split::test;
    require(may_be_empty || !of_class.empty(), "image-folder: ", (folder / name).string(),
            " has no PNG, JPEG or BMP files",
            of_this.text().empty() ? "" : ", only " + of_this.text(),
            ". Add some, or remove the folder.");
    if (!own) {
      std::erase_if(of_class, [&](const fs::path& file) {
        return is_test_of_one_tree(root, file) != (split == Split::test);
      });
    }
  }
  ImageList list = in_turn(names, files);
  list.warnings = warnings_of("image-folder", folder, left_out);
  if (own == root / "test" && fs::is_directory(root / "val")) {
    list.warnings.push_back(text("image-folder: left out: ", (root / "val").string(),
                                 ", as the test split is ", folder.string()));
  }
  require(!list.files.empty(), "image-folder: ", folder.string(), " has no images for the ",
          split == Split::train ? "training" : "test", " split. ", kFolderLayout);
  return list;
} catch (const fs::filesystem_error& error) {
  fail_system("image-folder", error);
}

}  // namespace saddle
