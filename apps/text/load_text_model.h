// LoadTextModel: a network for text with the pieces of words that it knows.
#pragma once

#include <filesystem>
#include <string>

#include "apps/data/wordpiece.h"
#include "layers/model.h"

namespace saddle {

struct TextModel {
  Model model;
  WordPiece pieces;

  std::int64_t max_length() const { return model.network.options.text.max_length; }
};

// Of a checkpoint of saddle-text, whose vocabulary is `vocabulary` or, where that is empty, the
// vocab.txt beside it; or of a folder that `transformers` saved, with its head. What the second
// does not say is among the model's assumptions. Throws Error where the file is no network for
// text, or the vocabulary another than it was trained with.
TextModel load_text_model(const std::filesystem::path& checkpoint,
                          const std::filesystem::path& vocabulary, Device& device,
                          Precision precision);

}  // namespace saddle
