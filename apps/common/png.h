// Png: pictures of images and of what an attack did to them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "apps/common/canvas.h"

namespace saddle {

// `pixels` is [height, width, channels], channels 1 (grey) or 3 (RGB), 0 to 255. Throws Error where
// the sizes do not fit or the file cannot be written; all or nothing.
void write_png(const std::filesystem::path& path, std::int64_t width, std::int64_t height,
               std::int64_t channels, std::span<const std::uint8_t> pixels);

// The same of numbers [height, width] with a palette, at most 256 colours, to show them in: a PNG
// of colour type 3, whose pixels are the numbers themselves. Throws Error also for a number without
// a colour.
void write_index_png(const std::filesystem::path& path, std::int64_t width, std::int64_t height,
                     std::span<const std::uint8_t> numbers, std::span<const Colour> palette);

// Cells of equal size in rows and columns on white, each an enlarged image above a caption, below a
// line of headings. Captions are cut where the cell ends; letters are shown as capitals.
class ImageGrid {
 public:
  static constexpr std::int64_t kGap = 4;             // pixels between cells and around them
  static constexpr std::int64_t kCaptionHeight = 11;  // a line of 5 x 7 letters and its margins

  // Images are [height, width, channels], channels 1 or 3; each of their pixels becomes scale x
  // scale.
  ImageGrid(std::int64_t rows, std::int64_t columns, std::int64_t height, std::int64_t width,
            std::int64_t channels, std::int64_t scale);

  void heading(std::int64_t column, const std::string& text);
  // `image` holds height * width * channels values in [0, 1]; what lies outside is clamped.
  void place(std::int64_t row, std::int64_t column, std::span<const float> image,
             const std::string& caption);

  std::int64_t width() const { return canvas_.width(); }
  std::int64_t height() const { return canvas_.height(); }
  // RGB of the pixel in line y (from the top) and column x.
  std::span<const std::uint8_t, 3> pixel(std::int64_t y, std::int64_t x) const {
    return canvas_.pixel(y, x);
  }

  void write(const std::filesystem::path& path) const { canvas_.write(path); }

 private:
  static Canvas checked_canvas(std::int64_t rows, std::int64_t columns, std::int64_t height,
                               std::int64_t width, std::int64_t channels, std::int64_t scale);
  std::int64_t top(std::int64_t row) const;
  std::int64_t left(std::int64_t column) const;
  void draw_text(std::int64_t y, std::int64_t x, const std::string& text);

  std::int64_t rows_, columns_, image_height_, image_width_, channels_, scale_;
  Canvas canvas_;
};

}  // namespace saddle
