// Small trainings of networks for text: sentences made here, an encoder that trains in
// milliseconds.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "apps/text/text_classification.h"

namespace saddle {

// A folder as `transformers` saves it: a BERT of two layers, 24 numbers a token, with random
// weights, its classifier of three classes included.
void write_encoder(const std::filesystem::path& folder);
// Its pieces: the special ones, letters and some words.
std::vector<std::string> small_vocabulary();

// Tables of 46 sentences for training, 12 for validation and 20 for tests: a word in each says the
// class, "bad" or "good", all others are noise.
void write_reviews(const std::filesystem::path& folder);

// A test's folder with both, under "encoder" and "reviews".
void write_text_world(const std::filesystem::path& folder);

// Unresolved options of a run in such a folder, to `output`: three epochs of 8 texts a step.
TextTrainOptions small_text_run(const std::filesystem::path& world,
                                const std::filesystem::path& output);

}  // namespace saddle
