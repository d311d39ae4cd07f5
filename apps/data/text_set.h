// TextSet: one split of a text classification set in memory.
//
// load_text_set finds the files of a set, parses them, checks that they are what they claim to be,
// and says what a reader of the results should know: texts without a word, texts of the test split
// that the training split has too, classes without a text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apps/data/dataset.h"

namespace saddle {

struct TextSet {
  std::string name, split;                 // "rotten-tomatoes", "train"
  std::vector<std::string> texts;          // [N], UTF-8 without zero bytes
  std::vector<std::int32_t> labels;        // [N], each in [0, classes)
  std::vector<std::string> class_names;    // [classes]
  std::vector<std::string> warnings = {};  // what the user should be told, one line each

  std::int64_t size() const { return static_cast<std::int64_t>(texts.size()); }
};

struct TextRequest {
  std::string name;            // one of text_set_names()
  std::string directory = "";  // empty: the places that load_text_set names
  std::string split = "train";
  std::int64_t limit = kAllExamples;

  // For text-csv alone.
  std::string text_column = "text", label_column = "label";
  std::optional<char> delimiter = {};  // empty: a tab in .tsv files, a comma in .csv files
  // The names of the classes, in the order of their numbers; empty: what the training split has.
  std::vector<std::string> classes = {};

  Records records = Records::standard;  // of rotten-tomatoes
};

// rotten-tomatoes, rotten-tomatoes-rated, text-csv.
const std::vector<std::string>& text_set_names();

// The first `limit` texts of the split ("train", "validation" or "test"), in the set's order: that
// of the rows of a table, and in the first two sets, whose files have a class after the other, a
// text of each class in turn.
// - rotten-tomatoes, rotten-tomatoes-rated: see rotten_tomatoes.h.
// - text-csv: DIR/SPLIT.csv or .tsv, see text_csv.h.
//
// Where `directory` is empty, $SADDLE_DATA/NAME and ./data/NAME are looked at, and in each place
// the folder that the published archive unpacks to: rt-polaritydata, hutto_ICWSM_2014.
//
// Throws UsageError for an unknown name or split, a limit that the split does not allow, and an
// option that the set has not; Error where files are missing (with their paths and how to get them)
// or hold what the set does not (with the line).
TextSet load_text_set(const TextRequest& request);

// Whether the set has the split at all, which a table may lack. Throws as load_text_set, but reads
// no file.
bool has_split(const TextRequest& request);

}  // namespace saddle
