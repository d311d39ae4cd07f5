// LabelPng: a PNG whose pixels are class indices, as data sets of semantic segmentation keep
// labels.
//
// The number that a pixel holds is its label. stb_image, which reads all other PNGs, would put the
// palette's colours in its place and stretch grey of 1, 2 and 4 bits to 255. Files are hostile
// until they are checked: sizes are limited before anything is allocated, and zlib is never asked
// for more bytes than the image has.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/data/image_limits.h"
#include "core/file.h"

namespace saddle {

// The label of pixels that have no class: neither trained on nor counted.
inline constexpr std::uint8_t kVoidLabel = 255;

struct LabelImage {
  std::int64_t height = 0, width = 0;
  std::vector<std::uint8_t> labels;  // [height, width]
};

// Reads palette images (1, 2, 4 or 8 bits a pixel) and grey ones (16 bits, too, of which the upper
// 8 must be 0), interlaced or not. An index beyond the palette is a label like others, transparency
// and all other ancillary chunks are passed over, and so is what follows the end of the image.
// `name` begins every message. Throws Error where the bytes are no PNG, are cut short, damaged or
// not as the format has them, have more pixels than the limits and max_pixels, hold a number beyond
// 255, or colours in the place of indices.
LabelImage decode_label_png(Bytes bytes, const std::string& name,
                            std::int64_t max_pixels = kMaxImagePixels);

}  // namespace saddle
