// PngChunks: the chunks of a PNG file, one after the other.
//
// A PNG is its signature and chunks of length, type, data, and a CRC-32 over type and data
// (ISO/IEC 15948, clause 5). A chunk is handed out once all of it is there and its checksum right;
// which chunks there are, and in which order, is the caller's to judge.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/file.h"

namespace saddle {

// Whether the bytes begin with the signature of a PNG.
bool is_png(Bytes bytes);

struct PngChunk {
  std::size_t at = 0;     // the byte of the file where it begins
  std::string_view type;  // four characters, "IDAT"
  Bytes data;
};

class PngChunks {
 public:
  // `bytes` begin with the signature and outlive the chunks. `name` begins every message, `mend`
  // ends it.
  PngChunks(Bytes bytes, std::string name, std::string mend = "");

  // Throws Error where the file ends within the chunk, or before it, or the checksum is wrong.
  PngChunk next();

 private:
  Bytes bytes_;
  std::string name_, mend_;
  std::size_t at_;
};

}  // namespace saddle
