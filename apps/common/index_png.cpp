// A PNG of numbers and their palette (ISO/IEC 15948), which stb_image_write cannot make.
#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>

#include "apps/common/png.h"
#include "core/error.h"
#include "core/file.h"

namespace saddle {
namespace {

constexpr std::string_view kSignature = "\x89PNG\r\n\x1a\n";
constexpr std::int64_t kMostPixels = std::int64_t{1} << 28;
constexpr std::uint8_t kBits = 8, kPaletteColours = 3;

void append_big_endian(std::string& bytes, std::uint32_t number) {
  for (const int shift : {24, 16, 8, 0}) bytes.push_back(static_cast<char>(number >> shift));
}

// Length, type, data, and a CRC over type and data.
void append_chunk(std::string& bytes, std::string_view type, std::string_view data) {
  append_big_endian(bytes, static_cast<std::uint32_t>(data.size()));
  const std::size_t from = bytes.size();
  bytes.append(type).append(data);
  const auto* checked = reinterpret_cast<const Bytef*>(bytes.data() + from);
  append_big_endian(bytes, static_cast<std::uint32_t>(
                               crc32(0, checked, static_cast<uInt>(type.size() + data.size()))));
}

// The lines, each behind the number of its filter (0: none), deflated.
std::string deflated_lines(std::int64_t width, std::span<const std::uint8_t> numbers) {
  std::string lines;
  for (std::size_t at = 0; at < numbers.size(); at += static_cast<std::size_t>(width)) {
    lines.push_back(0);
    const auto line = numbers.subspan(at, static_cast<std::size_t>(width));
    lines.append(line.begin(), line.end());
  }
  uLongf size = compressBound(static_cast<uLong>(lines.size()));
  std::string deflated(size, '\0');
  const int done =
      compress(reinterpret_cast<Bytef*>(deflated.data()), &size,
               reinterpret_cast<const Bytef*>(lines.data()), static_cast<uLong>(lines.size()));
  if (done != Z_OK) throw std::bad_alloc();  // its only failure with sound arguments
  deflated.resize(size);
  return deflated;
}

}  // namespace

void write_index_png(const std::filesystem::path& path, std::int64_t width, std::int64_t height,
                     std::span<const std::uint8_t> numbers, std::span<const Colour> palette) {
  require(width > 0 && height > 0 && width < kMostPixels / height &&
              static_cast<std::int64_t>(numbers.size()) == width * height && !palette.empty() &&
              palette.size() <= 256 && std::ranges::max(numbers) < palette.size(),
          path.string(), ": ", numbers.size(), " numbers are no picture of ", width, " x ", height,
          " pixels in ", palette.size(), " colours");
  std::string header, colours, bytes(kSignature);
  append_big_endian(header, static_cast<std::uint32_t>(width));
  append_big_endian(header, static_cast<std::uint32_t>(height));
  for (const std::uint8_t field : {kBits, kPaletteColours, std::uint8_t{0}, std::uint8_t{0},
                                   std::uint8_t{0}}) {  // deflate, filters, not interlaced
    header.push_back(static_cast<char>(field));
  }
  for (const Colour& colour : palette) colours.append(colour.begin(), colour.end());
  append_chunk(bytes, "IHDR", header);
  append_chunk(bytes, "PLTE", colours);
  append_chunk(bytes, "IDAT", deflated_lines(width, numbers));
  append_chunk(bytes, "IEND", "");
  write_file_atomically(path, std::string_view(bytes));
}

}  // namespace saddle
