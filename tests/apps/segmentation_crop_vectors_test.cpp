// Crops byte for byte as Pillow makes them by the same plans: tests/vectors/make_crop_vectors.py
// says what is stored.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "apps/data/segmentation_crop.h"
#include "core/error.h"
#include "core/safetensors.h"
#include "tests/support/source_directory.h"

namespace saddle {
namespace {

using Bytes8 = std::vector<std::uint8_t>;

// The script's make_image.
SegmentationSet small_set() {
  constexpr std::int64_t kHeight = 37, kWidth = 53;
  SegmentationSet set;
  set.name = "small";
  set.classes = 5;
  set.images = {{"0", kHeight, kWidth, 0}};
  for (std::int64_t y = 0; y < kHeight; ++y) {
    for (std::int64_t x = 0; x < kWidth; ++x) {
      for (std::int64_t c = 0; c < 3; ++c) {
        const std::int64_t value = 7 * y * y + 5 * x * x + 3 * (c + 1) * x * y + 40 * c;
        set.pixels.push_back(static_cast<std::uint8_t>(value % 256));
      }
      const std::int64_t label = (y + x) % 11 == 0 ? 255 : (3 * (y / 5) + x / 7) % 5;
      set.labels.push_back(static_cast<std::uint8_t>(label));
    }
  }
  return set;
}

const SafetensorsFile& vectors() {
  static const SafetensorsFile file =
      SafetensorsFile::load(source_directory() / "tests/vectors/crops.safetensors");
  return file;
}

Bytes8 stored_bytes(const std::string& name) {
  const std::vector<std::int64_t> values = vectors().read_i64(name);
  Bytes8 bytes(values.size());
  std::ranges::transform(values, bytes.begin(),
                         [](std::int64_t value) { return static_cast<std::uint8_t>(value); });
  return bytes;
}

// How many differ, the largest difference, and where the first is: nothing where all are equal.
std::string difference(const Bytes8& got, const Bytes8& want) {
  if (got.size() != want.size()) return text(got.size(), " bytes, expected ", want.size());
  int count = 0, largest = 0;
  std::size_t first = 0;
  for (std::size_t i = got.size(); i-- > 0;) {
    if (got[i] == want[i]) continue;
    ++count;
    largest = std::max(largest, std::abs(got[i] - want[i]));
    first = i;
  }
  return count == 0 ? ""
                    : text(count, " of ", got.size(), " differ, by up to ", largest, "; byte ",
                           first, " first");
}

void expect_crop_of_pillow(const std::string& name) {
  SCOPED_TRACE(name);
  const std::vector<std::int64_t> numbers = vectors().read_i64(name + ".plan");
  ASSERT_EQ(numbers.size(), 10u);
  CropRecipe recipe;
  recipe.height = numbers[2];
  recipe.width = numbers[3];
  recipe.pad_colour = {10, 20, 30};
  CropPlan plan{numbers[0], numbers[1], numbers[4], numbers[5]};
  plan.mirrored = numbers[6] != 0;
  std::copy_n(numbers.begin() + 7, 3, plan.order.begin());
  std::ranges::copy(vectors().read_f32(name + ".factors"), plan.factors.begin());
  const auto area = static_cast<std::size_t>(recipe.height * recipe.width);
  Bytes8 pixels(3 * area), labels(area);

  execute_crop(small_set(), 0, recipe, plan, pixels, labels);

  EXPECT_EQ(difference(pixels, stored_bytes(name + ".pixels")), "");
  EXPECT_EQ(difference(labels, stored_bytes(name + ".labels")), "");
}

TEST(CropOfPillow, plain_is_the_image) {
  expect_crop_of_pillow("plain");
  EXPECT_EQ(difference(stored_bytes("plain.pixels"), small_set().pixels), "");
}

TEST(CropOfPillow, enlarged) {
  expect_crop_of_pillow("enlarged_twice");
  expect_crop_of_pillow("enlarged");
}

TEST(CropOfPillow, shrunk) {
  expect_crop_of_pillow("shrunk_to_half");
  expect_crop_of_pillow("shrunk_to_fifth");
  expect_crop_of_pillow("shrunk_a_little");
}

TEST(CropOfPillow, one_axis_resized_alone) {
  expect_crop_of_pillow("taller_alone");
  expect_crop_of_pillow("narrower_alone");
}

TEST(CropOfPillow, padded) {
  expect_crop_of_pillow("padded_on_all_sides");
  expect_crop_of_pillow("padded_below_and_left");
}

TEST(CropOfPillow, mirrored) { expect_crop_of_pillow("mirrored"); }

TEST(CropOfPillow, one_colour_changed) {
  expect_crop_of_pillow("brighter_by_half");
  expect_crop_of_pillow("darker");
  expect_crop_of_pillow("more_contrast");
  expect_crop_of_pillow("less_contrast");
  expect_crop_of_pillow("more_colour");
  expect_crop_of_pillow("less_colour");
}

TEST(CropOfPillow, colours_jittered_in_each_order) {
  expect_crop_of_pillow("jittered_012");
  expect_crop_of_pillow("jittered_021");
  expect_crop_of_pillow("jittered_102");
  expect_crop_of_pillow("jittered_120");
  expect_crop_of_pillow("jittered_201");
  expect_crop_of_pillow("jittered_210");
}

TEST(CropOfPillow, orders_of_jitter_matter) {
  EXPECT_NE(stored_bytes("jittered_012.pixels"), stored_bytes("jittered_210.pixels"));
  EXPECT_NE(stored_bytes("jittered_012.pixels"), stored_bytes("jittered_021.pixels"));
  EXPECT_NE(stored_bytes("jittered_012.pixels"), stored_bytes("jittered_102.pixels"));
}

TEST(CropOfPillow, all_at_once) { expect_crop_of_pillow("all_at_once"); }

}  // namespace
}  // namespace saddle
