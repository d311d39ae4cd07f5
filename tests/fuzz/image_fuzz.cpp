// Fuzzes the image decoder and the resizing: any bytes give an Error or an image of consistent
// size.
#include <cstdlib>

#include "apps/data/image_file.h"
#include "core/error.h"
#include "tests/support/png_checksums.h"

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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const saddle::Bytes bytes = std::as_bytes(std::span(data, size));
  check(bytes);
  check(saddle::with_right_checksums({bytes.begin(), bytes.end()}));
  return 0;
}
