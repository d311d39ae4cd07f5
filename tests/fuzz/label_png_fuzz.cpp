// Fuzzes the reader of label PNGs: any bytes give an Error or labels of consistent size.
#include <cstdlib>

#include "apps/data/label_png.h"
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
    const saddle::LabelImage image = saddle::decode_label_png(bytes, "fuzz", kMaxPixels);
    expect(image.height > 0 && image.width > 0 && image.height * image.width <= kMaxPixels);
    expect(image.labels.size() == static_cast<std::size_t>(image.height * image.width));
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
