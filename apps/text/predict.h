// Predict: what a network for text takes a user's own texts for.
#pragma once

#include <string>
#include <vector>

#include "apps/common/program_options.h"

namespace saddle {

struct TextPredictOptions {
  CommonOptions common;
  std::string checkpoint, vocabulary;
  std::vector<std::string> texts;
  std::string file;  // a text a line; "-": standard input
  bool tokens = false, json = false;
  std::int64_t batch_size = 64;
};

// Flags, defaults and bounds; they point into `options`.
void add_flags(CLI::App& app, TextPredictOptions& options);

// Prints a line a text: the class, its probability, the text; with `tokens` the pieces that the
// network sees; with `json` an object a line: text, class, probabilities, tokens, ids.
void predict(const TextPredictOptions& options);

}  // namespace saddle
