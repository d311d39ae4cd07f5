// PNGs of class indices for the tests, in every way that the format has to write them. Nothing is
// shared with the decoder: rows are filtered and taken apart here as ISO/IEC 15948 words it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/apps/data_files.h"

namespace saddle {

using Labels = std::vector<std::uint8_t>;

constexpr unsigned kGreyPng = 0, kPalettePng = 3;
constexpr int kEveryFilter = -1;  // row r has filter r mod 5

struct LabelPng {
  int height = 1, width = 1;
  unsigned colour = kPalettePng, depth = 8;
  bool interlaced = false;
  int filter = 0;                     // of every row, or kEveryFilter
  int colours = 0;                    // of the palette; 0: 2^depth
  std::size_t piece = SIZE_MAX;       // bytes of an IDAT chunk
  int level = Z_DEFAULT_COMPRESSION;  // 0: stored as it is
};

inline Blob big_endian(std::uint32_t value) {
  Blob bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(std::byte(value >> shift & 0xff));
  return bytes;
}

inline Blob png_chunk(const std::string& type, const Blob& data) {
  const Blob covered = bytes_of(type) + data;
  const auto sum =
      crc32(0, reinterpret_cast<const Bytef*>(covered.data()), static_cast<uInt>(covered.size()));
  return big_endian(static_cast<std::uint32_t>(data.size())) + covered +
         big_endian(static_cast<std::uint32_t>(sum));
}

inline Blob zlib_stream(const Blob& bytes, int level = Z_DEFAULT_COMPRESSION) {
  uLongf size = compressBound(bytes.size());
  Blob stream(size);
  EXPECT_EQ(compress2(reinterpret_cast<Bytef*>(stream.data()), &size,
                      reinterpret_cast<const Bytef*>(bytes.data()), bytes.size(), level),
            Z_OK);
  stream.resize(size);
  return stream;
}

inline Blob png_header(const LabelPng& png) {
  return png_chunk("IHDR", big_endian(static_cast<std::uint32_t>(png.width)) +
                               big_endian(static_cast<std::uint32_t>(png.height)) +
                               Blob{std::byte(png.depth), std::byte(png.colour), std::byte{0},
                                    std::byte{0}, std::byte(png.interlaced)});
}

// The pixels of a row, the first in the upper bits of a byte.
inline std::vector<int> packed(const std::vector<int>& values, unsigned depth) {
  std::vector<int> bits;
  for (const int value : values)
    for (unsigned bit = depth; bit-- > 0;) bits.push_back(value >> bit & 1);
  bits.resize((bits.size() + 7) / 8 * 8, 0);
  std::vector<int> bytes;
  for (std::size_t i = 0; i < bits.size(); ++i) {
    if (i % 8 == 0) bytes.push_back(0);
    bytes.back() = 2 * bytes.back() + bits[i];
  }
  return bytes;
}

// What a filter takes off the byte that has these neighbours.
inline int prediction(int filter, int left, int up, int corner) {
  const auto distance = [&](int value) { return std::abs(left + up - corner - value); };
  const auto nearer = [&](int a, int b) { return distance(a) < distance(b); };
  switch (filter) {
    case 0: return 0;
    case 1: return left;
    case 2: return up;
    case 3: return (left + up) / 2;
    default: return std::min({left, up, corner}, nearer);  // the first of equals
  }
}

// The rows of an image, or of a pass of it, each behind its filter's number.
inline Blob filtered(const std::vector<std::vector<int>>& rows, const LabelPng& png) {
  Blob data;
  const std::size_t step = std::max(1u, png.depth / 8);
  for (std::size_t y = 0; y < rows.size(); ++y) {
    const std::vector<int> row = packed(rows[y], png.depth);
    const std::vector<int> above =
        y == 0 ? std::vector<int>(row.size(), 0) : packed(rows[y - 1], png.depth);
    const int filter = png.filter == kEveryFilter ? static_cast<int>(y % 5) : png.filter;
    data.push_back(std::byte(filter));
    for (std::size_t i = 0; i < row.size(); ++i) {
      const int left = i < step ? 0 : row[i - step], corner = i < step ? 0 : above[i - step];
      data.push_back(std::byte((row[i] - prediction(filter, left, above[i], corner)) & 0xff));
    }
  }
  return data;
}

// Which pass a pixel is sent in, from 1; clause 8.2.
inline int adam7_pass(int y, int x) {
  static const char* const kPasses[8] = {"16462646", "77777777", "56565656", "77777777",
                                         "36463646", "77777777", "56565656", "77777777"};
  return kPasses[y % 8][x % 8] - '0';
}

// What the zlib stream of an image of these values holds.
inline Blob scanlines(const LabelPng& png, const std::vector<int>& values) {
  Blob data;
  for (int pass = 1; pass <= (png.interlaced ? 7 : 1); ++pass) {
    std::vector<std::vector<int>> rows;
    for (int y = 0; y < png.height; ++y) {
      std::vector<int> row;
      for (int x = 0; x < png.width; ++x) {
        if (png.interlaced && adam7_pass(y, x) != pass) continue;
        row.push_back(values[static_cast<std::size_t>(y * png.width + x)]);
      }
      if (!row.empty()) rows.push_back(row);
    }
    data = data + filtered(rows, png);
  }
  return data;
}

// "PLTE" of colours that are nothing like their indices.
inline Blob png_palette(int colours) {
  return png_chunk("PLTE", ramp(3 * static_cast<std::size_t>(colours), 200, 77));
}

inline Blob png_data(const Blob& stream, std::size_t piece = SIZE_MAX) {
  Blob chunks;
  for (std::size_t at = 0; at < stream.size(); at += std::min(piece, stream.size() - at)) {
    const auto begin = stream.begin() + static_cast<std::ptrdiff_t>(at);
    const auto end = begin + static_cast<std::ptrdiff_t>(std::min(piece, stream.size() - at));
    chunks = chunks + png_chunk("IDAT", Blob(begin, end));
  }
  return chunks;
}

inline Blob png_signature() { return bytes_of("\x89PNG\r\n\x1a\n"); }
inline Blob png_end() { return png_chunk("IEND", {}); }

// A PNG up to its data: `between` stands before the palette.
inline Blob png_front(const LabelPng& png, const Blob& between = {}) {
  const int colours = png.colours > 0 ? png.colours : 1 << std::min(png.depth, 8u);
  return png_signature() + png_header(png) + between +
         (png.colour == kPalettePng ? png_palette(colours) : Blob{});
}

// The whole file; values may be larger than a label.
inline Blob png_of_values(const LabelPng& png, const std::vector<int>& values) {
  return png_front(png) + png_data(zlib_stream(scanlines(png, values), png.level), png.piece) +
         png_end();
}

}  // namespace saddle
