#include "apps/data/colour_jitter.h"

#include "apps/data/image_file.h"

namespace saddle {
namespace {

// d + f (x - d), as a byte.
std::uint8_t blend(int without, int value, float factor) {
  const float blended = static_cast<float>(without) + factor * static_cast<float>(value - without);
  if (blended <= 0) return 0;
  return blended >= 255 ? std::uint8_t{255} : static_cast<std::uint8_t>(blended);
}

// One `without` for the whole image: each of the 256 values is blended once.
void blend_all(std::span<std::uint8_t> pixels, int without, float factor) {
  std::array<std::uint8_t, 256> table;
  for (int value = 0; value < 256; ++value)
    table[static_cast<std::size_t>(value)] = blend(without, value, factor);
  for (std::uint8_t& value : pixels) value = table[value];
}

// Rounded, half up.
int mean_grey(std::span<const std::uint8_t> pixels) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i + 2 < pixels.size(); i += 3)
    sum += luma(pixels[i], pixels[i + 1], pixels[i + 2]);
  const std::uint64_t count = pixels.size() / 3;
  return count == 0 ? 0 : static_cast<int>((2 * sum + count) / (2 * count));
}

}  // namespace

void change_brightness(std::span<std::uint8_t> pixels, float factor) {
  blend_all(pixels, 0, factor);
}

void change_contrast(std::span<std::uint8_t> pixels, float factor) {
  blend_all(pixels, mean_grey(pixels), factor);
}

void change_saturation(std::span<std::uint8_t> pixels, float factor) {
  for (std::size_t i = 0; i + 2 < pixels.size(); i += 3) {
    const int grey = luma(pixels[i], pixels[i + 1], pixels[i + 2]);
    for (std::size_t c = 0; c < 3; ++c) pixels[i + c] = blend(grey, pixels[i + c], factor);
  }
}

void jitter_colours(std::span<std::uint8_t> pixels, const std::array<float, 3>& factors,
                    const std::array<int, 3>& order) {
  constexpr std::array kChanges{change_brightness, change_contrast, change_saturation};
  for (const int quality : order) {
    const auto at = static_cast<std::size_t>(quality);
    if (factors[at] != 1) kChanges[at](pixels, factors[at]);
  }
}

}  // namespace saddle
