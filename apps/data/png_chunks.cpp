#include "apps/data/png_chunks.h"

#include <utility>

#include <zlib.h>

#include "apps/data/big_endian.h"
#include "core/error.h"

namespace saddle {
namespace {

constexpr std::string_view kSignature = "\x89PNG\r\n\x1a\n";

std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

bool is_png(Bytes bytes) { return text_of(bytes).starts_with(kSignature); }

PngChunks::PngChunks(Bytes bytes, std::string name, std::string mend)
    : bytes_(bytes), name_(std::move(name)), mend_(std::move(mend)), at_(kSignature.size()) {}

PngChunk PngChunks::next() {
  constexpr std::size_t kAround = 12;  // length, type and checksum
  const std::size_t left = bytes_.size() - at_;
  require(left >= kAround, name_, " is a PNG cut short at byte ", bytes_.size(), mend_);
  const std::size_t length = big_endian_u32(bytes_, at_);
  require(length <= left - kAround, name_, " is a PNG cut short at byte ", bytes_.size(), mend_);
  const Bytes covered = bytes_.subspan(at_ + 4, 4 + length);
  const uLong sum =
      ::crc32(0, reinterpret_cast<const Bytef*>(covered.data()), static_cast<uInt>(covered.size()));
  require(sum == big_endian_u32(bytes_, at_ + 8 + length), name_,
          " is a damaged PNG: wrong checksum of the chunk at byte ", at_, mend_);
  const PngChunk chunk{at_, text_of(covered.first(4)), covered.subspan(4)};
  at_ += kAround + length;
  return chunk;
}

}  // namespace saddle
