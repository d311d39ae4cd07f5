#include "apps/common/png.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstring>

#include "core/error.h"
#include "core/file.h"

#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STBI_WRITE_NO_STDIO
#include <stb_image_write.h>

namespace saddle {
namespace {

constexpr std::int64_t kGlyphWidth = 5, kGlyphHeight = 7, kAdvance = kGlyphWidth + 1;
constexpr std::int64_t kMostPixels =
    1 << 28;  // far over any picture worth looking at; products stay small

struct Glyph {
  char letter;
  std::array<std::uint8_t, kGlyphHeight> lines;  // from the top; bit 4 is the left column
};

constexpr Glyph kFont[] = {
    {'A', {0b01110, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001}},
    {'B', {0b11110, 0b10001, 0b10001, 0b11110, 0b10001, 0b10001, 0b11110}},
    {'C', {0b01110, 0b10001, 0b10000, 0b10000, 0b10000, 0b10001, 0b01110}},
    {'D', {0b11110, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b11110}},
    {'E', {0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b11111}},
    {'F', {0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b10000}},
    {'G', {0b01110, 0b10001, 0b10000, 0b10111, 0b10001, 0b10001, 0b01111}},
    {'H', {0b10001, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001}},
    {'I', {0b01110, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110}},
    {'J', {0b00111, 0b00010, 0b00010, 0b00010, 0b00010, 0b10010, 0b01100}},
    {'K', {0b10001, 0b10010, 0b10100, 0b11000, 0b10100, 0b10010, 0b10001}},
    {'L', {0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b11111}},
    {'M', {0b10001, 0b11011, 0b10101, 0b10101, 0b10001, 0b10001, 0b10001}},
    {'N', {0b10001, 0b11001, 0b10101, 0b10011, 0b10001, 0b10001, 0b10001}},
    {'O', {0b01110, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01110}},
    {'P', {0b11110, 0b10001, 0b10001, 0b11110, 0b10000, 0b10000, 0b10000}},
    {'Q', {0b01110, 0b10001, 0b10001, 0b10001, 0b10101, 0b10010, 0b01101}},
    {'R', {0b11110, 0b10001, 0b10001, 0b11110, 0b10100, 0b10010, 0b10001}},
    {'S', {0b01111, 0b10000, 0b10000, 0b01110, 0b00001, 0b00001, 0b11110}},
    {'T', {0b11111, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100}},
    {'U', {0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01110}},
    {'V', {0b10001, 0b10001, 0b10001, 0b10001, 0b01010, 0b01010, 0b00100}},
    {'W', {0b10001, 0b10001, 0b10001, 0b10101, 0b10101, 0b11011, 0b10001}},
    {'X', {0b10001, 0b01010, 0b00100, 0b00100, 0b00100, 0b01010, 0b10001}},
    {'Y', {0b10001, 0b10001, 0b01010, 0b00100, 0b00100, 0b00100, 0b00100}},
    {'Z', {0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b10000, 0b11111}},
    {'0', {0b01110, 0b10011, 0b10101, 0b10101, 0b10101, 0b11001, 0b01110}},
    {'1', {0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110}},
    {'2', {0b01110, 0b10001, 0b00001, 0b00110, 0b01000, 0b10000, 0b11111}},
    {'3', {0b01110, 0b10001, 0b00001, 0b00110, 0b00001, 0b10001, 0b01110}},
    {'4', {0b00010, 0b00110, 0b01010, 0b10010, 0b11111, 0b00010, 0b00010}},
    {'5', {0b11111, 0b10000, 0b11110, 0b00001, 0b00001, 0b10001, 0b01110}},
    {'6', {0b01110, 0b10000, 0b11110, 0b10001, 0b10001, 0b10001, 0b01110}},
    {'7', {0b11111, 0b00001, 0b00010, 0b00010, 0b00100, 0b00100, 0b00100}},
    {'8', {0b01110, 0b10001, 0b10001, 0b01110, 0b10001, 0b10001, 0b01110}},
    {'9', {0b01110, 0b10001, 0b10001, 0b01111, 0b00001, 0b00001, 0b01110}},
    {' ', {0, 0, 0, 0, 0, 0, 0}},
    {'.', {0, 0, 0, 0, 0, 0b01100, 0b01100}},
    {',', {0, 0, 0, 0, 0b01100, 0b00100, 0b01000}},
    {':', {0, 0b01100, 0b01100, 0, 0b01100, 0b01100, 0}},
    {'-', {0, 0, 0, 0b01110, 0, 0, 0}},
    {'_', {0, 0, 0, 0, 0, 0, 0b11111}},
    {'+', {0, 0b00100, 0b00100, 0b11111, 0b00100, 0b00100, 0}},
    {'=', {0, 0, 0b11111, 0, 0b11111, 0, 0}},
    {'/', {0, 0b00001, 0b00010, 0b00100, 0b01000, 0b10000, 0}},
    {'%', {0b11001, 0b11001, 0b00010, 0b00100, 0b01000, 0b10011, 0b10011}},
    {'(', {0b00010, 0b00100, 0b01000, 0b01000, 0b01000, 0b00100, 0b00010}},
    {')', {0b01000, 0b00100, 0b00010, 0b00010, 0b00010, 0b00100, 0b01000}},
    {'>', {0b01000, 0b00100, 0b00010, 0b00001, 0b00010, 0b00100, 0b01000}},
    {'?', {0b01110, 0b10001, 0b00001, 0b00110, 0b00100, 0, 0b00100}},
};

// A letter the font does not have is a question mark.
const Glyph& glyph_of(char letter) {
  const char capital = static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
  const auto is = [](char wanted) {
    return [wanted](const Glyph& glyph) { return glyph.letter == wanted; };
  };
  const Glyph* found = std::find_if(std::begin(kFont), std::end(kFont), is(capital));
  return found != std::end(kFont) ? *found
                                  : *std::find_if(std::begin(kFont), std::end(kFont), is('?'));
}

void append(void* bytes, void* data, int size) {
  const auto* first = static_cast<const std::byte*>(data);
  static_cast<std::vector<std::byte>*>(bytes)->insert(
      static_cast<std::vector<std::byte>*>(bytes)->end(), first, first + size);
}

std::uint8_t to_byte(float value) {
  if (!(value > 0)) return 0;  // also what is not a number
  return static_cast<std::uint8_t>(std::lround(std::min(value, 1.f) * 255.f));
}

}  // namespace

void write_png(const std::filesystem::path& path, std::int64_t width, std::int64_t height,
               std::int64_t channels, std::span<const std::uint8_t> pixels) {
  require((channels == 1 || channels == 3) && width > 0 && height > 0 &&
              width < kMostPixels / height &&
              static_cast<std::int64_t>(pixels.size()) == width * height * channels,
          path.string(), ": ", pixels.size(), " bytes are no picture of ", width, " x ", height,
          " pixels and ", channels, " channels (1 or 3)");
  std::vector<std::byte> bytes;
  const int done = stbi_write_png_to_func(append, &bytes, static_cast<int>(width),
                                          static_cast<int>(height), static_cast<int>(channels),
                                          pixels.data(), static_cast<int>(width * channels));
  require(done != 0 && !bytes.empty(), path.string(), ": out of memory for a picture of ", width,
          " x ", height, " pixels");
  write_file_atomically(path, Bytes(bytes));
}

ImageGrid::ImageGrid(std::int64_t rows, std::int64_t columns, std::int64_t height,
                     std::int64_t width, std::int64_t channels, std::int64_t scale)
    : rows_(rows),
      columns_(columns),
      image_height_(height),
      image_width_(width),
      channels_(channels),
      scale_(scale) {
  require(channels == 1 || channels == 3, "grid: images have ", channels,
          " channels, expected 1 or 3");
  require(rows > 0 && columns > 0 && height > 0 && width > 0 && scale > 0, "grid: ", rows, " x ",
          columns, " images of ", height, " x ", width, " enlarged ", scale,
          " times have no pixels");
  height_ = top(rows);
  width_ = left(columns);
  require(width_ < kMostPixels / height_, "grid: ", width_, " x ", height_, " pixels are too many");
  pixels_.assign(static_cast<std::size_t>(width_ * height_ * 3), 255);
}

std::int64_t ImageGrid::top(std::int64_t row) const {
  return kGap + kCaptionHeight + row * (image_height_ * scale_ + kCaptionHeight + kGap);
}

std::int64_t ImageGrid::left(std::int64_t column) const {
  return kGap + column * (image_width_ * scale_ + kGap);
}

std::uint8_t* ImageGrid::at(std::int64_t y, std::int64_t x) {
  return pixels_.data() + (y * width_ + x) * 3;
}

std::span<const std::uint8_t, 3> ImageGrid::pixel(std::int64_t y, std::int64_t x) const {
  require(y >= 0 && y < height_ && x >= 0 && x < width_, "grid: no pixel ", y, ", ", x);
  return std::span<const std::uint8_t, 3>(pixels_.data() + (y * width_ + x) * 3, 3);
}

void ImageGrid::draw_text(std::int64_t y, std::int64_t x, const std::string& text) {
  const std::int64_t fitting = image_width_ * scale_ / kAdvance;
  for (std::int64_t i = 0;
       i < std::min<std::int64_t>(fitting, static_cast<std::int64_t>(text.size())); ++i) {
    const Glyph& glyph = glyph_of(text[static_cast<std::size_t>(i)]);
    for (std::int64_t line = 0; line < kGlyphHeight; ++line) {
      for (std::int64_t column = 0; column < kGlyphWidth; ++column) {
        const bool ink =
            (glyph.lines[static_cast<std::size_t>(line)] >> (kGlyphWidth - 1 - column) & 1) != 0;
        if (ink) std::memset(at(y + line, x + i * kAdvance + column), 0, 3);
      }
    }
  }
}

void ImageGrid::heading(std::int64_t column, const std::string& text) {
  require(column >= 0 && column < columns_, "grid: no column ", column);
  draw_text(kGap, left(column), text);
}

void ImageGrid::place(std::int64_t row, std::int64_t column, std::span<const float> image,
                      const std::string& caption) {
  require(row >= 0 && row < rows_ && column >= 0 && column < columns_, "grid: no cell ", row, ", ",
          column);
  require(static_cast<std::int64_t>(image.size()) == image_height_ * image_width_ * channels_,
          "grid: ", image.size(), " values are no image of ", image_height_, " x ", image_width_,
          " x ", channels_);
  for (std::int64_t y = 0; y < image_height_ * scale_; ++y) {
    for (std::int64_t x = 0; x < image_width_ * scale_; ++x) {
      const float* from = image.data() + (y / scale_ * image_width_ + x / scale_) * channels_;
      std::uint8_t* to = at(top(row) + y, left(column) + x);
      for (std::int64_t c = 0; c < 3; ++c) to[c] = to_byte(from[channels_ == 3 ? c : 0]);
    }
  }
  draw_text(top(row) + image_height_ * scale_ + 2, left(column), caption);
}

void ImageGrid::write(const std::filesystem::path& path) const {
  write_png(path, width_, height_, 3, pixels_);
}

}  // namespace saddle
