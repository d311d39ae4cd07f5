// Images whose pixels have labels, and networks that answer them in microseconds, for tests of
// attacks on segmentation.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "apps/segment/attack_report.h"
#include "core/ops.h"
#include "tests/apps/data_files.h"
#include "tests/support/random_values.h"

namespace saddle {

using Size = std::pair<std::int64_t, std::int64_t>;  // height, width

inline constexpr std::int64_t kSceneClasses = 3;

// z [N, H, W, K]: a linear map of the window x window pixels around each, which says nothing of
// grey ones, no biases.
inline LogitsFunction linear_segmenter(std::int64_t classes, std::int64_t window = 3) {
  const std::int64_t inputs = window * window * 3;
  std::vector<float> values = testing_support::random_values(classes * inputs, 17, -2.f, 2.f);
  for (auto row = values.begin(); row != values.end(); row += inputs) {
    const float mean = std::accumulate(row, row + inputs, 0.f) / static_cast<float>(inputs);
    std::for_each(row, row + inputs, [mean](float& w) { w -= mean; });
  }
  const Var w(Tensor::from_host(cpu_device(), {classes, window, window, 3}, values),
              Gradient::none);
  return [w, window](Tape& tape, const Var& x) { return convolution(tape, x, w, {1, window / 2}); };
}

// Takes every pixel for class 0, whatever it sees: all its gradients are 0.
inline LogitsFunction constant_segmenter(std::int64_t classes) {
  const Var w(Tensor::from_host(cpu_device(), {classes, 1, 1, 3},
                                std::vector<float>(static_cast<std::size_t>(classes) * 3, 0.f)),
              Gradient::none);
  return [w](Tape& tape, const Var& x) { return convolution(tape, x, w, {1, 0}); };
}

// Noise around grey, labelled as the linear segmenter sees it, but for each seventh pixel (another
// class) and the first row (void). Image i has the i-th of `sizes`, taken in turns.
inline SegmentationSet noise_scenes(std::int64_t images,
                                    const std::vector<Size>& sizes = {{32, 32}},
                                    std::int64_t classes = 3) {
  SegmentationSet set;
  set.name = "noise-scenes";
  set.split = "test";
  set.classes = classes;
  set.mean = {0.4f, 0.45f, 0.5f};
  set.std = {0.2f, 0.25f, 0.3f};
  for (std::int64_t c = 0; c < classes; ++c) set.class_names.push_back(text("kind ", c));
  set.palette = voc_palette(classes);
  for (std::int64_t i = 0; i < images; ++i) {
    const auto [height, width] = sizes[static_cast<std::size_t>(i) % sizes.size()];
    const auto offset = static_cast<std::int64_t>(set.labels.size());
    set.images.push_back({text("scene-", i), height, width, offset});
    const auto seed = static_cast<std::uint64_t>(100 + i);
    for (float value : testing_support::random_values(height * width * 3, seed, 0.f, 1.f))
      set.pixels.push_back(static_cast<std::uint8_t>(std::lround(255 * value)));
    set.labels.resize(set.labels.size() + static_cast<std::size_t>(height * width), 0);
    const std::vector<std::int32_t> index = {static_cast<std::int32_t>(i)};
    const Batch batch = whole_images(cpu_device(), set, index, PixelRange::plain);
    const auto seen =
        judge_pixels(linear_segmenter(classes), batch.inputs, batch.targets, classes).predictions;
    for (std::size_t pixel = 0; pixel < seen.size(); ++pixel) {
      const bool other = pixel % 7 == 3, is_void = pixel < static_cast<std::size_t>(width);
      const auto label = static_cast<std::uint8_t>((seen[pixel] + (other ? 1 : 0)) % classes);
      set.labels[static_cast<std::size_t>(offset) + pixel] = is_void ? kVoidLabel : label;
    }
  }
  for (const std::uint8_t label : set.labels) ++set.census[label];
  return set;
}

// The set, all of image i void.
inline SegmentationSet without_labels_of(SegmentationSet set, std::size_t i) {
  const SegmentationImage& image = set.images[i];
  std::fill_n(set.labels.begin() + image.offset, image.height * image.width, kVoidLabel);
  return set;
}

inline PixelJob pixel_job(const std::string& spec, const std::vector<int>& stops = {}) {
  return {make_pixel_attack(parse_attack_spec(spec), 3), stops};
}

inline PixelRunOptions pixel_run(std::int64_t batch_size = 8, std::int64_t images_kept = 0) {
  PixelRunOptions options;
  options.batch_size = batch_size;
  options.images_kept = images_kept;
  return options;
}

// The results of a job, its stops before its end.
inline std::vector<PixelResult> results_of(const PixelJob& job, const SegmentationSet& set,
                                           const LogitsFunction& f,
                                           const PixelRunOptions& options = pixel_run()) {
  std::vector<PixelResult> results = new_results(job, set.size(), set.classes);
  run_pixel_job(f, cpu_device(), set, job, options, results, [](std::int64_t) {});
  return results;
}

inline PixelResult result_of(const std::string& spec, const SegmentationSet& set,
                             const LogitsFunction& f,
                             const PixelRunOptions& options = pixel_run()) {
  return results_of(pixel_job(spec), set, f, options).back();
}

inline std::vector<std::vector<std::int64_t>> counts_of(const std::vector<Confusion>& images) {
  std::vector<std::vector<std::int64_t>> counts;
  for (const Confusion& image : images) counts.push_back(image.counts());
  return counts;
}

// All that a clock did not write.
inline void expect_same_results(const PixelResult& got, const PixelResult& want) {
  EXPECT_EQ(counts_of(got.images), counts_of(want.images)) << want.spec;
  EXPECT_EQ(got.linf, want.linf) << want.spec;
  EXPECT_EQ(got.l2, want.l2) << want.spec;
  EXPECT_EQ(got.cross_entropy, want.cross_entropy) << want.spec;
  EXPECT_EQ(got.done, want.done) << want.spec;
  EXPECT_EQ(got.adversarial, want.adversarial) << want.spec;
  EXPECT_EQ(got.passes.forward, want.passes.forward) << want.spec;
  EXPECT_EQ(got.passes.backward, want.passes.backward) << want.spec;
}

}  // namespace saddle
