// The clauses are those of ISO/IEC 15948, which is also W3C's "PNG Specification".
#include "apps/data/label_png.h"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <span>
#include <string_view>

#include <zlib.h>

#include "apps/data/big_endian.h"
#include "apps/data/png_chunks.h"
#include "core/error.h"

namespace saddle {
namespace {

constexpr unsigned kGrey = 0, kPalette = 3;  // colour types
constexpr const char* kMend = ". Replace it";

template <class... Parts>
void require_sound(bool ok, const std::string& name, const Parts&... parts) {
  require(ok, name, " is a damaged PNG: ", parts..., kMend);
}

struct Header {
  std::int64_t width = 0, height = 0;
  unsigned depth = 0;   // bits a pixel
  unsigned colour = 0;  // kGrey or kPalette
  bool interlaced = false;
};

struct Png {
  Header header;
  bool has_palette = false;
  std::vector<Bytes> data;  // the zlib stream, in pieces
};

// Clause 11.2.2.
Header read_header(const PngChunk& chunk, const std::string& name, std::int64_t max_pixels) {
  require_sound(chunk.type == "IHDR" && chunk.data.size() == 13, name,
                "it begins without a header (IHDR) of 13 bytes");
  const auto byte = [&](std::size_t i) { return std::to_integer<unsigned>(chunk.data[i]); };
  const Header header{.width = big_endian_u32(chunk.data, 0),
                      .height = big_endian_u32(chunk.data, 4),
                      .depth = byte(8),
                      .colour = byte(9),
                      .interlaced = byte(12) == 1};
  const unsigned depth = header.depth, colour = header.colour;
  require(colour != 2 && colour != 4 && colour != 6, name,
          " looks like a coloured mask; convert it to class indices, or name its colours with "
          "--mask-colours");
  require_sound(colour == kGrey || colour == kPalette, name, "colour type ", colour,
                ", expected 0 (grey) or 3 (palette)");
  require_sound(
      depth == 1 || depth == 2 || depth == 4 || depth == 8 || (depth == 16 && colour == kGrey),
      name, depth, " bits a pixel of colour type ", colour);
  require_sound(byte(10) == 0 && byte(11) == 0 && byte(12) <= 1, name, "compression ", byte(10),
                ", filter ", byte(11), ", interlace ", byte(12), ", expected 0, 0, and 0 or 1");
  require_sound(header.width > 0 && header.height > 0, name, header.width, " x ", header.height,
                " pixels");
  check_image_size(header.width, header.height, max_pixels, name, kMend);
  return header;
}

// Clause 11.2.3. Neither the colours nor their number say anything here: some writers, Pillow among
// them, store a palette of the classes alone beside pixels of 255 (void).
void read_palette(const PngChunk& chunk, const std::string& name, bool in_place, Png& png) {
  const std::size_t size = chunk.data.size();
  require_sound(in_place && png.header.colour == kPalette && !png.has_palette, name,
                "a palette (PLTE) out of place, at byte ", chunk.at);
  require_sound(size > 0 && size % 3 == 0 && size <= 3 * 256, name, "a palette (PLTE) of ", size,
                " bytes at byte ", chunk.at, ", expected 3 for each of 1 to 256 colours");
  png.has_palette = true;
}

// Clause 5.4: a chunk whose type begins with a capital is needed to understand the image.
void check_ancillary(const PngChunk& chunk, const std::string& name) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  require_sound(std::ranges::all_of(chunk.type, is_letter), name, "a chunk without a name at byte ",
                chunk.at);
  require_sound(chunk.type != "IHDR", name, "a second header (IHDR) at byte ", chunk.at);
  require(chunk.type.front() >= 'a', name, " has a chunk '", chunk.type, "' at byte ", chunk.at,
          ", which cannot be left out and is not known. Write it as a PNG without extensions");
}

// All up to IEND, in the order that clause 5.6 demands.
Png read_chunks(Bytes bytes, const std::string& name, std::int64_t max_pixels) {
  PngChunks chunks(bytes, name, kMend);
  Png png;
  png.header = read_header(chunks.next(), name, max_pixels);
  bool begun = false, ended = false;  // the image's data
  PngChunk chunk = chunks.next();
  for (; chunk.type != "IEND"; chunk = chunks.next()) {
    if (chunk.type == "IDAT") {
      require_sound(!ended, name, "other chunks within its data (IDAT), before byte ", chunk.at);
      begun = true;
      if (!chunk.data.empty()) png.data.push_back(chunk.data);
      continue;
    }
    ended = begun;
    if (chunk.type == "PLTE") {
      read_palette(chunk, name, !begun, png);
    } else {
      check_ancillary(chunk, name);
    }
  }
  require_sound(chunk.data.empty(), name, "an end (IEND) that is not empty");
  require_sound(begun, name, "no data of the image (IDAT)");
  require_sound(png.header.colour != kPalette || png.has_palette, name, "no palette (PLTE)");
  return png;
}

// What a zlib stream in pieces holds, as many bytes at a time as are asked for.
class Inflater {
 public:
  Inflater(std::span<const Bytes> pieces, const std::string& name) : pieces_(pieces), name_(name) {
    if (inflateInit(&stream_) != Z_OK) throw std::bad_alloc();
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // How many bytes of `out` were written: all, unless the stream has ended.
  std::size_t read(std::span<std::uint8_t> out) {
    stream_.next_out = out.data();
    stream_.avail_out = static_cast<uInt>(out.size());  // of a row: at most 2 kMaxImageSide + 1
    while (stream_.avail_out > 0 && !ended_) {
      if (stream_.avail_in == 0 && !pieces_.empty()) next_piece();
      const int status = inflate(&stream_, Z_NO_FLUSH);
      if (status == Z_MEM_ERROR) throw std::bad_alloc();
      require_sound(status != Z_BUF_ERROR, name_, "its data (IDAT) end within their zlib stream");
      const char* what = stream_.msg ? stream_.msg : "it asks for a dictionary";
      require_sound(status == Z_OK || status == Z_STREAM_END, name_,
                    "its data (IDAT) are no zlib stream: ", what);
      ended_ = status == Z_STREAM_END;
    }
    return out.size() - stream_.avail_out;
  }

  // Whether nothing at all follows. Reads the stream's checksum where only that is left.
  bool at_end() {
    std::uint8_t surplus = 0;
    return read({&surplus, 1}) == 0 && stream_.avail_in == 0 && pieces_.empty();
  }

 private:
  void next_piece() {
    // zlib never writes through next_in; its type lacks const for historical reasons.
    const Bytes piece = pieces_.front();
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(piece.data()));
    stream_.avail_in = static_cast<uInt>(piece.size());  // at most kMaxImageBytes
    pieces_ = pieces_.subspan(1);
  }

  z_stream stream_{};
  std::span<const Bytes> pieces_;  // those that are still to come
  const std::string& name_;
  bool ended_ = false;
};

// Whichever of the three is nearest to left + up - corner; clause 9.4.
int paeth(int left, int up, int corner) {
  const int estimate = left + up - corner;
  const int from_left = std::abs(estimate - left), from_up = std::abs(estimate - up);
  const int from_corner = std::abs(estimate - corner);
  if (from_left <= from_up && from_left <= from_corner) return left;
  return from_up <= from_corner ? up : corner;
}

// Adds to each byte what its neighbours predicted, clause 9.2. `step` is how many bytes a pixel
// has, at least 1; `filter` is at most 4.
void undo_filter(unsigned filter, std::size_t step, std::span<const std::uint8_t> above,
                 std::span<std::uint8_t> row) {
  if (filter == 0) return;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const int left = i < step ? 0 : row[i - step];
    const int up = above[i], corner = i < step ? 0 : above[i - step];
    const int predicted = filter == 1   ? left
                          : filter == 2 ? up
                          : filter == 3 ? (left + up) / 2
                                        : paeth(left, up, corner);
    row[i] = static_cast<std::uint8_t>(row[i] + predicted);
  }
}

// The number that pixel x of a row holds; the first pixel has the upper bits of a byte, clause 7.2.
unsigned value_at(std::span<const std::uint8_t> row, unsigned depth, std::size_t x) {
  if (depth == 16) return unsigned{row[2 * x]} << 8 | row[2 * x + 1];
  const std::size_t bit = x * depth;
  return unsigned{row[bit / 8]} >> (8 - depth - bit % 8) & ((1u << depth) - 1);
}

// Every dx-th pixel of every dy-th row.
struct Pass {
  std::int64_t x0, y0, dx, dy;
};

constexpr Pass kAllPixels[] = {{0, 0, 1, 1}};
// Clause 8.2.
constexpr Pass kAdam7[] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                           {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};

void check_value(unsigned value, std::int64_t x, std::int64_t y, const std::string& name) {
  require(value <= 255, name, " has the value ", value, " in row ", y, ", column ", x,
          ", expected a class index up to 255. Write it with indices of 8 bits");
}

void decode_pass(const Pass& pass, const Png& png, const std::string& name, Inflater& inflater,
                 LabelImage& image) {
  const unsigned depth = png.header.depth;
  const std::int64_t columns = (image.width - pass.x0 + pass.dx - 1) / pass.dx;
  if (columns == 0) return;  // then its rows have not even a filter
  std::vector<std::uint8_t> line(1 + (static_cast<std::size_t>(columns) * depth + 7) / 8);
  std::vector<std::uint8_t> above(line.size() - 1, 0);
  const std::span<std::uint8_t> row = std::span(line).subspan(1);
  for (std::int64_t y = pass.y0; y < image.height; y += pass.dy) {
    require_sound(inflater.read(line) == line.size(), name, "its data (IDAT) end in row ", y);
    require_sound(line[0] <= 4, name, "row ", y, " has filter ", int{line[0]}, ", expected 0 to 4");
    undo_filter(line[0], std::max(1u, depth / 8), above, row);
    for (std::int64_t column = 0; column < columns; ++column) {
      const std::int64_t x = pass.x0 + column * pass.dx;
      const unsigned value = value_at(row, depth, static_cast<std::size_t>(column));
      check_value(value, x, y, name);
      image.labels[static_cast<std::size_t>(y * image.width + x)] =
          static_cast<std::uint8_t>(value);
    }
    std::ranges::copy(row, above.begin());
  }
}

}  // namespace

LabelImage decode_label_png(Bytes bytes, const std::string& name, std::int64_t max_pixels) {
  require(is_png(bytes), name,
          " is not a PNG file, expected one of class indices. Convert it to PNG");
  require(bytes.size() <= static_cast<std::size_t>(kMaxImageBytes), name, " is ", bytes.size(),
          " bytes, more than the ", kMaxImageBytes, " of an image", kMend);
  const Png png = read_chunks(bytes, name, max_pixels);
  const Header& header = png.header;
  LabelImage image{header.height, header.width, {}};
  image.labels.resize(static_cast<std::size_t>(header.height * header.width));
  Inflater inflater(png.data, name);
  const std::span<const Pass> passes =
      header.interlaced ? std::span<const Pass>(kAdam7) : std::span<const Pass>(kAllPixels);
  for (const Pass& pass : passes) decode_pass(pass, png, name, inflater, image);
  require_sound(inflater.at_end(), name, "its data (IDAT) are more than ", header.width, " x ",
                header.height, " pixels need");
  return image;
}

}  // namespace saddle
