// ImageLimits: how large an image from outside may be, whatever its format.
//
// A header of a few bytes can declare billions of pixels, so every reader looks here before it
// allocates.
#pragma once

#include <cstdint>
#include <string>

namespace saddle {

inline constexpr std::int64_t kMaxImageBytes = std::int64_t{64} << 20;  // of a file
inline constexpr std::int64_t kMaxImageSide = 16384;                    // pixels
inline constexpr std::int64_t kMaxImagePixels = std::int64_t{1} << 26;  // the largest photographs

// Throws Error, a message that begins with `name` and ends with `mend`, where the image has no
// pixels or more than the limits and max_pixels allow.
void check_image_size(std::int64_t width, std::int64_t height, std::int64_t max_pixels,
                      const std::string& name, const std::string& mend = "");

}  // namespace saddle
