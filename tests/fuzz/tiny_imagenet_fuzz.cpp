// Fuzzes the text files of Tiny ImageNet: an Error, or ids and names that are safe to use in paths.
#include <algorithm>
#include <cstdlib>

#include "apps/data/tiny_imagenet.h"
#include "core/error.h"

namespace {

void expect(bool ok) {
  if (!ok) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const saddle::Bytes bytes = std::as_bytes(std::span(data, size));
  const std::vector<std::string> known{"n00000001", "n00000002"};
  try {
    const std::vector<std::string> ids = saddle::parse_wnids(bytes, "fuzz");
    expect(!ids.empty() && std::is_sorted(ids.begin(), ids.end()));
    for (const std::string& id : ids) expect(id.size() == 9 && id.find('/') == std::string::npos);
  } catch (const saddle::Error&) {
    // refused
  }
  try {
    for (const saddle::Annotation& image : saddle::parse_annotations(bytes, known, "fuzz")) {
      expect(image.label == 0 || image.label == 1);
      expect(!image.file.empty() && image.file[0] != '.' &&
             image.file.find('/') == std::string::npos);
    }
  } catch (const saddle::Error&) {
    // refused
  }
  const std::vector<std::string> names = saddle::parse_words(bytes, known);
  expect(names.size() == 2 && !names[0].empty() && !names[1].empty());
  return 0;
}
