// Fuzzes the image decoder and the resizing: any bytes give an Error or an image of consistent
// size.
#include <cstdlib>

#include <zlib.h>

#include "apps/data/image_file.h"
#include "core/error.h"

namespace {

// Larger images take the same ways, but more time than the fuzzer allows an input.
constexpr std::int64_t kMaxPixels = 1 << 18;

void expect(bool ok) {
  if (!ok) std::abort();
}

void check(saddle::Bytes bytes) {
  try {
    const saddle::Image image = saddle::decode_image(bytes, "fuzz", kMaxPixels);
    expect(image.height > 0 && image.width > 0 && image.height * image.width <= kMaxPixels);
    expect(image.pixels.size() == static_cast<std::size_t>(3 * image.height * image.width));
    for (const std::int64_t side : {1, 7, 40})
      expect(centre_square(image, side).pixels.size() == static_cast<std::size_t>(3 * side * side));
  } catch (const saddle::Error&) {
    // refused
  }
}

// The same bytes with the right checksum in each chunk of a PNG; without this nearly all that the
// fuzzer makes of one would fail there.
std::vector<std::byte> with_right_checksums(std::vector<std::byte> bytes) {
  for (std::size_t at = 8; at + 12 <= bytes.size();) {
    std::size_t length = 0;
    for (std::size_t i = at; i < at + 4; ++i)
      length = length << 8 | std::to_integer<std::size_t>(bytes[i]);
    if (length > bytes.size() - at - 12) break;
    const auto sum = crc32(0, reinterpret_cast<const Bytef*>(bytes.data() + at + 4),
                           static_cast<uInt>(length + 4));
    for (std::size_t i = 0; i < 4; ++i)
      bytes[at + 8 + length + i] = std::byte(sum >> (24 - 8 * i) & 0xff);
    at += 12 + length;
  }
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const saddle::Bytes bytes = std::as_bytes(std::span(data, size));
  check(bytes);
  check(with_right_checksums({bytes.begin(), bytes.end()}));
  return 0;
}
