#include "apps/data/text_csv.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "apps/data/csv.h"
#include "apps/data/data_places.h"
#include "apps/data/text_lines.h"
#include "core/error.h"
#include "core/file.h"
#include "core/format.h"
#include "core/printable.h"

namespace saddle {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMaxFileBytes = std::int64_t{1} << 30;
constexpr std::size_t kMaxRows = std::size_t{1} << 25;  // some 2 GiB of short texts
constexpr std::size_t kMaxClasses = 1000, kMaxLabelBytes = 200;

constexpr const char* kLayout =
    "Expected DIR/train.csv and DIR/test.csv, or .tsv, with a line of column names; --data-dir "
    "names DIR";

struct Label {
  std::string name;
  std::string where;  // it stands first
};

// A file's rows, before the labels are numbers of classes.
struct Rows {
  LabelledTexts texts;        // labels: indices of `labels`
  std::vector<Label> labels;  // distinct, as they come
};

// SPLIT.csv or SPLIT.tsv of the folder.
std::optional<fs::path> file_of(const TextRequest& request, const fs::path& folder,
                                const std::string& split) {
  const fs::path csv = folder / (split + ".csv"), tsv = folder / (split + ".tsv");
  const bool has_csv = is_there(csv), has_tsv = is_there(tsv);
  require(!has_csv || !has_tsv, request.name, ": both ", csv.string(), " and ", tsv.string(),
          " are there. Move one away");
  if (has_csv) return csv;
  return has_tsv ? std::optional(tsv) : std::nullopt;
}

// The first of the places that has a split's table.
fs::path folder_of(const TextRequest& request) {
  const std::vector<fs::path> places = places_to_search(request.name, {}, "", request.directory);
  for (const fs::path& place : places) {
    for (const char* split : {"train", "validation", "test"}) {
      if (file_of(request, place, split)) return place;
    }
  }
  fail(request.name, ": found no table in ", joined_places(places), ". ", kLayout);
}

void check_label(const std::string& label, const CsvReader& reader, const TextRequest& request) {
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  const bool fits =
      !label.empty() && label.size() <= kMaxLabelBytes && std::ranges::none_of(label, is_control);
  if (fits) return;
  fail(reader.where(), " has '", printable(label, 60), "' in column ",
       printable(request.label_column, 60), ", expected a label: a number or name of at most ",
       kMaxLabelBytes, " bytes. Is it another column? --label-column names it");
}

Rows read_rows(const TextRequest& request, const fs::path& file) {
  const std::string name = text(request.name, ": ", file.string());
  const std::vector<std::byte> bytes = read_file(file, kMaxFileBytes);
  require_utf8(letters_of(bytes), name);
  const char by_ending = file.extension() == ".tsv" ? '\t' : ',';
  CsvReader reader(letters_of(bytes), name, request.delimiter.value_or(by_ending));
  const std::size_t text_at = reader.column(request.text_column);
  const std::size_t label_at = reader.column(request.label_column);
  Rows rows;
  std::map<std::string, std::int32_t> known;
  for (std::vector<std::string> fields; reader.next(fields);) {
    const std::string& label = fields[label_at];
    const auto [at, is_new] = known.emplace(label, std::ssize(rows.labels));
    if (is_new) {
      check_label(label, reader, request);
      rows.labels.push_back({label, reader.where()});
    }
    require(known.size() <= kMaxClasses, name, " has over ", kMaxClasses,
            " different labels. Is it another column? --label-column names it");
    require(rows.texts.texts.size() < kMaxRows, name, " has over ", kMaxRows,
            " rows, more than this program takes. Split it");
    rows.texts.add(fields[text_at], at->second);
  }
  return rows;
}

// The number that a label is; none where it is no whole number as one writes it, from 0.
std::optional<std::int32_t> number_of(const std::string& label) {
  std::int32_t number = -1;
  std::from_chars(label.data(), label.data() + label.size(), number);
  return number >= 0 && std::to_string(number) == label ? std::optional(number) : std::nullopt;
}

// Numbers in their order; `labels` are all of them numbers.
std::vector<std::string> numbered_classes(const std::vector<Label>& labels,
                                          const std::string& name) {
  std::map<std::int32_t, const Label*> sorted;
  for (const Label& label : labels) sorted[number_of(label.name).value()] = &label;
  std::vector<std::string> classes;
  for (const auto& [number, label] : sorted) {
    require(number == std::ssize(classes), label->where, " has label ", number, ", but no row of ",
            name, " has label ", classes.size(),
            ". Number the classes from 0, without a gap, or name them");
    classes.push_back(label->name);
  }
  return classes;
}

// The classes that the training split has.
std::vector<std::string> classes_of(const std::vector<Label>& labels, const std::string& name) {
  require(labels.size() > 1, name, labels.empty() ? " has no rows" : " has one label for all rows",
          ", expected texts of at least two classes");
  const auto is_number = [](const Label& label) { return number_of(label.name).has_value(); };
  const auto number = std::ranges::find_if(labels, is_number);
  const auto word = std::ranges::find_if_not(labels, is_number);
  if (word == labels.end()) return numbered_classes(labels, name);
  require(number == labels.end(), word->where, " has label '", word->name, "', ", number->where,
          " has label ", number->name, ", expected whole numbers from 0, or names, throughout");
  std::vector<std::string> classes;
  for (const Label& label : labels) classes.push_back(label.name);
  std::ranges::sort(classes);
  return classes;
}

// The same with the numbers of the classes for labels.
LabelledTexts in_classes(Rows rows, const std::vector<std::string>& classes) {
  std::vector<std::int32_t> class_of;
  for (const Label& label : rows.labels) {
    const auto named = std::ranges::find(classes, label.name);
    const std::optional<std::int32_t> number =
        named != classes.end() ? static_cast<std::int32_t>(named - classes.begin())
                               : number_of(label.name);
    require(number && *number < std::ssize(classes), label.where, " has label '", label.name,
            "', which is none of the classes: ", printable(joined(classes), 300),
            ". Mend the row, or give all classes in the training split");
    class_of.push_back(*number);
  }
  for (std::int32_t& label : rows.texts.labels) {
    label = class_of[static_cast<std::size_t>(label)];
  }
  return std::move(rows.texts);
}

}  // namespace

bool has_table(const TextRequest& request) {
  return file_of(request, folder_of(request), request.split).has_value();
}

TextSplits load_text_csv(const TextRequest& request) {
  const fs::path folder = folder_of(request);
  const auto missing = [&](const std::string& split) {
    return text(request.name, ": ", (folder / (split + ".csv")).string(),
                " (or .tsv) is missing. ");
  };
  const std::optional<fs::path> wanted = file_of(request, folder, request.split);
  const std::optional<fs::path> train = file_of(request, folder, "train");
  require(wanted.has_value(), missing(request.split), kLayout);
  require(train || !request.classes.empty(), missing("train"),
          "The classes are those that it has, unless --classes names them");
  TextSplits loaded;
  loaded.class_names = request.classes;
  if (train) {
    Rows rows = read_rows(request, *train);
    if (request.classes.empty()) {
      loaded.class_names = classes_of(rows.labels, text(request.name, ": ", train->string()));
    }
    loaded.splits["train"] = in_classes(std::move(rows), loaded.class_names);
  }
  if (request.split != "train") {
    loaded.splits[request.split] = in_classes(read_rows(request, *wanted), loaded.class_names);
  }
  return loaded;
}

}  // namespace saddle
