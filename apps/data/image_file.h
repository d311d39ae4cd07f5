// ImageFile: a PNG or JPEG file as RGB bytes, through stb_image.
//
// Files are hostile until they are checked: sizes are limited before anything is decoded, what a
// decoder may allocate is limited too, and the checksums of PNG, which stb_image does not look at,
// are looked at here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/file.h"

namespace saddle {

inline constexpr std::int64_t kMaxImageBytes = std::int64_t{64} << 20;  // of a file
inline constexpr std::int64_t kMaxImageSide = 16384;                    // pixels
inline constexpr std::int64_t kMaxImagePixels = std::int64_t{1} << 26;  // the largest photographs

struct Image {
  std::int64_t height = 0, width = 0;
  std::vector<std::uint8_t> pixels;  // [height, width, 3]
};

// Grey becomes three equal channels, transparency is dropped, 16 bits become 8. `name` begins every
// message. Throws Error where the bytes are no PNG or JPEG, are cut short or damaged, or hold more
// than the limits above and max_pixels.
Image decode_image(Bytes bytes, const std::string& name, std::int64_t max_pixels = kMaxImagePixels);

// The centred square of the image, as large as the shorter side allows, resized to side x side: by
// the mean over the area that a pixel covers where it shrinks, bilinearly where it grows. The
// result is that of resizing the shorter side and cropping the centre.
Image centre_square(const Image& image, std::int64_t side);

}  // namespace saddle
