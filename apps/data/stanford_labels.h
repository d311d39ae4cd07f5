// StanfordLabels: the regions of Stanford Background (Gould, Fulton and Koller, ICCV 2009) in both
// forms in which they are around.
//
// The published archive has text: a line for each row of the image, a number for each pixel, 0 to 7
// for the classes and below 0 where nobody said what it is. The code of later papers reads pictures
// in nine colours made from it instead.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "apps/data/label_png.h"
#include "core/file.h"

namespace saddle {

// What a pixel of unknown class is: a ninth class, as in the reference code of the paper, or void,
// which is neither trained on nor counted.
enum class StanfordMode { official9, std8 };

// [8 or 9]
std::vector<std::string> stanford_class_names(StanfordMode mode);

// The colours of the pictures, [8 or 9].
std::vector<std::array<std::uint8_t, 3>> stanford_palette(StanfordMode mode);

// labels/<id>.regions.txt. `name` begins every message. Throws Error where there are no rows, rows
// of different lengths, more than an image may have, something other than numbers, or a number over
// 7 (with its row and column).
LabelImage parse_stanford_regions(Bytes bytes, const std::string& name, StanfordMode mode);

// labels_colored/<id>.png. Throws Error where it is no image, or has a tenth colour.
LabelImage decode_stanford_colours(Bytes bytes, const std::string& name, StanfordMode mode);

}  // namespace saddle
