#include "apps/data/image_file.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>

#ifdef SADDLE_WEBP
#include <webp/decode.h>
#endif

#include "apps/data/exif.h"
#include "apps/data/png_chunks.h"
#include "core/error.h"

namespace saddle {
namespace {

// Over all that an image of kMaxImagePixels needs at once (16-bit RGBA: 8 bytes a pixel). Without
// it a small PNG could inflate to gigabytes before stb_image counts its rows.
constexpr std::size_t kMostBytesAtOnce = std::size_t{8} * kMaxImagePixels + (1 << 20);

// To stb_image a lack of memory is one more reason why an image cannot be decoded. To us it is not:
// the image would be left out as broken.
thread_local bool memory_ran_out = false;

// Zeros: stb_image 2.27 does not clear its tables, and a JPEG may use one that it never defined.
void* limited_malloc(std::size_t size) {
  if (size > kMostBytesAtOnce) return nullptr;
  void* made = std::calloc(1, size);
  memory_ran_out = memory_ran_out || !made;
  return made;
}

void* limited_realloc(void* old, std::size_t size) {
  if (size > kMostBytesAtOnce) return nullptr;
  void* made = std::realloc(old, size);
  memory_ran_out = memory_ran_out || !made;
  return made;
}

}  // namespace
}  // namespace saddle

#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#define STBI_ONLY_BMP
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

// What a decoder is given, and what it will not say.
struct Checked {
  std::vector<std::byte> rewritten;  // empty: the file as it is
  int orientation = 1;
};

bool begins_with(Bytes bytes, std::string_view start) {
  return bytes.size() >= start.size() && std::memcmp(bytes.data(), start.data(), start.size()) == 0;
}

std::size_t little_endian(Bytes bytes, std::size_t at, std::size_t count) {
  std::size_t value = 0;
  for (std::size_t i = at + count; i-- > at;)
    value = value << 8 | std::to_integer<std::size_t>(bytes[i]);
  return value;
}

Checked checked_png(Bytes bytes, const std::string& name) {
  Checked checked;
  PngChunks chunks(bytes, name);
  for (PngChunk chunk = chunks.next(); chunk.type != "IEND"; chunk = chunks.next())
    if (chunk.type == "eXIf") checked.orientation = exif_orientation(chunk.data);
  return checked;
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
Checked checked_jpeg(Bytes bytes, const std::string& name) {
  constexpr int kMostScans = 100;  // encoders write about 10
  constexpr unsigned kStart = 0xd8, kEnd = 0xd9, kScan = 0xda, kHuffman = 0xc4, kComment = 0xfe;
  constexpr unsigned kFrame = 0xc0, kExif = 0xe1, kAdobe = 0xee;
  Checked checked;
  std::vector<std::byte>& kept = checked.rewritten;
  kept.assign(bytes.begin(), bytes.begin() + 2);
  std::size_t components = 0;
  int transform = -1;  // Adobe's; -1: it is not said
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
      // stb_image would take them for YCbCr and something that it drops.
      require(components != 4 || transform == 0 || transform == 2, name,
              " is a JPEG of 4 components (CMYK) without the Adobe marker that tells how they are "
              "meant. Convert it to RGB");
      return checked;
    }
    if (marker < 0xc0 || marker == kStart || (marker >= 0xd0 && marker < kStart)) continue;
    const std::size_t length = byte_at(at) << 8 | byte_at(at + 1);
    require(length >= 2 && length <= bytes.size() - at, name, " is a damaged JPEG: a segment of ",
            length, " bytes at byte ", at);
    const Bytes segment = bytes.subspan(at + 2, length - 2);
    if (marker == kHuffman) check_huffman_tables(segment, name);
    if (marker >= kFrame && marker <= kFrame + 2 && segment.size() > 5 && components == 0)
      components = std::to_integer<std::size_t>(segment[5]);
    if (marker == kAdobe && segment.size() >= 12 && begins_with(segment, {"Adobe\0", 6}))
      transform = std::to_integer<int>(segment[11]);
    if (marker == kExif && begins_with(segment, {"Exif\0\0", 6}))
      checked.orientation = exif_orientation(segment);
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
    if (marker == kComment || (application && marker != 0xe0 && marker != kAdobe)) continue;
    kept.insert(kept.end(), bytes.begin() + static_cast<std::ptrdiff_t>(begin),
                bytes.begin() + static_cast<std::ptrdiff_t>(at));
  }
}

// The BMP with a palette of all 256 colours: stb_image reads memory that it never wrote where a
// pixel names one that the file's palette has not. It also takes what is missing at the end for
// zeros.
Checked checked_bmp(Bytes bytes, const std::string& name, std::int64_t max_pixels) {
  constexpr std::size_t kFileHeader = 14, kLeastHeader = 40, kPalette = 256 * 4;
  require(bytes.size() >= kFileHeader + kLeastHeader, name, " is a BMP cut short at byte ",
          bytes.size());
  const std::size_t pixels_at = little_endian(bytes, 10, 4), header = little_endian(bytes, 14, 4);
  require(header == 40 || header == 56 || header == 108 || header == 124, name,
          " is a BMP with a header of ", header, " bytes, which is not read. Convert it to PNG");
  const std::int64_t width = static_cast<std::int32_t>(little_endian(bytes, 18, 4));
  const std::int64_t stored = static_cast<std::int32_t>(little_endian(bytes, 22, 4));
  const std::int64_t height = std::abs(stored);  // below 0: the first row is the upper one
  check_image_size(width, height, max_pixels, name);
  const std::size_t bits = little_endian(bytes, 28, 2);
  require(bits == 1 || bits == 4 || bits == 8 || bits == 16 || bits == 24 || bits == 32, name,
          " is a damaged BMP: ", bits, " bits a pixel");
  const std::size_t row = (static_cast<std::size_t>(width) * bits + 7) / 8;
  const std::size_t needed = (row + 3) / 4 * 4 * static_cast<std::size_t>(height - 1) + row;
  require(pixels_at >= kFileHeader + header && pixels_at <= bytes.size() &&
              needed <= bytes.size() - pixels_at,
          name, " is a BMP cut short at byte ", bytes.size());
  Checked checked;
  if (bits > 8) return checked;
  const Bytes palette = bytes.subspan(kFileHeader + header, pixels_at - kFileHeader - header);
  const std::size_t begin = kFileHeader + header + kPalette;
  std::vector<std::byte>& made = checked.rewritten;
  made.assign(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(kFileHeader + header));
  for (std::size_t i = 0; i < 4; ++i) made[10 + i] = static_cast<std::byte>(begin >> 8 * i & 0xff);
  made.insert(made.end(), palette.begin(),
              palette.begin() + static_cast<std::ptrdiff_t>(std::min(palette.size(), kPalette)));
  made.resize(begin);
  made.insert(made.end(), bytes.begin() + static_cast<std::ptrdiff_t>(pixels_at), bytes.end());
  return checked;
}

#ifdef SADDLE_WEBP
// A WebP is "RIFF", length, "WEBP", and chunks of type, length, data, padded to even lengths.
int webp_orientation(Bytes bytes) {
  for (std::size_t at = 12; at + 8 <= bytes.size();) {
    const std::size_t length = little_endian(bytes, at + 4, 4);
    if (length > bytes.size() - at - 8) return 1;
    if (begins_with(bytes.subspan(at), "EXIF"))
      return exif_orientation(bytes.subspan(at + 8, length));
    at += 8 + length + length % 2;
  }
  return 1;
}

Image decode_webp(Bytes bytes, const std::string& name, std::int64_t max_pixels) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  WebPBitstreamFeatures features;
  require(WebPGetFeatures(data, bytes.size(), &features) == VP8_STATUS_OK, name,
          " is a damaged WebP");
  require(features.has_animation == 0, name, " is an animated WebP. Keep its frames as files");
  check_image_size(features.width, features.height, max_pixels, name);
  Image image{features.height, features.width, {}, webp_orientation(bytes)};
  image.pixels.resize(static_cast<std::size_t>(3 * image.height * image.width));
  require(WebPDecodeRGBInto(data, bytes.size(), image.pixels.data(), image.pixels.size(),
                            static_cast<int>(3 * image.width)) != nullptr,
          name, " is a damaged WebP");
  return image;
}
#endif

bool is_webp(Bytes bytes) {
  return bytes.size() >= 12 && begins_with(bytes, "RIFF") && begins_with(bytes.subspan(8), "WEBP");
}

}  // namespace

const std::vector<std::string>& image_endings() {
  static const std::vector<std::string> endings{".png", ".jpg", ".jpeg", ".bmp",
#ifdef SADDLE_WEBP
                                                ".webp"
#endif
  };
  return endings;
}

Image decode_image(Bytes bytes, const std::string& name, std::int64_t max_pixels) {
  const bool png = is_png(bytes), bmp = begins_with(bytes, "BM");
  require(png || bmp || is_webp(bytes) || begins_with(bytes, "\xff\xd8\xff"), name,
          " is not a PNG, JPEG, BMP or WebP file");
  require(bytes.size() <= static_cast<std::size_t>(kMaxImageBytes), name, " is ", bytes.size(),
          " bytes, more than the ", kMaxImageBytes, " of an image");
  if (is_webp(bytes)) {
#ifdef SADDLE_WEBP
    return decode_webp(bytes, name, max_pixels);
#else
    fail(name, " is a WebP, which this build does not read. Install libwebp and build anew");
#endif
  }
  const Checked checked = png   ? checked_png(bytes, name)
                          : bmp ? checked_bmp(bytes, name, max_pixels)
                                : checked_jpeg(bytes, name);
  if (!checked.rewritten.empty()) bytes = checked.rewritten;

  const auto* data = reinterpret_cast<const stbi_uc*>(bytes.data());
  const int size = static_cast<int>(bytes.size());
  memory_ran_out = false;
  const auto damaged = [&] {
    if (memory_ran_out) throw std::bad_alloc();
    fail(name, " is a damaged ", png ? "PNG" : bmp ? "BMP" : "JPEG", ": ", stbi_failure_reason());
  };
  int width = 0, height = 0, channels = 0;
  if (stbi_info_from_memory(data, size, &width, &height, &channels) == 0) damaged();
  check_image_size(width, std::abs(std::int64_t{height}), max_pixels, name);
  const std::unique_ptr<stbi_uc, void (*)(void*)> pixels(
      stbi_load_from_memory(data, size, &width, &height, &channels, 3), std::free);
  if (!pixels) damaged();
  return {height, width,
          std::vector<std::uint8_t>(pixels.get(), pixels.get() + std::size_t{3} * width * height),
          checked.orientation};
}

std::vector<std::uint8_t> luma_of(const Image& image) {
  std::vector<std::uint8_t> grey;
  grey.reserve(image.pixels.size() / 3);
  for (std::size_t i = 0; i + 2 < image.pixels.size(); i += 3)
    grey.push_back(luma(image.pixels[i], image.pixels[i + 1], image.pixels[i + 2]));
  return grey;
}

Image centre_square(const Image& image, std::int64_t side) {
  require(side > 0 && side <= kMaxImageSide, "image: a side of ", side, " pixels, expected 1 to ",
          kMaxImageSide);
  const std::int64_t given = std::min(image.height, image.width);
  const std::int64_t top = (image.height - given) / 2, left = (image.width - given) / 2;
  const std::uint8_t* square = image.pixels.data() + 3 * (top * image.width + left);
  const int row_bytes = static_cast<int>(3 * image.width);
  Image result{side, side, std::vector<std::uint8_t>(static_cast<std::size_t>(3 * side * side)),
               image.orientation};
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
