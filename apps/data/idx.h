// Idx: the file format of MNIST and Fashion-MNIST, plain or gzip-compressed.
//
// A file is a big-endian u32 magic number (bytes 0, 0, element type, number of dimensions), one
// big-endian u32 a dimension, then the elements, row-major. Both parsers take the bytes of a whole
// file, recognise gzip by its first two bytes (1F 8B) and trust nothing they read: memory grows
// with the bytes that arrive, never with a length that a header states.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/file.h"

namespace saddle {

// No file of the format that Saddle reads is larger, compressed or not. The largest is Fashion-
// MNIST's training images, 16 + 60000 * 28 * 28 = 47040016 bytes.
inline constexpr std::size_t kMaxIdxBytes = std::size_t{64} << 20;

struct IdxImages {
  std::int64_t count = 0, height = 0, width = 0;  // each at least 1
  std::vector<std::uint8_t> pixels;               // [count, height, width]
};

// The images of a file of magic 2051. `name` begins every message ("mnist: DIR/FILE").
// Throws Error where the magic, the element type or a size is wrong, where a byte is missing or
// surplus, and where the gzip stream is damaged (CRC-32 and length), truncated or not alone.
IdxImages parse_idx_images(Bytes bytes, const std::string& name);

// The labels of a file of magic 2049, each in [0, classes). Throws as above; a wrong label is
// named with its byte offset in the decompressed file.
std::vector<std::int32_t> parse_idx_labels(Bytes bytes, int classes, const std::string& name);

}  // namespace saddle
