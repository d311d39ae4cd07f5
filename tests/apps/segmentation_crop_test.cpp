// Crops of segmentation images: that pixels and labels stay together, the recipes of the sets, and
// what is refused. What is drawn stands in segmentation_crop_draws_test.cpp; that the bytes are
// Pillow's, in segmentation_crop_vectors_test.cpp.
#include "apps/data/segmentation_crop.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "core/error.h"
#include "tests/apps/system_fashion_mnist.h"
#include "tests/apps/telling_crops.h"

namespace saddle {
namespace {

// ---------------------------------------------------------------- labels stay with pixels

// What the telling pixels of a crop at scale 1 must be, worked out pixel by pixel.
void expect_aligned(const CropRecipe& recipe, const CropPlan& plan, std::int64_t height,
                    std::int64_t width, const Crop& crop) {
  int wrong = 0;
  for (std::int64_t row = 0; row < recipe.height; ++row) {
    for (std::int64_t column = 0; column < recipe.width; ++column) {
      const std::int64_t across = plan.mirrored ? recipe.width - 1 - column : column;
      const std::int64_t y = plan.top + row, x = plan.left + across;
      const bool inside = y >= 0 && y < height && x >= 0 && x < width;
      const auto label = static_cast<std::uint8_t>(inside ? (3 * y + 5 * x + x * y) % 7
                                                          : std::int64_t{recipe.pad_label});
      const Bytes8 pixel =
          inside ? Bytes8{label, static_cast<std::uint8_t>(y), static_cast<std::uint8_t>(x)}
                 : Bytes8(recipe.pad_colour.begin(), recipe.pad_colour.end());
      const auto at = static_cast<std::size_t>(row * recipe.width + column);
      const bool right = crop.labels[at] == label &&
                         std::equal(pixel.begin(), pixel.end(), crop.pixels.begin() + 3 * at);
      wrong += right ? 0 : 1;
    }
  }
  EXPECT_EQ(wrong, 0) << "crop at " << plan.top << ", " << plan.left;
}

void expect_all_aligned(CropRecipe recipe, std::int64_t height, std::int64_t width) {
  recipe.pad_colour = {101, 102, 103};
  const SegmentationSet set = telling_set({{3, 5}, {height, width}});
  for (std::uint32_t epoch = 0; epoch < 50; ++epoch) {
    const CropPlan plan = draw_crop(recipe, set.images[1], 1, epoch, 1);
    expect_aligned(recipe, plan, height, width, crop_of(set, 1, recipe, 1, epoch));
  }
}

TEST(SegmentationCrop, labels_stay_with_their_pixels) {
  expect_all_aligned(recipe_of(13, 17), 31, 29);
}

TEST(SegmentationCrop, labels_stay_with_their_pixels_where_height_is_padded) {
  expect_all_aligned(recipe_of(33, 17), 19, 29);
}

TEST(SegmentationCrop, labels_stay_with_their_pixels_where_width_is_padded) {
  expect_all_aligned(recipe_of(13, 37), 31, 29);
}

TEST(SegmentationCrop, labels_stay_with_their_pixels_where_all_sides_are_padded) {
  CropRecipe recipe = recipe_of(33, 37);
  recipe.pads_all_sides = true;
  recipe.pad_label = 0;
  expect_all_aligned(recipe, 19, 29);
}

// Blocks of one colour and label each: only on the blocks' edges are colours mixed.
TEST(SegmentationCrop, labels_stay_with_their_pixels_at_any_scale) {
  SegmentationSet set = telling_set({{40, 40}});
  for (std::size_t i = 0; i < set.labels.size(); ++i) {
    const std::size_t y = i / 40, x = i % 40;
    set.labels[i] = static_cast<std::uint8_t>((y / 20) * 2 + x / 20);
    std::fill_n(set.pixels.begin() + 3 * static_cast<std::ptrdiff_t>(i), 3, 60 * set.labels[i]);
  }
  CropRecipe recipe = recipe_of(32, 32);
  recipe.scale_low = 0.5;
  recipe.scale_high = 2;

  int agree = 0, shown = 0;
  for (std::uint32_t epoch = 0; epoch < 100; ++epoch) {
    const Crop crop = crop_of(set, 0, recipe, 1, epoch);
    for (std::size_t i = 0; i < crop.labels.size(); ++i) {
      if (crop.labels[i] == 255) continue;
      ++shown;
      agree += std::abs(crop.pixels[3 * i] - 60 * crop.labels[i]) <= 30 ? 1 : 0;
    }
  }
  EXPECT_GT(shown, 50'000);
  EXPECT_GT(agree, shown * 97 / 100);
}

TEST(SegmentationCrop, fashion_scenes_take_the_whole_scene_or_its_mirror) {
  SegmentationSet set = telling_set({{96, 96}});
  set.name = "fashion-scenes";
  const CropRecipe recipe = default_crop(set);
  CropRecipe unmirrored = recipe;
  unmirrored.mirror = false;

  const Crop whole = crop_of(set, 0, unmirrored, 1, 0);
  EXPECT_EQ(whole.pixels, set.pixels);
  EXPECT_EQ(whole.labels, set.labels);

  Crop mirrored = whole;
  for (std::size_t i = 0; i < 96 * 96; ++i) {
    const std::size_t from = i / 96 * 96 + 95 - i % 96;
    mirrored.labels[i] = set.labels[from];
    std::copy_n(set.pixels.begin() + 3 * static_cast<std::ptrdiff_t>(from), 3,
                mirrored.pixels.begin() + 3 * static_cast<std::ptrdiff_t>(i));
  }
  int mirrors = 0;
  for (std::uint32_t epoch = 0; epoch < 100; ++epoch) {
    const Crop crop = crop_of(set, 0, recipe, 1, epoch);
    ASSERT_TRUE(crop == whole || crop == mirrored);
    mirrors += crop == mirrored ? 1 : 0;
  }
  EXPECT_NEAR(mirrors, 50, 20);  // 4 standard deviations
}

using FashionScenesCrop = SystemFashionMnist;

TEST_F(FashionScenesCrop, without_mirror_is_the_image_byte_for_byte) {
  SegmentationRequest request;
  request.name = "fashion-scenes";
  request.limit = 3;
  const SegmentationSet set = load_segmentation_set(request);
  CropRecipe recipe = default_crop(set);
  recipe.mirror = false;
  check(recipe, set);

  const Crop crop = crop_of(set, 2, recipe, 1, 4);

  EXPECT_TRUE(std::ranges::equal(crop.pixels, set.pixels_of(2)));
  EXPECT_TRUE(std::ranges::equal(crop.labels, set.labels_of(2)));
}

// ---------------------------------------------------------------- recipes

TEST(CropRecipes, voc_is_scaled_and_cut_to_513) {
  SegmentationSet set = telling_set({{375, 500}});
  set.name = "voc2012";

  const CropRecipe recipe = default_crop(set), official = official_crop(set);

  EXPECT_EQ(recipe.height, 513);
  EXPECT_EQ(recipe.width, 513);
  EXPECT_EQ(recipe.scale_low, 0.5);
  EXPECT_EQ(recipe.scale_high, 2);
  EXPECT_EQ(recipe.pad_label, 255);
  EXPECT_FALSE(recipe.pads_all_sides);
  EXPECT_FALSE(recipe.shorter_side);
  EXPECT_EQ(recipe.jitter, (std::array<float, 3>{}));
  EXPECT_TRUE(official.pads_all_sides);
  EXPECT_EQ(official.pad_label, 0);
  EXPECT_EQ(official.scale_high, 2);
  check(recipe, set);
  check(official, set);
}

TEST(CropRecipes, stanford_is_resized_cut_to_240_and_jittered) {
  SegmentationSet set = telling_set({{240, 320}});
  set.name = "stanford-background";

  const CropRecipe recipe = default_crop(set);

  EXPECT_EQ(recipe.height, 240);
  EXPECT_EQ(recipe.width, 240);
  EXPECT_EQ(recipe.shorter_side, 256);
  EXPECT_EQ(recipe.scale_low, 1);
  EXPECT_EQ(recipe.scale_high, 1);
  EXPECT_EQ(recipe.jitter, (std::array{0.5f, 0.5f, 0.5f}));
  EXPECT_TRUE(recipe.mirror);
  check(recipe, set);
}

// ---------------------------------------------------------------- what is refused

std::string refusal(const CropRecipe& recipe, const SegmentationSet& set) {
  try {
    check(recipe, set);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(CropRefusals, name_the_set_what_came_and_what_is_expected) {
  const SegmentationSet set = telling_set({{31, 29}});
  CropRecipe zoomed = recipe_of(7, 7), labelled = zoomed, jittered = zoomed, resized = zoomed;
  zoomed.scale_low = 3;
  labelled.pad_label = 7;
  jittered.jitter[2] = 1.5f;
  resized.shorter_side = 0;

  EXPECT_EQ(refusal(recipe_of(7, 7), set), "");
  EXPECT_EQ(refusal(recipe_of(0, 7), set),
            "telling: crops of 7 x 0 pixels, expected 1 to 16384 a side");
  EXPECT_EQ(refusal(recipe_of(7, 20'000), set),
            "telling: crops of 20000 x 7 pixels, expected 1 to 16384 a side");
  EXPECT_EQ(refusal(zoomed, set),
            "telling: crops of images at 3 to 1 times their size, expected factors over 0, the "
            "lower one first");
  EXPECT_EQ(refusal(labelled, set),
            "telling: crops padded with label 7, expected a class, 0 to 6, or 255 for void");
  EXPECT_EQ(refusal(jittered, set),
            "telling: crops whose colours are jittered by 1.5, expected 0 (not at all) to 1");
  EXPECT_EQ(refusal(resized, set),
            "telling: crops of images whose shorter side is resized to 0 pixels, expected 1 to "
            "16384");
}

TEST(CropRefusals, factors_must_be_numbers_over_0) {
  const SegmentationSet set = telling_set({{31, 29}});
  CropRecipe none = recipe_of(7, 7), endless = none, unknown = none;
  none.scale_low = 0;
  endless.scale_high = INFINITY;
  unknown.scale_low = NAN;

  EXPECT_NE(refusal(none, set), "");
  EXPECT_NE(refusal(endless, set), "");
  EXPECT_NE(refusal(unknown, set), "");
}

TEST(CropRefusals, name_the_image_that_would_grow_beyond_all_bounds) {
  SegmentationSet set = telling_set({{31, 29}, {1, 200}});
  set.images[1].id = "long";
  CropRecipe recipe = recipe_of(7, 7);
  recipe.shorter_side = 16'384;

  EXPECT_EQ(refusal(recipe, set),
            "telling: crops of long, 200 x 1 pixels, which would be enlarged to a side of "
            "3.2768e+06. Take a smaller factor or shorter side");
}

TEST(CropRefusals, grey_sets_and_wrong_spans_are_errors) {
  const SegmentationSet set = telling_set({{31, 29}});
  SegmentationSet grey = set;
  grey.channels = 1;
  const CropRecipe recipe = recipe_of(7, 7);
  Bytes8 pixels(3 * 49), labels(49), short_labels(48);

  EXPECT_THROW(check(recipe, grey), Error);
  EXPECT_THROW(make_crop(set, 1, recipe, 0, 0, pixels, labels), Error);
  EXPECT_THROW(make_crop(set, -1, recipe, 0, 0, pixels, labels), Error);
  EXPECT_THROW(make_crop(set, 0, recipe, 0, 0, labels, labels), Error);
  EXPECT_THROW(make_crop(set, 0, recipe, 0, 0, pixels, short_labels), Error);
  EXPECT_NO_THROW(make_crop(set, 0, recipe, 0, 0, pixels, labels));
}

}  // namespace
}  // namespace saddle
