#include "apps/data/idx.h"

#include <algorithm>
#include <utility>

#include <zlib.h>

#include "apps/data/big_endian.h"
#include "core/error.h"

namespace saddle {
namespace {

constexpr unsigned kUnsignedByte = 0x08;  // the element type of images and labels
constexpr std::size_t kInflateChunk = std::size_t{64} << 10;

// zlib's state, freed on every way out.
struct GzipReader {
  z_stream stream{};

  GzipReader(Bytes bytes, const std::string& name) {
    // zlib never writes through next_in; its type lacks const for historical reasons.
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(bytes.size());  // at most kMaxIdxBytes
    const int gzip_only = 15 + 16;                      // largest window, gzip header and trailer
    require(inflateInit2(&stream, gzip_only) == Z_OK, name, ": zlib could not start");
  }
  ~GzipReader() { inflateEnd(&stream); }
  GzipReader(const GzipReader&) = delete;
  GzipReader& operator=(const GzipReader&) = delete;
};

struct Inflated {
  std::vector<std::byte> bytes;
  std::size_t unread = 0;  // compressed bytes that were not needed
};

// The first `limit` bytes of a gzip member, or fewer where it ends earlier. The buffer grows as
// bytes arrive, so that neither a false header nor a bomb allocates more than a few times `limit`.
Inflated inflate_up_to(std::size_t limit, Bytes bytes, const std::string& name) {
  GzipReader reader(bytes, name);
  z_stream& stream = reader.stream;
  Inflated out;
  int status = Z_OK;
  while (status != Z_STREAM_END && out.bytes.size() < limit) {
    const std::size_t filled = out.bytes.size();
    out.bytes.resize(std::min(limit, filled + std::max(filled, kInflateChunk)));
    stream.next_out = reinterpret_cast<Bytef*>(out.bytes.data() + filled);
    stream.avail_out = static_cast<uInt>(out.bytes.size() - filled);
    status = inflate(&stream, Z_NO_FLUSH);
    out.bytes.resize(out.bytes.size() - stream.avail_out);
    require(status != Z_BUF_ERROR, name, " ends inside its gzip stream, after ", bytes.size(),
            " bytes. Download it again.");
    require(status == Z_OK || status == Z_STREAM_END, name, " is a damaged gzip file (",
            stream.msg ? stream.msg : "zlib gives no reason", ", before byte ", stream.total_in,
            "). Download it again.");
  }
  out.unread = stream.avail_in;
  return out;
}

struct Header {
  std::vector<std::int64_t> extents;
  std::size_t header_bytes = 0, file_bytes = 0;  // file_bytes <= kMaxIdxBytes
};

std::size_t header_bytes_of(unsigned rank) { return 4 + 4 * std::size_t{rank}; }

// Checks the magic number and every extent; whether the elements are there is the caller's check.
Header read_header(unsigned rank, Bytes bytes, const std::string& name) {
  Header header;
  header.header_bytes = header_bytes_of(rank);
  require(bytes.size() >= header.header_bytes, name, " is ", bytes.size(),
          " bytes, too few for the ", header.header_bytes, " of its header. Download it again.");
  const std::uint32_t magic = big_endian_u32(bytes, 0);
  const std::uint32_t expected = kUnsignedByte << 8 | rank;
  const unsigned type = magic >> 8 & 0xff;
  require(magic >> 16 != 0 || (magic & 0xff) != rank || type == kUnsignedByte, name,
          " holds elements of type ", type, " at byte 2, expected ", kUnsignedByte,
          " (unsigned bytes). It is an idx file of another data set.");
  require(magic == expected, name, " begins with magic number ", magic, ", expected ", expected,
          rank == 3 ? " (images)" : " (labels)", ". Is it another file under this name?");

  std::size_t total = 1;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    const std::size_t offset = 4 + 4 * axis;
    const std::uint32_t extent = big_endian_u32(bytes, offset);
    require(extent > 0, name, " declares an extent of 0 at byte ", offset,
            ", expected at least 1. Download it again.");
    // total is at most 2^26 and extent below 2^32: the product fits before it is compared.
    total *= extent;
    require(total <= kMaxIdxBytes - header.header_bytes, name, " declares over ", kMaxIdxBytes,
            " bytes (extent ", extent, " at byte ", offset,
            "), more than any file of this format has. Download it again.");
    header.extents.push_back(extent);
  }
  header.file_bytes = header.header_bytes + total;
  return header;
}

// The whole file behind a gzip stream: as long as its own header says, or an error.
std::vector<std::byte> gunzip(unsigned rank, Bytes bytes, const std::string& name) {
  const Inflated start = inflate_up_to(header_bytes_of(rank), bytes, name);
  const std::size_t expected = read_header(rank, start.bytes, name).file_bytes;
  // One byte more than expected, which makes zlib read on to the end of the stream and its CRC.
  Inflated whole = inflate_up_to(expected + 1, bytes, name);
  require(whole.bytes.size() <= expected, name, " decompresses to more than the ", expected,
          " bytes its header declares. Download it again.");
  require(whole.unread == 0, name, " has ", whole.unread, " surplus bytes after its gzip stream, ",
          "from byte ", bytes.size() - whole.unread, ". Download it again.");
  return std::move(whole.bytes);
}

struct Elements {
  std::vector<std::int64_t> extents;
  std::vector<std::uint8_t> values;
};

Elements parse(unsigned rank, Bytes bytes, const std::string& name) {
  require(bytes.size() <= kMaxIdxBytes, name, " is ", bytes.size(), " bytes, expected at most ",
          kMaxIdxBytes, ". Download it again.");
  std::vector<std::byte> decompressed;
  if (bytes.size() >= 2 && bytes[0] == std::byte{0x1f} && bytes[1] == std::byte{0x8b}) {
    decompressed = gunzip(rank, bytes, name);
    bytes = decompressed;
  }
  Header header = read_header(rank, bytes, name);
  require(bytes.size() == header.file_bytes, name, " is ", bytes.size(), " bytes",
          decompressed.empty() ? "" : " when decompressed", ", expected ", header.file_bytes,
          " by its header. Download it again.");
  const auto* first = reinterpret_cast<const std::uint8_t*>(bytes.data());
  return {std::move(header.extents), {first + header.header_bytes, first + header.file_bytes}};
}

}  // namespace

IdxImages parse_idx_images(Bytes bytes, const std::string& name) {
  Elements elements = parse(3, bytes, name);
  const std::vector<std::int64_t>& extents = elements.extents;
  return {extents[0], extents[1], extents[2], std::move(elements.values)};
}

std::vector<std::int32_t> parse_idx_labels(Bytes bytes, int classes, const std::string& name) {
  const Elements elements = parse(1, bytes, name);
  for (std::size_t i = 0; i < elements.values.size(); ++i) {
    require(elements.values[i] < classes, name, " has label ", int{elements.values[i]}, " at byte ",
            header_bytes_of(1) + i, ", expected 0 to ", classes - 1, ". Download it again.");
  }
  return {elements.values.begin(), elements.values.end()};
}

}  // namespace saddle
