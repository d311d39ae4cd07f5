// TextSplits: what the files of a text set hold, before the limit and the checks that all sets
// share.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace saddle {

struct LabelledTexts {
  std::vector<std::string> texts;    // [N]
  std::vector<std::int32_t> labels;  // [N]

  void add(std::string_view text, std::int32_t label) {
    texts.emplace_back(text);
    labels.push_back(label);
  }
};

struct TextSplits {
  std::map<std::string, LabelledTexts> splits = {};  // the one asked for, and "train" if there is
  std::vector<std::string> class_names = {};
  std::vector<std::string> warnings = {};  // of all splits
};

}  // namespace saddle
