// Canvas: an RGB picture that is drawn on, with images and small letters. What lies outside is not
// drawn.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace saddle {

using Colour = std::array<std::uint8_t, 3>;

// Coordinates are pixels: y from the top, x from the left.
class Canvas {
 public:
  static constexpr std::int64_t kLetterWidth = 6, kLetterHeight = 7;  // with the space behind

  // White. Throws Error for a picture without pixels or with more than 2^28.
  Canvas(std::int64_t width, std::int64_t height);

  std::int64_t width() const { return width_; }
  std::int64_t height() const { return height_; }
  // RGB. Throws Error outside the picture.
  std::span<const std::uint8_t, 3> pixel(std::int64_t y, std::int64_t x) const;

  void set(std::int64_t y, std::int64_t x, const Colour& colour);
  // Black letters of 5 x 7 pixels, as capitals; (y, x) is the top left.
  void text(std::int64_t y, std::int64_t x, const std::string& text);

  // Throws Error where the file cannot be written; all or nothing.
  void write(const std::filesystem::path& path) const;

 private:
  std::int64_t width_, height_;
  std::vector<std::uint8_t> pixels_;  // [height, width, 3]
};

}  // namespace saddle
