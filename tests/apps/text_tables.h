// Small text sets on disk, for the tests of their loaders.
#pragma once

#include <string>
#include <vector>

#include "apps/data/text_set.h"
#include "core/format.h"
#include "tests/apps/data_files.h"

namespace saddle {

using Texts = std::vector<std::string>;
using TextLabels = std::vector<std::int32_t>;

inline void write_letters(const TemporaryDirectory& directory, const std::string& name,
                          const std::string& letters) {
  directory.write(name, bytes_of(letters));
}

// movieReviewSnippets_GroundTruth.txt with `line` in the place of line `number`.
inline void write_rated(const TemporaryDirectory& directory, int number = 0,
                        const std::string& line = "", int lines = 10605) {
  std::string letters;
  for (int i = 1; i <= lines; ++i) {
    letters += i == number ? line : text(i, "\t1.5\tsnippet ", i, "\r\n");
  }
  write_letters(directory, "movieReviewSnippets_GroundTruth.txt", letters);
}

// A request for a set in `directory`, of any number of texts.
inline TextRequest text_request(const std::string& name, const TemporaryDirectory& directory,
                                const std::string& split = "train") {
  TextRequest request;
  request.name = name;
  request.directory = directory.path().string();
  request.split = split;
  request.records = Records::any;
  return request;
}

inline std::string text_set_refusal(const TextRequest& request) {
  return error_of([&] { load_text_set(request); });
}

}  // namespace saddle
