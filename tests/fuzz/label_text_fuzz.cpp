// Fuzzes the texts that hold labels: any bytes give an Error, or Stanford's regions of consistent
// size and the classes that there are, and maps that are not empty.
#include <algorithm>
#include <cstdlib>

#include "apps/data/label_maps.h"
#include "apps/data/stanford_labels.h"
#include "core/error.h"

namespace {

void expect(bool ok) {
  if (!ok) std::abort();
}

template <class Call>
void refused_or(const Call& call) {
  try {
    call();
  } catch (const saddle::Error&) {
    // refused
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const saddle::Bytes bytes = std::as_bytes(std::span(data, size));
  refused_or([&] {
    const saddle::LabelImage image =
        saddle::parse_stanford_regions(bytes, "fuzz", saddle::StanfordMode::std8);
    expect(image.height > 0 && image.width > 0);
    expect(image.labels.size() == static_cast<std::size_t>(image.height * image.width));
    expect(std::ranges::all_of(image.labels, [](int label) { return label < 8 || label == 255; }));
  });
  refused_or([&] { expect(!saddle::parse_mask_colours(bytes, "fuzz").empty()); });
  refused_or([&] { saddle::parse_label_map(bytes, "fuzz"); });
  return 0;
}
