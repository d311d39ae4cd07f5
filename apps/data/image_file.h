// ImageFile: a PNG, JPEG or BMP file as RGB bytes, through stb_image, and a WebP file through
// libwebp where the build has it.
//
// Files are hostile until they are checked: sizes are limited before anything is decoded, what a
// decoder may allocate is limited too, and what stb_image does not look at is looked at here: the
// checksums of PNG, whether all of a BMP is there, and how a JPEG's inks are to be read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/data/image_limits.h"
#include "core/file.h"

namespace saddle {

struct Image {
  std::int64_t height = 0, width = 0;
  std::vector<std::uint8_t> pixels;  // [height, width, 3]
  int orientation = 1;               // as Exif numbers it; the pixels lie as they are stored
};

// The endings of the files that decode_image reads, in lower case: ".png", ".jpg", ...
const std::vector<std::string>& image_endings();

// Grey becomes three equal channels, transparency is dropped, 16 bits become 8. `name` begins every
// message. Throws Error where the bytes are none of the formats, are cut short or damaged, hold
// more than the limits above and max_pixels, or leave open what they mean (a JPEG of four
// components without Adobe's marker), and bad_alloc where there is no memory to decode them.
Image decode_image(Bytes bytes, const std::string& name, std::int64_t max_pixels = kMaxImagePixels);

// (19595 R + 38470 G + 7471 B) / 65536 rounded: ITU-R 601's weights as Pillow has them; a grey
// pixel stays the same.
inline std::uint8_t luma(std::uint8_t r, std::uint8_t g, std::uint8_t b) {
  return static_cast<std::uint8_t>((19595u * r + 38470u * g + 7471u * b + 0x8000u) >> 16);
}

// [height, width]: the luma of each pixel.
std::vector<std::uint8_t> luma_of(const Image& image);

// The centred square of the image, as large as the shorter side allows, resized to side x side: by
// the mean over the area that a pixel covers where it shrinks, bilinearly where it grows. The
// result is that of resizing the shorter side and cropping the centre.
Image centre_square(const Image& image, std::int64_t side);

}  // namespace saddle
