// Images of a segmentation set on the device: crops are make_crop's bytes over 255, whole images
// the set's, and the stretched range of pixel values is the reference's formula.
#include "apps/segment/image_batches.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/threads.h"
#include "tests/apps/data_files.h"
#include "tests/apps/segmentation_runs.h"
#include "tests/support/devices.h"
#include "tests/support/expect_near.h"
#include "tests/support/thread_count.h"

namespace saddle {
namespace {

using namespace testing_support;

using Bytes8 = std::vector<std::uint8_t>;

// u = (x - mean) / std and v = (u - min u) / (max u - min u) over all values of an image, as the
// reference has it, in double.
std::vector<double> stretched(const Bytes8& pixels, const std::vector<float>& mean,
                              const std::vector<float>& std) {
  std::vector<double> u;
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    const std::size_t c = i % mean.size();
    u.push_back((pixels[i] / 255. - mean[c]) / std[c]);
  }
  const auto [low, high] = std::ranges::minmax(u);
  for (double& value : u) value = (value - low) / (high - low);
  return u;
}

void expect_units(const Bytes8& pixels, const std::vector<float>& mean,
                  const std::vector<float>& std) {
  const PixelUnits units = units_of(pixels, mean, std, PixelRange::stretched);
  const std::vector<double> want = stretched(pixels, mean, std);
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    const std::size_t c = i % mean.size();
    const double scaled = pixels[i] / 255. * units.scale[c];
    // Scale and shift are each a few roundings of terms of this size.
    expect_near(scaled + units.shift[c], want[i], 8 * kFloatEps * (1 + std::abs(scaled)),
                text("value ", i));
  }
}

TEST(pixel_units, that_are_stretched_follow_the_references_formula) {
  const std::vector<float> mean = {0.485f, 0.456f, 0.406f}, std = {0.229f, 0.224f, 0.225f};
  expect_units({0, 0, 0, 255, 255, 255, 100, 7, 200}, mean, std);
  expect_units({30, 200, 90, 31, 60, 95}, mean, std);
  expect_units({5, 5, 5, 6, 5, 5}, {0.5f, 0.5f, 0.5f}, {0.1f, 0.2f, 0.3f});
}

TEST(pixel_units, that_are_stretched_take_one_least_and_one_largest_value_over_all_channels) {
  const Bytes8 pixels = {0, 0, 0, 255, 255, 255};
  const std::vector<float> mean = {0.485f, 0.456f, 0.406f}, std = {0.229f, 0.224f, 0.225f};
  const PixelUnits units = units_of(pixels, mean, std, PixelRange::stretched);
  // Black is -2.118, -2.036, -1.804, white 2.249, 2.429, 2.640: red's black is 0, blue's white 1.
  EXPECT_NEAR(units.shift[0], 0, 1e-6);
  EXPECT_NEAR(units.shift[1], 0.0172, 1e-3);
  EXPECT_NEAR(units.scale[2] + units.shift[2], 1, 1e-6);
  EXPECT_NEAR(units.scale[0] + units.shift[0], 0.9178, 1e-3);
}

TEST(pixel_units, that_are_plain_leave_pixels_as_they_are) {
  const PixelUnits units = units_of(Bytes8{3, 9, 200}, std::vector{0.4f, 0.5f, 0.6f},
                                    std::vector{0.1f, 0.2f, 0.3f}, PixelRange::plain);
  EXPECT_EQ(units.scale, (std::vector{1.f, 1.f, 1.f}));
  EXPECT_EQ(units.shift, (std::vector{0.f, 0.f, 0.f}));
}

TEST(pixel_units, of_an_image_of_one_value_leave_it_as_it_is) {
  const std::vector<float> mean(3, 0.4f), std(3, 0.2f);
  const PixelUnits units = units_of(Bytes8(12, 77), mean, std, PixelRange::stretched);
  EXPECT_EQ(units.scale, (std::vector{1.f, 1.f, 1.f}));
  EXPECT_EQ(units.shift, (std::vector{0.f, 0.f, 0.f}));
}

// ---- whole images ----

std::vector<float> over_255(std::span<const std::uint8_t> pixels) {
  std::vector<float> values;
  for (const std::uint8_t pixel : pixels) values.push_back(static_cast<float>(pixel) / 255.f);
  return values;
}

TEST(whole_images, are_the_sets_bytes_over_255) {
  const SegmentationSet set = square_test_data();  // images 0 and 3 are 32 x 32
  for (const std::string& name : device_names()) {
    const Batch batch = whole_images(device_named(name), set, std::vector{3, 0}, PixelRange::plain);
    EXPECT_EQ(batch.inputs.shape(), (Shape{2, 32, 32, 3}));
    std::vector<float> want = over_255(set.pixels_of(3));
    const std::vector<float> second = over_255(set.pixels_of(0));
    want.insert(want.end(), second.begin(), second.end());
    EXPECT_EQ(batch.inputs.to_host<float>(), want) << name;
    const Bytes8 labels = batch.targets.to_host<std::uint8_t>();
    EXPECT_TRUE(std::equal(labels.begin(), labels.begin() + 1024, set.labels_of(3).begin()));
    EXPECT_TRUE(std::equal(labels.begin() + 1024, labels.end(), set.labels_of(0).begin()));
    EXPECT_EQ(batch.indices.to_host<std::int32_t>(), (std::vector{3, 0}));
  }
}

TEST(whole_images, that_are_stretched_fill_the_range_each_by_itself) {
  const SegmentationSet set = square_test_data();
  for (const std::string& name : device_names()) {
    Device& device = device_named(name);
    const std::vector<float> both =
        whole_images(device, set, std::vector{3, 0}, PixelRange::stretched).inputs.to_host<float>();
    const std::size_t half = both.size() / 2;
    for (const std::size_t image : {0u, 1u}) {
      const auto own = set.pixels_of(image == 0 ? 3 : 0);
      const std::vector<double> want = stretched({own.begin(), own.end()}, set.mean, set.std);
      const auto part = std::span(both).subspan(image * half, half);
      for (std::size_t i = 0; i < half; ++i) {
        // Terms reach 5: 1 / std over the range of u.
        expect_near(part[i], want[i], 40 * kFloatEps, text(name, " value ", i));
      }
      EXPECT_EQ(std::ranges::max(part), std::min(1.f, std::ranges::max(part)));
      EXPECT_GE(std::ranges::min(part), 0.f);
    }
    const std::vector<float> alone =
        whole_images(device, set, std::vector{0}, PixelRange::stretched).inputs.to_host<float>();
    EXPECT_TRUE(std::equal(alone.begin(), alone.end(), both.begin() + static_cast<long>(half)));
  }
}

TEST(whole_images, of_two_sizes_are_no_batch) {
  const SegmentationSet set = square_test_data();
  expect_error("squares: a batch of images of different sizes, image0 and image1", [&] {
    whole_images(cpu_device(), set, std::vector{0, 1}, PixelRange::plain);
  });
  expect_error("squares: a batch of no images", [&] {
    whole_images(cpu_device(), set, std::vector<std::int32_t>{}, PixelRange::plain);
  });
}

// ---- crops ----

CropRecipe recipe() {
  CropRecipe crop;
  crop.height = 20;
  crop.width = 28;
  crop.scale_low = 0.5;
  crop.scale_high = 2;
  crop.jitter = {0.5f, 0.5f, 0.5f};
  return crop;
}

constexpr std::uint64_t kSeed = 9;

Batch crops_of(CropBatches& crops, Device& device, const std::vector<std::int32_t>& indices,
               std::uint32_t epoch) {
  crops.prepare({indices, epoch, 0});
  return crops.batch(
      Tensor::from_host(device, {static_cast<std::int64_t>(indices.size())}, indices));
}

TEST(crop_batches, are_the_bytes_of_make_crop_over_255) {
  const SegmentationSet set = square_test_data();
  for (const std::string& name : device_names()) {
    Device& device = device_named(name);
    CropBatches crops(device, set, recipe(), PixelRange::plain, kSeed, 4);
    for (const std::uint32_t epoch : {0u, 3u}) {
      const std::vector<std::int32_t> indices = {4, 0, 2};
      const Batch batch = crops_of(crops, device, indices, epoch);
      EXPECT_EQ(batch.inputs.shape(), (Shape{3, 20, 28, 3}));
      EXPECT_EQ(batch.targets.shape(), (Shape{3, 20, 28}));
      std::vector<float> pixels;
      Bytes8 labels;
      for (const std::int32_t index : indices) {
        Bytes8 own(20 * 28 * 3), of_labels(20 * 28);
        make_crop(set, index, recipe(), kSeed, epoch, own, of_labels);
        const std::vector<float> values = over_255(own);
        pixels.insert(pixels.end(), values.begin(), values.end());
        labels.insert(labels.end(), of_labels.begin(), of_labels.end());
      }
      EXPECT_EQ(batch.inputs.to_host<float>(), pixels) << name << ", epoch " << epoch;
      EXPECT_EQ(batch.targets.to_host<std::uint8_t>(), labels) << name << ", epoch " << epoch;
      EXPECT_EQ(batch.indices.to_host<std::int32_t>(), indices);
    }
  }
}

TEST(crop_batches, that_are_stretched_follow_the_formula_of_the_crop_and_not_of_the_image) {
  const SegmentationSet set = square_test_data();
  CropBatches crops(cpu_device(), set, recipe(), PixelRange::stretched, kSeed, 2);
  const std::vector<float> got = crops_of(crops, cpu_device(), {1}, 5).inputs.to_host<float>();
  Bytes8 own(20 * 28 * 3), of_labels(20 * 28);
  make_crop(set, 1, recipe(), kSeed, 5, own, of_labels);

  const std::vector<double> want = stretched(own, set.mean, set.std);
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    expect_near(got[i], want[i], 60 * kFloatEps, text("value ", i));
  }
}

TEST(crop_batches, show_an_image_alike_in_any_batch_and_by_any_threads) {
  const ThreadCount restored;
  const SegmentationSet set = square_test_data();
  for (const PixelRange range : {PixelRange::plain, PixelRange::stretched}) {
    CropBatches crops(cpu_device(), set, recipe(), range, kSeed, 5);
    const std::vector<float> all =
        crops_of(crops, cpu_device(), {3, 1, 4, 0, 2}, 1).inputs.to_host<float>();
    const std::vector<float> alone = crops_of(crops, cpu_device(), {4}, 1).inputs.to_host<float>();
    EXPECT_TRUE(
        std::equal(alone.begin(), alone.end(), all.begin() + static_cast<long>(2 * alone.size())));
    set_threads(threads() == 2 ? 3 : 2);
    const std::vector<float> by_others =
        crops_of(crops, cpu_device(), {3, 1, 4, 0, 2}, 1).inputs.to_host<float>();
    EXPECT_EQ(by_others, all);
  }
}

TEST(crop_batches, differ_by_epoch_and_seed) {
  const SegmentationSet set = square_test_data();
  CropBatches crops(cpu_device(), set, recipe(), PixelRange::plain, kSeed, 1),
      others(cpu_device(), set, recipe(), PixelRange::plain, kSeed + 1, 1);
  const auto first = crops_of(crops, cpu_device(), {0}, 0).inputs.to_host<float>();
  EXPECT_NE(crops_of(crops, cpu_device(), {0}, 1).inputs.to_host<float>(), first);
  EXPECT_NE(crops_of(others, cpu_device(), {0}, 0).inputs.to_host<float>(), first);
  EXPECT_EQ(crops_of(crops, cpu_device(), {0}, 0).inputs.to_host<float>(), first);
}

TEST(crop_batches, have_room_for_a_batch_and_no_more) {
  const SegmentationSet set = square_test_data();
  CropBatches crops(cpu_device(), set, recipe(), PixelRange::plain, kSeed, 2);
  expect_error("squares: a batch of 3 crops, there is room for 2", [&] {
    crops_of(crops, cpu_device(), {0, 1, 2}, 0);
  });
  expect_error("squares: a crop of image 5 of 5", [&] {
    crops_of(crops, cpu_device(), {0, 5}, 0);
  });
}

}  // namespace
}  // namespace saddle
