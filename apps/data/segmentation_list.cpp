#include "apps/data/segmentation_list.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "apps/data/data_places.h"
#include "core/error.h"
#include "core/file.h"
#include "core/format.h"
#include "core/printable.h"
#include "kernels/philox.h"

namespace saddle {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMaxTextBytes = std::int64_t{16} << 20;  // train_aug.txt has 0.12 MiB

constexpr const char* kVocLayout =
    "Expected DIR/JPEGImages, DIR/SegmentationClass and DIR/ImageSets/Segmentation/<split>.txt; "
    "--data-dir names DIR.";
constexpr const char* kStanfordLayout =
    "Expected DIR/images/<id>.jpg with DIR/labels/<id>.regions.txt, as in iccv09Data.tar.gz, or "
    "DIR/labels_colored/<id>.png; --data-dir names DIR.";

const std::vector<std::string> kVocClasses{
    "background", "aeroplane", "bicycle",     "bird",  "boat",        "bottle", "bus",
    "car",        "cat",       "chair",       "cow",   "diningtable", "dog",    "horse",
    "motorbike",  "person",    "pottedplant", "sheep", "sofa",        "train",  "tvmonitor"};

// What cannot be looked into is not there for us.
bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

std::string place_of(const SegmentationRequest& request, const fs::path& file) {
  return text(request.name, ": ", file.string());
}

// The lines of a text without carriage returns, blanks at their ends, the mark that some editors
// put in front (EF BB BF), and the empty ones at the end.
std::vector<std::string> lines_of(const fs::path& file) {
  const std::vector<std::byte> bytes = read_file(file, kMaxTextBytes);
  std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (rest.starts_with("\xef\xbb\xbf")) rest.remove_prefix(3);
  std::vector<std::string> lines;
  while (!rest.empty()) {
    const std::size_t length = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, length);
    lines.emplace_back(line.substr(0, line.find_last_not_of(" \t\r") + 1));
    rest.remove_prefix(std::min(length + 1, rest.size()));
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

bool has_control_characters(std::string_view line) {
  return std::ranges::any_of(line, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

// Without the ending, of the files in a folder that have it, sorted by their bytes.
std::vector<std::string> names_in(const fs::path& folder, std::string_view ending) {
  std::error_code ignored;
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with(ending) || name.starts_with('.')) continue;
    names.push_back(name.substr(0, name.size() - ending.size()));
  }
  std::ranges::sort(names);
  return names;
}

// Of the places searched the first with this folder.
fs::path root_of(const SegmentationRequest& request, const std::vector<std::string>& archive,
                 const std::string& folder, const char* layout) {
  const std::vector<fs::path> places =
      places_to_search(request.name, archive, "", request.directory);
  for (const fs::path& place : places)
    if (is_folder(place / folder)) return place;
  fail(request.name, ": found no folder ", folder, " in ", joined_places(places), ". ", layout);
}

// The split becomes part of a path.
void check_split_name(const SegmentationRequest& request) {
  const auto is_plain = [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-'; };
  if (!request.split.empty() && std::ranges::all_of(request.split, is_plain)) return;
  throw UsageError(text("--split '", printable(request.split, 60),
                        "': expected letters, digits, _ and - alone, such as train or val"));
}

// Augmented lists are often kept in the folder that holds VOCdevkit, as the reference code of the
// paper has it.
fs::path split_file(const SegmentationRequest& request, const fs::path& root) {
  const fs::path lists = root / "ImageSets" / "Segmentation";
  const std::string name = request.split + ".txt";
  std::vector<fs::path> places{lists / name, root / name};
  if (!request.directory.empty()) places.push_back(fs::path(request.directory) / name);
  for (const fs::path& place : places)
    if (is_there(place)) return place;
  const std::vector<std::string> there = names_in(lists, ".txt");
  fail(place_of(request, places.front()), " is missing. ",
       there.empty() ? "That folder has no lists. " : "The splits there: " + joined(there) + ". ",
       there.empty() ? kVocLayout : "Choose one with --split");
}

// An id becomes part of paths, which must not lead out of the set's folders.
void check_id(const std::string& id, const std::string& where) {
  const fs::path path(id);
  const bool leaves = path.is_absolute() || std::ranges::count(path, fs::path("..")) > 0;
  require(!leaves && !has_control_characters(id), where, " has '", printable(id, 60),
          "', expected a name below JPEGImages without its ending, such as 2007_000032");
}

std::vector<std::string> read_ids(const fs::path& file, const SegmentationRequest& request) {
  const std::string name = place_of(request, file);
  const std::vector<std::string> lines = lines_of(file);
  std::vector<std::string> ids;
  std::map<std::string, std::size_t> line_of;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].empty()) continue;
    check_id(lines[i], text(name, ", line ", i + 1));
    // Counted twice, an image would weigh twice in every number that is reported.
    const auto [first, is_new] = line_of.emplace(lines[i], i + 1);
    require(is_new, name, " has ", printable(lines[i], 60), " twice, in lines ", first->second,
            " and ", i + 1, ". Remove one");
    ids.push_back(lines[i]);
  }
  require(!ids.empty(), name, " is empty, expected the name of an image a line");
  return ids;
}

std::optional<fs::path> image_of(const fs::path& folder, const std::string& id) {
  for (const char* ending : {".jpg", ".jpeg", ".png"}) {
    fs::path file = folder / (id + ending);
    if (is_there(file)) return file;
  }
  return std::nullopt;
}

std::vector<std::string> read_class_names(const fs::path& file,
                                          const SegmentationRequest& request) {
  const std::string name = place_of(request, file);
  std::vector<std::string> names = lines_of(file);
  require(!names.empty() && names.size() < 256, name, " has ", names.size(),
          " lines, expected 1 to 255, a class name each");
  for (std::size_t i = 0; i < names.size(); ++i) {
    require(!names[i].empty(), name, ": line ", i + 1, " is blank, expected a class name");
    require(!has_control_characters(names[i]), name, ": line ", i + 1,
            " holds a control character, expected a class name");
  }
  return names;
}

std::vector<std::string> voc_class_names(const SegmentationRequest& request, const fs::path& root) {
  const fs::path own = root / "classes.txt";
  if (!request.classes_file.empty()) return read_class_names(request.classes_file, request);
  if (is_there(own)) return read_class_names(own, request);
  // The names of a file are those of the labels after the shift; VOC's are those before it.
  return {kVocClasses.begin() + (request.reduce_zero_label ? 1 : 0), kVocClasses.end()};
}

// The files in which the user says what masks mean.
void read_label_maps(const SegmentationRequest& request, SegmentationList& list) {
  if (!request.mask_colours.empty()) {
    list.format = LabelFormat::coloured;
    list.colours = parse_mask_colours(read_file(request.mask_colours, kMaxTextBytes),
                                      place_of(request, request.mask_colours));
  }
  if (!request.label_map.empty()) {
    list.label_map = parse_label_map(read_file(request.label_map, kMaxTextBytes),
                                     place_of(request, request.label_map));
  }
}

// Finds the two files of each id.
void find_voc_files(const SegmentationRequest& request, const fs::path& root, const fs::path& from,
                    SegmentationList& list) {
  const bool augmented = request.split.ends_with("_aug");
  const fs::path masks = root / (augmented ? "SegmentationClassAug" : "SegmentationClass");
  std::string first;
  std::size_t missing = 0;
  for (const std::string& id : list.ids) {
    const std::optional<fs::path> image = image_of(root / "JPEGImages", id);
    const fs::path mask = masks / (id + ".png");
    const bool has_mask = is_there(mask);
    if ((!image || !has_mask) && ++missing == 1) {
      const fs::path wanted = image.value_or(root / "JPEGImages" / (id + ".jpg"));
      first = image      ? text("the labels ", mask.string(), " of ", wanted.string())
              : has_mask ? text("the image ", wanted.string(), " (or .jpeg, .png) of the labels ",
                                mask.string())
                         : text("the image ", wanted.string(), " (or .jpeg, .png) and its labels ",
                                mask.string());
    }
    list.images.push_back(image.value_or(fs::path()));
    list.labels.push_back(mask);
  }
  require(missing == 0, request.name, ": ", first, " cannot be found; that is so of ", missing,
          " of the ", list.ids.size(), " names in ", from.string(),
          ". Unpack the archive again, or take them off the list");
}

// Which of the ids belong to the split, in its order.
std::vector<std::string> split_of(std::vector<std::string> ids,
                                  const SegmentationRequest& request) {
  // Fisher-Yates. No epoch's order has this step.
  const Stream stream{request.split_seed, Purpose::data_order, UINT32_MAX};
  for (std::size_t i = ids.size(); i-- > 1;) {
    const std::uint32_t word = stream.bits(static_cast<std::uint32_t>(i), 0).v[0];
    std::swap(ids[i], ids[uniform_below(word, static_cast<std::uint32_t>(i + 1))]);
  }
  const auto train = static_cast<std::ptrdiff_t>(7 * ids.size() / 10);
  if (request.split == "train") return {ids.begin(), ids.begin() + train};
  return {ids.begin() + train, ids.end()};
}

}  // namespace

SegmentationList list_voc(const SegmentationRequest& request) {
  check_split_name(request);
  const fs::path root =
      root_of(request, {"VOC2012", "VOCdevkit/VOC2012"}, "JPEGImages", kVocLayout);
  const fs::path file = split_file(request, root);
  SegmentationList list;
  list.ids = read_ids(file, request);
  list.class_names = voc_class_names(request, root);
  read_label_maps(request, list);
  find_voc_files(request, root, file, list);
  return list;
}

SegmentationList list_stanford(const SegmentationRequest& request) {
  constexpr std::size_t kPublished = 715;
  if (request.split != "train" && request.split != "val") {
    throw UsageError(
        text("--split '", printable(request.split, 60), "': ", request.name, " has train and val"));
  }
  const fs::path root = root_of(request, {"iccv09Data"}, "images", kStanfordLayout);
  const bool coloured = !is_folder(root / "labels");
  const fs::path labels = root / (coloured ? "labels_colored" : "labels");
  require(is_folder(labels), request.name, ": ", root.string(),
          " has neither labels nor labels_colored. ", kStanfordLayout);
  const std::vector<std::string> all = names_in(root / "images", ".jpg");
  require(all.size() > 1, request.name, ": ", (root / "images").string(), " has ", all.size(),
          " JPEG files, expected at least 2. ", kStanfordLayout);
  SegmentationList list;
  list.format = coloured ? LabelFormat::stanford_colours : LabelFormat::stanford_text;
  list.class_names = stanford_class_names(request.stanford_mode);
  list.ids = split_of(all, request);
  for (const std::string& id : list.ids) {
    list.images.push_back(root / "images" / (id + ".jpg"));
    list.labels.push_back(labels / (id + (coloured ? ".png" : ".regions.txt")));
    require(is_there(list.labels.back()), request.name, ": the labels ",
            list.labels.back().string(), " of ", list.images.back().string(), " are missing. ",
            kStanfordLayout);
  }
  if (all.size() != kPublished) {
    list.warnings.push_back(text(request.name, ": ", (root / "images").string(), " has ",
                                 all.size(), " images, the published set ", kPublished));
  }
  return list;
}

}  // namespace saddle
