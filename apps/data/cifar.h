// Cifar: the binary files of CIFAR-10 and CIFAR-100.
//
// A file is a row of records without a header: the label bytes, then 3072 pixel bytes, planar (1024
// red, 1024 green, 1024 blue, each row-major 32 x 32). The parsers take the bytes of a whole file
// with any number of whole records; how many the real files have is known to load_dataset.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/file.h"

namespace saddle {

inline constexpr std::size_t kCifarPixels = 3 * 32 * 32;          // bytes an image
inline constexpr std::size_t kCifar10Record = 1 + kCifarPixels;   // label, pixels
inline constexpr std::size_t kCifar100Record = 2 + kCifarPixels;  // coarse, fine label, pixels

struct CifarRecords {
  std::vector<std::uint8_t> pixels;  // [N, 32, 32, 3]: interleaved, unlike the file
  std::vector<std::int32_t> labels;  // [N]
};

// The records of a CIFAR-10 file, labels 0 to 9. `name` begins every message ("cifar10: DIR/FILE").
// Throws Error where the size is no positive multiple of 3073 or a label is out of range (with its
// byte offset).
CifarRecords parse_cifar10(Bytes bytes, const std::string& name);

// The records of a CIFAR-100 file with the fine labels, 0 to 99. Throws as above, for records of
// 3074 bytes, and where a coarse label, otherwise unused, is over 19.
CifarRecords parse_cifar100(Bytes bytes, const std::string& name);

// The lines of batches.meta.txt or fine_label_names.txt: exactly `classes` names, one a line; blank
// lines at the end and carriage returns are dropped. Throws Error where the number differs or a
// name is blank or holds a control character.
std::vector<std::string> parse_class_names(Bytes bytes, int classes, const std::string& name);

}  // namespace saddle
