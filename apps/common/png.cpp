#include "apps/common/png.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/file.h"

#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STBI_WRITE_NO_STDIO
#include <stb_image_write.h>

namespace saddle {
namespace {

// Far over any picture worth looking at; products stay small.
constexpr std::int64_t kMostPixels = 1 << 28;

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
      scale_(scale),
      canvas_(checked_canvas(rows, columns, height, width, channels, scale)) {}

Canvas ImageGrid::checked_canvas(std::int64_t rows, std::int64_t columns, std::int64_t height,
                                 std::int64_t width, std::int64_t channels, std::int64_t scale) {
  require(channels == 1 || channels == 3, "grid: images have ", channels,
          " channels, expected 1 or 3");
  require(rows > 0 && columns > 0 && height > 0 && width > 0 && scale > 0, "grid: ", rows, " x ",
          columns, " images of ", height, " x ", width, " enlarged ", scale,
          " times have no pixels");
  return Canvas(kGap + columns * (width * scale + kGap),
                kGap + kCaptionHeight + rows * (height * scale + kCaptionHeight + kGap));
}

std::int64_t ImageGrid::top(std::int64_t row) const {
  return kGap + kCaptionHeight + row * (image_height_ * scale_ + kCaptionHeight + kGap);
}

std::int64_t ImageGrid::left(std::int64_t column) const {
  return kGap + column * (image_width_ * scale_ + kGap);
}

void ImageGrid::draw_text(std::int64_t y, std::int64_t x, const std::string& text) {
  const std::int64_t fitting = image_width_ * scale_ / Canvas::kLetterWidth;
  canvas_.text(y, x, text.substr(0, static_cast<std::size_t>(fitting)));
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
      const auto grey = channels_ == 1;
      canvas_.set(top(row) + y, left(column) + x,
                  {to_byte(from[0]), to_byte(from[grey ? 0 : 1]), to_byte(from[grey ? 0 : 2])});
    }
  }
  draw_text(top(row) + image_height_ * scale_ + 2, left(column), caption);
}

}  // namespace saddle
