// Fuzzes the CIFAR parsers and the list of class names: an Error or a result that is consistent.
#include <cstdlib>

#include "apps/data/cifar.h"
#include "core/error.h"

namespace {

void expect(bool ok) {
  if (!ok) std::abort();
}

void check(const saddle::CifarRecords& records, std::size_t count, std::int32_t classes) {
  expect(records.labels.size() == count && records.pixels.size() == count * saddle::kCifarPixels);
  for (const std::int32_t label : records.labels) expect(label >= 0 && label < classes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const saddle::Bytes bytes(reinterpret_cast<const std::byte*>(data), size);
  try {
    check(saddle::parse_cifar10(bytes, "fuzz"), size / saddle::kCifar10Record, 10);
  } catch (const saddle::Error&) {
    // refused
  }
  try {
    check(saddle::parse_cifar100(bytes, "fuzz"), size / saddle::kCifar100Record, 100);
  } catch (const saddle::Error&) {
    // refused
  }
  try {
    expect(saddle::parse_class_names(bytes, 3, "fuzz").size() == 3);
  } catch (const saddle::Error&) {
    // refused
  }
  return 0;
}
