// Fuzzes the idx parsers: any bytes give an Error or a result whose sizes agree with each other.
#include <cstdlib>

#include "apps/data/idx.h"
#include "core/error.h"

namespace {

void expect(bool ok) {
  if (!ok) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const saddle::Bytes bytes(reinterpret_cast<const std::byte*>(data), size);
  try {
    const saddle::IdxImages images = saddle::parse_idx_images(bytes, "fuzz");
    expect(images.count > 0 && images.height > 0 && images.width > 0);
    const std::int64_t pixels = images.count * images.height * images.width;
    expect(images.pixels.size() == static_cast<std::size_t>(pixels));
  } catch (const saddle::Error&) {
    // refused
  }
  try {
    const std::vector<std::int32_t> labels = saddle::parse_idx_labels(bytes, 10, "fuzz");
    expect(!labels.empty());
    for (const std::int32_t label : labels) expect(label >= 0 && label < 10);
  } catch (const saddle::Error&) {
    // refused
  }
  return 0;
}
