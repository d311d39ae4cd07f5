// TextData: what a command line says of a text set, and the set that it means.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/data/text_set.h"

namespace saddle {

struct Setting;  // apps/common/settings.h

struct TextDataOptions {
  std::string name = "rotten-tomatoes-rated";
  std::string directory;  // empty: the places that load_text_set names
  std::int64_t train_limit = kAllExamples, test_limit = kAllExamples;
  std::string text_column, label_column, delimiter;  // of text-csv; empty: text, label, the file's
};

// Their rows of --help, bounds and config.json; they point into `options`.
enum class TextPart { train_and_test, test_only };  // test_only: no --train-limit
std::vector<Setting> settings_of(TextDataOptions& options, TextPart part);

// The split, whose warnings are the caller's to print. `classes`, where there are any, are those
// that the labels of a table are to be. Throws as load_text_set.
TextSet load(const TextDataOptions& options, const std::string& split,
             const std::vector<std::string>& classes = {});
// Whether the set has a validation split: a table's folder may lack one.
bool has_validation(const TextDataOptions& options);

// Which texts, labels and classes it consists of.
std::string fingerprint_of(const TextSet& set);

}  // namespace saddle
