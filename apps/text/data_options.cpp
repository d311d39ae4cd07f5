#include "apps/text/data_options.h"

#include "apps/common/parse.h"
#include "apps/common/settings.h"
#include "core/hash.h"

namespace saddle {
namespace {

TextRequest request_of(const TextDataOptions& o, const std::string& split,
                       const std::vector<std::string>& classes) {
  TextRequest request;
  request.name = o.name;
  request.directory = o.directory;
  request.split = split;
  // Validation is not cut short: it chooses the best checkpoint.
  if (split == "train") request.limit = o.train_limit;
  if (split == "test") request.limit = o.test_limit;
  if (!o.text_column.empty()) request.text_column = o.text_column;
  if (!o.label_column.empty()) request.label_column = o.label_column;
  if (o.delimiter == "tab") request.delimiter = '\t';
  if (!o.delimiter.empty() && o.delimiter != "tab") {
    usage(o.delimiter.size() == 1,
          text("--delimiter '", o.delimiter, "': expected one character, or the word tab"));
    request.delimiter = o.delimiter.front();
  }
  if (o.name == "text-csv") request.classes = classes;
  return request;
}

}  // namespace

std::vector<Setting> settings_of(TextDataOptions& o, TextPart part) {
  std::vector<Setting> all = {
      {"--dataset",
       "dataset",
       &o.name,
       "data set",
       {.choices = text_set_names(), .recorded = Recorded::always}},
      {"--data-dir",
       "",
       &o.directory,
       "folder of its files; else $SADDLE_DATA/NAME, data/NAME",
       {.recorded = Recorded::never, .type = "DIR"}},
      {"--train-limit",
       "train_limit",
       &o.train_limit,
       "only the first N training texts",
       {.shown_default = "all",
        .bounds = at_least(1),
        .recorded = Recorded::always,
        .unset = kAllExamples}},
      {"--test-limit",
       "test_limit",
       &o.test_limit,
       "only the first N texts that are tested on",
       {.shown_default = "all",
        .bounds = at_least(1),
        .recorded = Recorded::always,
        .unset = kAllExamples}},
      {"--text-column", "text_column", &o.text_column,
       "text-csv: the column of the texts; text unless given"},
      {"--label-column", "label_column", &o.label_column,
       "text-csv: the column of the labels; label unless given"},
      {"--delimiter", "delimiter", &o.delimiter,
       "text-csv: what stands between fields, one character or the word tab; unless given a tab "
       "in .tsv files, a comma in .csv files"}};
  if (part == TextPart::test_only) {
    std::erase_if(all, [](const Setting& row) { return row.flag == "--train-limit"; });
  }
  return all;
}

TextSet load(const TextDataOptions& options, const std::string& split,
             const std::vector<std::string>& classes) {
  return load_text_set(request_of(options, split, classes));
}

bool has_validation(const TextDataOptions& options) {
  return has_split(request_of(options, "validation", {}));
}

std::string fingerprint_of(const TextSet& set) {
  std::uint64_t hash = hash_of(std::as_bytes(std::span(set.labels)));
  for (const auto* lines : {&set.texts, &set.class_names}) {
    for (const std::string& line : *lines) hash = hash_of(line, hash);
  }
  return hexadecimal(hash);
}

}  // namespace saddle
