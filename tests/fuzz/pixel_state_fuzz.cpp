// Fuzzes the state of an attack on segmentation: any JSON and any values of its tensors give an
// Error, or results that an attack on these images can have come to.
//
// An input is JSON up to the first zero byte; what follows it is laid over the tensors of a sound
// state (exclusive or).
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <vector>

#include "apps/segment/attack_state.h"
#include "core/safetensors.h"
#include "tests/fuzz/memory_file.h"

namespace {

using namespace saddle;

const Command kCommand{{"attacks", "pgd"}};
constexpr std::int64_t kClasses = 2, kImagesKept = 1;

// Two images, of 2 x 2 and 1 x 3 pixels, the second with one that is void.
SegmentationSet images() {
  SegmentationSet set;
  set.classes = kClasses;
  set.images = {{"a", 2, 2, 0}, {"b", 1, 3, 4}};
  set.labels = {0, 0, 1, 1, 1, 255, 0};
  set.pixels.assign(3 * set.labels.size(), 100);
  return set;
}

// One attack, judged on its way and at its end.
std::vector<std::vector<PixelResult>> nothing_done() {
  PixelResult result;
  result.spec = "pgd";
  result.images.assign(2, Confusion(kClasses));
  result.linf.resize(2);
  result.l2.resize(2);
  result.cross_entropy.resize(2);
  result.done.resize(2);
  result.adversarial.resize(2);
  return {{result, result}};
}

std::vector<std::vector<PixelResult>> one_image_done() {
  auto jobs = nothing_done();
  for (PixelResult& result : jobs[0]) {
    result.done[0] = 1;
    result.images[0] = Confusion(kClasses, {1, 1, 0, 2});
    result.linf[0] = result.l2[0] = result.cross_entropy[0] = 0.5;
    result.adversarial[0].assign(12, 0.25f);
  }
  return jobs;
}

SafetensorsFile sound_state() {
  std::string name = "/dev/shm/saddle-fuzz-XXXXXX";
  const int descriptor = ::mkstemp(name.data());
  save_pixel_state(name, kCommand, one_image_done());
  SafetensorsFile file = SafetensorsFile::load(name);
  auto jobs = nothing_done();
  load_pixel_state(name, kCommand, images(), kImagesKept, jobs);  // else the fuzzer sees nothing
  expect(jobs[0][1].done[0] == 1);
  ::close(descriptor);
  ::unlink(name.c_str());
  return file;
}

std::vector<std::byte> state_with(std::span<const std::uint8_t> input) {
  static const SafetensorsFile sound = sound_state();
  const auto end = std::ranges::find(input, 0);
  const std::string json(input.begin(), end);
  std::span<const std::uint8_t> overlay(end == input.end() ? end : end + 1, input.end());
  std::map<std::string, std::vector<std::byte>> values;
  std::vector<NamedTensor> tensors;
  for (const auto& [name, tensor] : sound.tensors()) {
    auto& bytes = values[name];
    bytes.assign(tensor.bytes.begin(), tensor.bytes.end());
    const std::size_t covered = std::min(bytes.size(), overlay.size());
    for (std::size_t i = 0; i < covered; ++i) bytes[i] ^= std::byte{overlay[i]};
    overlay = overlay.subspan(covered);
    tensors.push_back({name, tensor.dtype, tensor.shape, bytes});
  }
  return serialize_safetensors(tensors, {{"saddle_segment_attack", json}});
}

void expect_possible(const SegmentationSet& set, const PixelResult& result) {
  for (std::size_t i = 0; i < 2; ++i) {
    const bool done = result.done[i] == 1;
    const auto labels = set.labels_of(static_cast<std::int64_t>(i));
    for (std::int64_t c = 0; c < kClasses; ++c)
      expect(result.images[i].labelled(c) == (done ? std::ranges::count(labels, c) : 0));
    for (const double number : {result.linf[i], result.l2[i], result.cross_entropy[i]})
      expect(std::isfinite(number) && number >= 0);
    expect(result.adversarial[i].size() == (done && i < kImagesKept ? 3 * labels.size() : 0));
    for (const float x : result.adversarial[i]) expect(x >= 0 && x <= 1);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const MemoryFile file;
  static const SegmentationSet set = images();
  try {
    file.replace(state_with({data, size}));
    auto jobs = nothing_done();
    load_pixel_state(file.path(), kCommand, set, kImagesKept, jobs);
    for (const PixelResult& result : jobs[0]) expect_possible(set, result);
    expect(jobs[0][0].done == jobs[0][1].done);
  } catch (const Error&) {
    // refused
  }
  return 0;
}
