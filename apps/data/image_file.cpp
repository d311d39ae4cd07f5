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

// Zeros: stb_image 2.27 does not clear its tables, and a JPEG may use one that it never defined.
void* limited_malloc(std::size_t size) {
  return size > kMostBytesAtOnce ? nullptr : std::calloc(1, size);
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

// A Huffman table is 16 counts, then that many codes; stb_image writes over the end of its arrays
// where they are more than 256.
void check_huffman_tables(Bytes tables, const std::string& name) {
  while (!tables.empty()) {
    std::size_t codes = 0;
    for (std::size_t i = 1; i < std::min<std::size_t>(17, tables.size()); ++i)
      codes += std::to_integer<std::size_t>(tables[i]);
    require(codes <= 256 && tables.size() >= 17 + codes, name,
            " is a damaged JPEG: a Huffman table has ", codes, " codes in ", tables.size(),
            " bytes");
    tables = tables.subspan(17 + codes);
  }
}

// The JPEG without what is not needed to decode it (comments, camera data, stray bytes), so that
// stb_image sees only segments that were looked at. Each scan of a progressive JPEG goes over the
// whole image, so that a few bytes could cost minutes: their number is limited.
std::vector<std::byte> checked_jpeg(Bytes bytes, const std::string& name) {
  constexpr int kMostScans = 100;  // encoders write about 10
  constexpr unsigned kStart = 0xd8, kEnd = 0xd9, kScan = 0xda, kHuffman = 0xc4, kComment = 0xfe;
  std::vector<std::byte> kept(bytes.begin(), bytes.begin() + 2);
  const auto byte_at = [&](std::size_t i) {
    require(i < bytes.size(), name, " is a damaged JPEG: cut short at byte ", bytes.size());
    return std::to_integer<unsigned>(bytes[i]);
  };
  int scans = 0;
  for (std::size_t at = 2;;) {
    while (byte_at(at) != 0xff || byte_at(at + 1) == 0xff) ++at;
    const unsigned marker = byte_at(at + 1);
    const std::size_t begin = at;
    at += 2;
    if (marker == kEnd) {
      kept.insert(kept.end(), {std::byte{0xff}, std::byte{0xd9}});
      return kept;
    }
    if (marker < 0xc0 || marker == kStart || (marker >= 0xd0 && marker < kStart)) continue;
    const std::size_t length = byte_at(at) << 8 | byte_at(at + 1);
    require(length >= 2 && length <= bytes.size() - at, name, " is a damaged JPEG: a segment of ",
            length, " bytes at byte ", at);
    if (marker == kHuffman) check_huffman_tables(bytes.subspan(at + 2, length - 2), name);
    at += length;
    if (marker == kScan) {
      require(++scans <= kMostScans, name, " is a JPEG of more than ", kMostScans, " scans");
      // Its data: 0xff stands before 0 (a 0xff of the data) and before restart marks only.
      const auto is_data = [&] {
        return byte_at(at) != 0xff || byte_at(at + 1) == 0 ||
               (byte_at(at + 1) >= 0xd0 && byte_at(at + 1) < kStart);
      };
      while (is_data()) ++at;
    }
    // Of the application's segments JFIF's and Adobe's tell the colours.
    const bool application = marker >= 0xe0 && marker <= 0xef;
    if (marker == kComment || (application && marker != 0xe0 && marker != 0xee)) continue;
    kept.insert(kept.end(), bytes.begin() + static_cast<std::ptrdiff_t>(begin),
                bytes.begin() + static_cast<std::ptrdiff_t>(at));
  }
}

}  // namespace

Image decode_image(Bytes bytes, const std::string& name, std::int64_t max_pixels) {
  const bool png = begins_with(bytes, "\x89PNG\r\n\x1a\n");
  require(png || begins_with(bytes, "\xff\xd8\xff"), name, " is neither PNG nor JPEG");
  require(bytes.size() <= static_cast<std::size_t>(kMaxImageBytes), name, " is ", bytes.size(),
          " bytes, more than the ", kMaxImageBytes, " of an image");
  if (png) check_png_chunks(bytes, name);
  std::vector<std::byte> jpeg;
  if (!png) {
    jpeg = checked_jpeg(bytes, name);
    bytes = jpeg;
  }

  const auto* data = reinterpret_cast<const stbi_uc*>(bytes.data());
  const int size = static_cast<int>(bytes.size());
  const auto damaged = [&] {
    fail(name, " is a damaged ", png ? "PNG" : "JPEG", ": ", stbi_failure_reason());
  };
  int width = 0, height = 0, channels = 0;
  if (stbi_info_from_memory(data, size, &width, &height, &channels) == 0) damaged();
  require(width > 0 && height > 0 && width <= kMaxImageSide && height <= kMaxImageSide &&
              std::int64_t{width} * height <= max_pixels,
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
