// Predict: masks and overlays of a user's own images.
#pragma once

#include <string>

#include "apps/common/program_options.h"
#include "apps/segment/load_segmenter.h"

namespace saddle {

struct PredictOptions {
  CommonOptions common;
  SegmenterFlags segmenter;
  std::string checkpoint;
  std::string images;           // a file, or a folder of files
  std::string masks, overlays;  // folders; empty: not wanted
  std::string palette;          // file, a line `red green blue` a class; empty: VOC's colours
  double opacity = 0.5, overlap = 1. / 3;
  std::optional<std::int64_t> tile;
  bool flip_test = false;
};

// Flags, defaults and bounds; they point into `options`.
void add_flags(CLI::App& app, PredictOptions& options);

// Writes, for each image, the mask NAME.png (a palette PNG: the index is the class) and the picture
// NAME.png with its classes laid over it and named below. Prints a line an image: the classes and
// their shares.
void predict(const PredictOptions& options);

}  // namespace saddle
