// TextCsv: a text classification set of the user's own, in tables.
//
// DIR/train.csv, DIR/validation.csv and DIR/test.csv (.csv or .tsv each; see csv.h for the format),
// in UTF-8. One column has the texts, one the labels; others are passed over.
#pragma once

#include "apps/data/text_set.h"
#include "apps/data/text_splits.h"

namespace saddle {

// The split asked for and "train". Labels are whole numbers 0 to K - 1 or names. The classes are
// `request.classes`, whose numbers or names labels may then be; or, where that is empty, those of
// the training split: its numbers, each of which must occur, or its names, sorted by their bytes.
// train.csv is needed unless the classes are given. A file may have 1 GiB, 2^25 rows and 1000
// classes. Throws as load_text_set.
TextSplits load_text_csv(const TextRequest& request);

// Whether the table of the split is there.
bool has_table(const TextRequest& request);

}  // namespace saddle
