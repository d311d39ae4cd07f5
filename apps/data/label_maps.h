// LabelMaps: small text files in which a user says what the numbers or the colours of masks mean.
//
// Both have an entry a line; empty lines and what follows a # are passed over.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "apps/data/label_png.h"
#include "core/file.h"

namespace saddle {

using LabelOfColour = std::map<std::array<std::uint8_t, 3>, std::uint8_t>;
using LabelOfLabel = std::array<std::uint8_t, 256>;

// Lines of red, green, blue and the label that they stand for, all from 0 to 255 ("128 64 0  3").
// `name` begins every message. Throws Error, with the line, where one is something else or a colour
// comes twice, and where there is none.
LabelOfColour parse_mask_colours(Bytes bytes, const std::string& name);

// Lines of a label in the masks and the one that it becomes ("34 255"); others stay as they are.
// Throws as above.
LabelOfLabel parse_label_map(Bytes bytes, const std::string& name);

// The labels of a picture that shows them in colours, as decode_image reads it. Throws Error where
// it is no image, or has a colour that is not among `labels` (with its row and column); `mend` ends
// that message.
LabelImage decode_coloured_mask(Bytes bytes, const std::string& name, const LabelOfColour& labels,
                                const std::string& mend);

}  // namespace saddle
