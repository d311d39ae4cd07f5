#include "apps/data/image_file.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>

#include <zlib.h>

#include "core/error.h"

namespace saddle {
namespace {

// Over all that an image of kMaxImagePixels needs at once (16-bit RGBA: 8 bytes a pixel). Without
// it a small PNG could inflate to gigabytes before stb_image counts its rows.
constexpr std::size_t kMostBytesAtOnce = std::size_t{8} * kMaxImagePixels + (1 << 20);

void* limited_malloc(std::size_t size) {
  return size > kMostBytesAtOnce ? nullptr : std::malloc(size);
}

void* limited_realloc(void* old, std::size_t size) {
  return size > kMostBytesAtOnce ? nullptr : std::realloc(old, size);
}

}  // namespace
}  // namespace saddle

#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#define STBI_MAX_DIMENSIONS 16384
#define STBI_MALLOC(size) saddle::limited_malloc(size)
#define STBI_REALLOC(old, size) saddle::limited_realloc(old, size)
#define STBI_FREE(old) std::free(old)
#include <stb_image.h>

#define STB_IMAGE_RESIZE_STATIC
#define STB_IMAGE_RESIZE_IMPLEMENTATION
#include <stb_image_resize.h>

namespace saddle {
namespace {

static_assert(STBI_MAX_DIMENSIONS == kMaxImageSide);

constexpr std::size_t kPngSignature = 8;

bool begins_with(Bytes bytes, std::string_view start) {
  return bytes.size() >= start.size() && std::memcmp(bytes.data(), start.data(), start.size()) == 0;
}

std::uint32_t big_endian(Bytes bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = at; i < at + 4; ++i)
    value = value << 8 | std::to_integer<std::uint32_t>(bytes[i]);
  return value;
}

// A PNG is its signature and chunks of length, type, data, and a CRC over type and data.
void check_png_chunks(Bytes bytes, const std::string& name) {
  for (std::size_t at = kPngSignature;;) {
    require(bytes.size() - at >= 12, name, " is a PNG cut short at byte ", bytes.size());
    const std::size_t length = big_endian(bytes, at);
    require(length <= bytes.size() - at - 12, name, " is a PNG cut short at byte ", bytes.size());
    const Bytes covered = bytes.subspan(at + 4, 4 + length);
    const uLong sum = ::crc32(0, reinterpret_cast<const Bytef*>(covered.data()),
                              static_cast<uInt>(covered.size()));
    require(sum == big_endian(bytes, at + 8 + length), name,
            " is a damaged PNG: wrong checksum of the chunk at byte ", at);
    if (begins_with(covered, "IEND")) return;
    at += 12 + length;
  }
}

}  // namespace

Image decode_image(Bytes bytes, const std::string& name) {
  const bool png = begins_with(bytes, "\x89PNG\r\n\x1a\n");
  require(png || begins_with(bytes, "\xff\xd8\xff"), name, " is neither PNG nor JPEG");
  require(bytes.size() <= static_cast<std::size_t>(kMaxImageBytes), name, " is ", bytes.size(),
          " bytes, more than the ", kMaxImageBytes, " of an image");
  if (png) check_png_chunks(bytes, name);

  const auto* data = reinterpret_cast<const stbi_uc*>(bytes.data());
  const int size = static_cast<int>(bytes.size());
  const auto damaged = [&] {
    fail(name, " is a damaged ", png ? "PNG" : "JPEG", ": ", stbi_failure_reason());
  };
  int width = 0, height = 0, channels = 0;
  if (stbi_info_from_memory(data, size, &width, &height, &channels) == 0) damaged();
  require(width > 0 && height > 0 && width <= kMaxImageSide && height <= kMaxImageSide &&
              std::int64_t{width} * height <= kMaxImagePixels,
          name, " has ", width, " x ", height, " pixels, more than ", kMaxImageSide, " a side or ",
          kMaxImagePixels, " in all");
  const std::unique_ptr<stbi_uc, void (*)(void*)> pixels(
      stbi_load_from_memory(data, size, &width, &height, &channels, 3), std::free);
  if (!pixels) damaged();
  return {height, width,
          std::vector<std::uint8_t>(pixels.get(), pixels.get() + std::size_t{3} * width * height)};
}

Image centre_square(const Image& image, std::int64_t side) {
  require(side > 0 && side <= kMaxImageSide, "image: a side of ", side, " pixels, expected 1 to ",
          kMaxImageSide);
  const std::int64_t given = std::min(image.height, image.width);
  const std::int64_t top = (image.height - given) / 2, left = (image.width - given) / 2;
  const std::uint8_t* square = image.pixels.data() + 3 * (top * image.width + left);
  const int row_bytes = static_cast<int>(3 * image.width);
  Image result{side, side, std::vector<std::uint8_t>(static_cast<std::size_t>(3 * side * side))};
  if (given == side) {
    for (std::int64_t y = 0; y < side; ++y)
      std::copy_n(square + y * row_bytes, 3 * side, result.pixels.data() + y * 3 * side);
    return result;
  }
  const stbir_filter filter = side < given ? STBIR_FILTER_BOX : STBIR_FILTER_TRIANGLE;
  const int done =
      stbir_resize(square, static_cast<int>(given), static_cast<int>(given), row_bytes,
                   result.pixels.data(), static_cast<int>(side), static_cast<int>(side), 0,
                   STBIR_TYPE_UINT8, 3, STBIR_ALPHA_CHANNEL_NONE, 0, STBIR_EDGE_CLAMP,
                   STBIR_EDGE_CLAMP, filter, filter, STBIR_COLORSPACE_LINEAR, nullptr);
  if (done == 0) throw std::bad_alloc();  // its only failure with sound arguments
  return result;
}

}  // namespace saddle
