#include "apps/common/canvas.h"

#include <algorithm>
#include <cctype>

#include "apps/common/png.h"
#include "core/error.h"

namespace saddle {
namespace {

constexpr std::int64_t kGlyphWidth = 5, kGlyphHeight = Canvas::kLetterHeight;
// Far over any picture worth looking at; products stay small.
constexpr std::int64_t kMostPixels = 1 << 28;

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
    {'*', {0, 0b10101, 0b01110, 0b11111, 0b01110, 0b10101, 0}},
    {'<', {0b00010, 0b00100, 0b01000, 0b10000, 0b01000, 0b00100, 0b00010}},
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

}  // namespace

Canvas::Canvas(std::int64_t width, std::int64_t height) : width_(width), height_(height) {
  require(width > 0 && height > 0 && width < kMostPixels / height, "picture: ", width, " x ",
          height, " pixels are none or too many");
  pixels_.assign(static_cast<std::size_t>(width * height * 3), 255);
}

std::span<const std::uint8_t, 3> Canvas::pixel(std::int64_t y, std::int64_t x) const {
  require(y >= 0 && y < height_ && x >= 0 && x < width_, "picture: no pixel ", y, ", ", x);
  return std::span<const std::uint8_t, 3>(pixels_.data() + (y * width_ + x) * 3, 3);
}

void Canvas::set(std::int64_t y, std::int64_t x, const Colour& colour) {
  if (y < 0 || y >= height_ || x < 0 || x >= width_) return;
  std::copy(colour.begin(), colour.end(), pixels_.begin() + (y * width_ + x) * 3);
}

void Canvas::text(std::int64_t y, std::int64_t x, const std::string& text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const Glyph& glyph = glyph_of(text[i]);
    for (std::int64_t down = 0; down < kGlyphHeight; ++down) {
      for (std::int64_t right = 0; right < kGlyphWidth; ++right) {
        const int line = glyph.lines[static_cast<std::size_t>(down)];
        if ((line >> (kGlyphWidth - 1 - right) & 1) == 0) continue;
        set(y + down, x + static_cast<std::int64_t>(i) * kLetterWidth + right, {0, 0, 0});
      }
    }
  }
}

void Canvas::write(const std::filesystem::path& path) const {
  write_png(path, width_, height_, 3, pixels_);
}

}  // namespace saddle
