#include "apps/data/text_set.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "apps/data/rotten_tomatoes.h"
#include "apps/data/text_csv.h"
#include "apps/data/text_lines.h"
#include "apps/data/text_splits.h"
#include "core/error.h"
#include "core/format.h"
#include "core/printable.h"

namespace saddle {
namespace {

constexpr const char* kRottenTomatoes = "rotten-tomatoes";
constexpr const char* kRated = "rotten-tomatoes-rated";
constexpr const char* kCsv = "text-csv";

void check_classes(const std::vector<std::string>& classes) {
  const bool distinct = std::set(classes.begin(), classes.end()).size() == classes.size();
  if (classes.size() != 1 && distinct) return;
  throw UsageError(text("--classes ", printable(joined(classes), 300),
                        ": expected two classes or more, each once"));
}

void check_delimiter(char delimiter) {
  const bool fits = delimiter == '\t' || (delimiter >= ' ' && delimiter < 0x7f && delimiter != '"');
  if (fits) return;
  throw UsageError(text("--delimiter '", printable({&delimiter, 1}),
                        "': expected a tab or one ASCII character that is no double quote"));
}

void check_options(const TextRequest& request) {
  const std::vector<std::string>& names = text_set_names();
  if (std::ranges::count(names, request.name) == 0) {
    throw UsageError(text("dataset: '", printable(request.name, 60),
                          "' is not a text set this program reads. It reads ", joined(names), "."));
  }
  if (request.split != "train" && request.split != "validation" && request.split != "test") {
    throw UsageError(text("--split '", printable(request.split, 60), "': ", request.name,
                          " has train, validation and test"));
  }
  check_classes(request.classes);
  check_delimiter(request.delimiter.value_or(','));
  const TextRequest plain;
  const char* surplus = request.text_column != plain.text_column     ? "--text-column"
                        : request.label_column != plain.label_column ? "--label-column"
                        : request.delimiter                          ? "--delimiter"
                        : !request.classes.empty()                   ? "--classes"
                                                                     : nullptr;
  if (request.name == kCsv || !surplus) return;
  throw UsageError(
      text(surplus, ": the files of ", request.name, " are known. It belongs to ", kCsv));
}

// How many of a split's texts are wanted.
std::int64_t wanted(const TextRequest& request, std::int64_t size) {
  if (request.limit == kAllExamples) return size;
  if (request.limit < 1) {
    throw UsageError(text(request.name, ": a limit of ", request.limit,
                          " texts, expected at least 1, or ", kAllExamples, " for all"));
  }
  if (request.limit > size) {
    throw UsageError(text(request.name, ": a limit of ", request.limit, " texts is over the ", size,
                          " of the split '", request.split, "'"));
  }
  return request.limit;
}

TextSplits load_splits(const TextRequest& request) {
  if (request.name == kRottenTomatoes) return load_rotten_tomatoes(request);
  if (request.name == kRated) return load_rated_rotten_tomatoes(request);
  return load_text_csv(request);
}

// A text of each class in turn, as long as it has one.
LabelledTexts in_turn(LabelledTexts split, std::size_t classes) {
  std::vector<std::vector<std::size_t>> of_class(classes);
  for (std::size_t i = 0; i < split.texts.size(); ++i) {
    of_class[static_cast<std::size_t>(split.labels[i])].push_back(i);
  }
  LabelledTexts ordered;
  for (std::size_t round = 0; ordered.texts.size() < split.texts.size(); ++round) {
    for (const std::vector<std::size_t>& own : of_class) {
      if (round < own.size()) ordered.add(split.texts[own[round]], split.labels[own[round]]);
    }
  }
  return ordered;
}

void warn_of_blanks(TextSet& set) {
  const auto is_blank = [](const std::string& text) { return stripped(text).empty(); };
  const auto first = std::ranges::find_if(set.texts, is_blank);
  if (first == set.texts.end()) return;
  set.warnings.push_back(text(set.name, ": ", std::ranges::count_if(set.texts, is_blank),
                              " of the ", set.size(), " texts of ", set.split,
                              " are empty or blank, text ", first - set.texts.begin() + 1,
                              " the first"));
}

void warn_of_absent_classes(TextSet& set) {
  const std::set<std::int32_t> there(set.labels.begin(), set.labels.end());
  std::vector<std::string> absent;
  for (std::size_t i = 0; i < set.class_names.size(); ++i) {
    if (!there.contains(static_cast<std::int32_t>(i))) absent.push_back(set.class_names[i]);
  }
  if (absent.empty()) return;
  set.warnings.push_back(text(set.name, ": none of the ", set.size(), " texts of ", set.split,
                              " is of class ", printable(joined(absent), 300)));
}

void warn_of_texts_in_train(TextSet& set, const std::vector<std::string>& train_texts) {
  const std::unordered_set<std::string_view> train(train_texts.begin(), train_texts.end());
  const auto known = std::ranges::count_if(
      set.texts, [&](const std::string& text) { return train.contains(text); });
  if (known == 0) return;
  set.warnings.push_back(text(set.name, ": ", known, " of the ", set.size(), " texts of ",
                              set.split, " are in train, too"));
}

}  // namespace

const std::vector<std::string>& text_set_names() {
  static const std::vector<std::string> names{kRottenTomatoes, kRated, kCsv};
  return names;
}

TextSet load_text_set(const TextRequest& request) {
  check_options(request);
  TextSplits loaded = load_splits(request);
  LabelledTexts split = std::move(loaded.splits[request.split]);
  require(!split.texts.empty(), request.name, ": the split '", request.split, "' has no texts");
  if (request.name != kCsv) split = in_turn(std::move(split), loaded.class_names.size());
  const auto count = static_cast<std::size_t>(wanted(request, std::ssize(split.texts)));
  split.texts.resize(count);
  split.labels.resize(count);
  TextSet set{request.name,
              request.split,
              std::move(split.texts),
              std::move(split.labels),
              std::move(loaded.class_names),
              std::move(loaded.warnings)};
  warn_of_blanks(set);
  warn_of_absent_classes(set);
  if (set.split != "train") warn_of_texts_in_train(set, loaded.splits["train"].texts);
  return set;
}

bool has_split(const TextRequest& request) {
  check_options(request);
  return request.name != kCsv || has_table(request);
}

}  // namespace saddle
