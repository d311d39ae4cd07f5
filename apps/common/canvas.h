// Canvas: an RGB picture that is drawn on: rectangles, lines and small letters.
//
// Made for tables of images and for plots; no anti-aliasing. What lies outside is not drawn.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace saddle {

using Colour = std::array<std::uint8_t, 3>;

inline constexpr Colour kBlack = {0, 0, 0}, kWhite = {255, 255, 255}, kGrey = {200, 200, 200};

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
  void fill(std::int64_t y, std::int64_t x, std::int64_t height, std::int64_t width,
            const Colour& colour);
  // A straight stroke `thickness` pixels wide.
  void line(double y0, double x0, double y1, double x1, const Colour& colour,
            std::int64_t thickness = 1);
  // Letters of 5 x 7 pixels, each enlarged `scale` times, as capitals; (y, x) is the top left.
  void text(std::int64_t y, std::int64_t x, const std::string& text, const Colour& colour = kBlack,
            std::int64_t scale = 1);
  // The same read from below to above, beginning at the bottom left (y, x).
  void text_upwards(std::int64_t y, std::int64_t x, const std::string& text,
                    const Colour& colour = kBlack, std::int64_t scale = 1);

  // Throws Error where the file cannot be written; all or nothing.
  void write(const std::filesystem::path& path) const;

 private:
  std::int64_t width_, height_;
  std::vector<std::uint8_t> pixels_;  // [height, width, 3]
};

}  // namespace saddle
