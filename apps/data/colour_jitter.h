// ColourJitter: brightness, contrast and saturation of an RGB image, changed by a factor each.
//
// A pixel x becomes d + f (x - d), where f is the factor and d the image without that quality:
// black for brightness, the mean grey of the image for contrast, the pixel's own grey for
// saturation. 0 takes the quality away, 1 changes nothing. In float, clipped to 0..255 and
// truncated after each: the bytes of Pillow's ImageEnhance, which torchvision's ColorJitter uses
// too.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace saddle {

// Of pixels [n, 3], in place.
void change_brightness(std::span<std::uint8_t> pixels, float factor);
void change_contrast(std::span<std::uint8_t> pixels, float factor);
void change_saturation(std::span<std::uint8_t> pixels, float factor);

// The factors of brightness (0), contrast (1) and saturation (2), which `order` names in turn.
void jitter_colours(std::span<std::uint8_t> pixels, const std::array<float, 3>& factors,
                    const std::array<int, 3>& order);

}  // namespace saddle
