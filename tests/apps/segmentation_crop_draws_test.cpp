// What is drawn for crops of segmentation images: from what, within which bounds and how often.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <vector>

#include "apps/data/segmentation_crop.h"
#include "tests/apps/telling_crops.h"

namespace saddle {
namespace {

// As many plans as `epochs`, for one image of that size.
std::vector<CropPlan> plans_of(const CropRecipe& recipe, std::int64_t height, std::int64_t width,
                               std::uint32_t epochs) {
  std::vector<CropPlan> plans;
  for (std::uint32_t epoch = 0; epoch < epochs; ++epoch)
    plans.push_back(draw_crop(recipe, {"image", height, width, 0}, 1, epoch, 0));
  return plans;
}

template <class Value>
std::map<Value, int> counts_of(const std::vector<CropPlan>& plans, Value CropPlan::*member) {
  std::map<Value, int> counts;
  for (const CropPlan& plan : plans) ++counts[plan.*member];
  return counts;
}

TEST(CropDraws, depend_on_seed_epoch_and_image_alone) {
  const SegmentationSet set = telling_set({{31, 29}, {31, 29}});
  SegmentationSet moved = telling_set({{7, 7}, {31, 29}});
  CropRecipe recipe = recipe_of(11, 13);
  recipe.scale_high = 2;
  recipe.jitter = {0.5f, 0.5f, 0.5f};

  const Crop crop = crop_of(set, 1, recipe, 5, 3);

  EXPECT_EQ(crop_of(set, 1, recipe, 5, 3), crop);
  EXPECT_EQ(crop_of(moved, 1, recipe, 5, 3), crop);  // other images do not matter
  EXPECT_NE(crop_of(set, 0, recipe, 5, 3), crop);
  EXPECT_NE(crop_of(set, 1, recipe, 6, 3), crop);
  EXPECT_NE(crop_of(set, 1, recipe, 5, 4), crop);
}

TEST(CropDraws, what_a_recipe_adds_leaves_the_other_draws) {
  const CropRecipe plain = recipe_of(11, 13);
  CropRecipe jittered = plain;
  jittered.jitter = {0.5f, 0.5f, 0.5f};
  jittered.mirror = false;

  const std::vector<CropPlan> one = plans_of(plain, 31, 29, 20),
                              other = plans_of(jittered, 31, 29, 20);

  EXPECT_EQ(counts_of(one, &CropPlan::top), counts_of(other, &CropPlan::top));
  EXPECT_EQ(counts_of(one, &CropPlan::left), counts_of(other, &CropPlan::left));
}

// Counts of a uniform draw: within 5 standard deviations, sqrt(n / k) each.
void expect_uniform(const std::map<std::int64_t, int>& counts, std::int64_t first,
                    std::int64_t last, int draws) {
  ASSERT_EQ(counts.begin()->first, first);
  ASSERT_EQ(counts.rbegin()->first, last);
  ASSERT_EQ(std::ssize(counts), last - first + 1);
  const double expected = draws / static_cast<double>(counts.size());
  for (const auto& [place, count] : counts)
    EXPECT_NEAR(count, expected, 5 * std::sqrt(expected)) << "at " << place;
}

TEST(CropDraws, all_places_within_the_image_are_equally_frequent) {
  const std::vector<CropPlan> plans = plans_of(recipe_of(7, 11), 10, 17, 4000);

  expect_uniform(counts_of(plans, &CropPlan::top), 0, 3, 4000);
  expect_uniform(counts_of(plans, &CropPlan::left), 0, 6, 4000);
}

TEST(CropDraws, short_axis_is_held_whole_anywhere_in_the_crop) {
  const std::vector<CropPlan> plans = plans_of(recipe_of(13, 11), 10, 17, 4000);

  expect_uniform(counts_of(plans, &CropPlan::top), -3, 0, 4000);
  expect_uniform(counts_of(plans, &CropPlan::left), 0, 6, 4000);
}

TEST(CropDraws, axis_of_the_crops_size_has_one_place) {
  const std::vector<CropPlan> plans = plans_of(recipe_of(10, 17), 10, 17, 50);

  EXPECT_EQ(counts_of(plans, &CropPlan::top).size(), 1u);
  EXPECT_EQ(counts_of(plans, &CropPlan::left).size(), 1u);
  EXPECT_EQ(plans[0].top, 0);
  EXPECT_EQ(plans[0].left, 0);
}

TEST(CropDraws, factor_is_uniform_between_its_ends_and_sides_are_truncated) {
  CropRecipe recipe = recipe_of(100, 100);
  recipe.scale_low = 0.5;
  recipe.scale_high = 2;

  const std::vector<CropPlan> plans = plans_of(recipe, 10'000, 333, 4000);

  const auto by_height = [](const CropPlan& a, const CropPlan& b) {
    return a.scaled_height < b.scaled_height;
  };
  const auto [least, most] = std::minmax_element(plans.begin(), plans.end(), by_height);
  EXPECT_GE(least->scaled_height, 5000);
  EXPECT_LT(least->scaled_height, 5000 + 15'000 / 100);  // missed with probability 0.99^4000
  EXPECT_LT(most->scaled_height, 20'000);
  EXPECT_GT(most->scaled_height, 20'000 - 15'000 / 100);
  double mean = 0;
  for (const CropPlan& plan : plans) {
    mean += static_cast<double>(plan.scaled_height) / 4000;
    // One factor for both: of the height it is known to 1 / 10000.
    const double factor = static_cast<double>(plan.scaled_height) / 10'000;
    EXPECT_GE(plan.scaled_width, std::floor(333 * factor));
    EXPECT_LE(plan.scaled_width, std::floor(333 * (factor + 1e-4)));
  }
  EXPECT_NEAR(mean, 12'500 - 0.5, 5 * 15'000 / std::sqrt(12.0 * 4000));
}

TEST(CropDraws, one_factor_is_taken_exactly) {
  CropRecipe recipe = recipe_of(10, 10);
  recipe.scale_low = recipe.scale_high = 0.75;

  const CropPlan plan = plans_of(recipe, 21, 375, 1)[0];

  EXPECT_EQ(plan.scaled_height, 15);  // 15.75
  EXPECT_EQ(plan.scaled_width, 281);  // 281.25
}

TEST(CropDraws, sides_never_vanish) {
  CropRecipe recipe = recipe_of(3, 3);
  recipe.scale_low = recipe.scale_high = 0.1;

  const CropPlan plan = plans_of(recipe, 1, 9, 1)[0];

  EXPECT_EQ(plan.scaled_height, 1);
  EXPECT_EQ(plan.scaled_width, 1);
}

TEST(CropDraws, shorter_side_is_resized_and_the_longer_one_with_it) {
  CropRecipe recipe = recipe_of(240, 240);
  recipe.shorter_side = 256;

  const CropPlan wide = plans_of(recipe, 213, 320, 1)[0], tall = plans_of(recipe, 320, 240, 1)[0];

  EXPECT_EQ(wide.scaled_height, 256);
  EXPECT_EQ(wide.scaled_width, 384);   // 256 * 320 / 213 = 384.6
  EXPECT_EQ(tall.scaled_height, 341);  // 341.3
  EXPECT_EQ(tall.scaled_width, 256);
}

TEST(CropDraws, every_second_crop_is_mirrored) {
  const std::vector<CropPlan> plans = plans_of(recipe_of(7, 11), 10, 17, 4000);

  EXPECT_NEAR(counts_of(plans, &CropPlan::mirrored)[true], 2000, 5 * std::sqrt(1000.0));
}

TEST(CropDraws, jitter_is_uniform_around_1_in_every_order) {
  CropRecipe recipe = recipe_of(7, 11);
  recipe.jitter = {0.5f, 0, 0.25f};

  const std::vector<CropPlan> plans = plans_of(recipe, 10, 17, 6000);

  std::map<std::array<int, 3>, int> orders = counts_of(plans, &CropPlan::order);
  EXPECT_EQ(orders.size(), 6u);
  for (const auto& [order, count] : orders) {
    EXPECT_NEAR(count, 1000, 5 * std::sqrt(1000.0));
    EXPECT_EQ((std::set<int>(order.begin(), order.end())), (std::set<int>{0, 1, 2}));
  }
  float least = 1, most = 1;
  double mean = 0;
  for (const CropPlan& plan : plans) {
    EXPECT_EQ(plan.factors[1], 1);
    EXPECT_NEAR(plan.factors[2], 1, 0.25);
    least = std::min(least, plan.factors[0]);
    most = std::max(most, plan.factors[0]);
    mean += plan.factors[0] / 6000.0;
  }
  EXPECT_GE(least, 0.5f);
  EXPECT_LT(least, 0.51f);
  EXPECT_LE(most, 1.5f);
  EXPECT_GT(most, 1.49f);
  EXPECT_NEAR(mean, 1, 5 / std::sqrt(12.0 * 6000));
}

// ---------------------------------------------------------------- the reference's padding

CropRecipe official_recipe(std::int64_t side) {
  CropRecipe recipe = recipe_of(side, side);
  recipe.pads_all_sides = true;
  recipe.pad_label = 0;
  return recipe;
}

// Width 500 of 513: (513 + 1 - 500) / 2 = 7 on all sides. Height 520 + 14 is enough: 21 places.
TEST(OfficialPadding, of_a_narrow_image_is_on_all_sides) {
  const std::vector<CropPlan> plans = plans_of(official_recipe(513), 520, 500, 4000);

  expect_uniform(counts_of(plans, &CropPlan::top), -7, 14, 4000);
  expect_uniform(counts_of(plans, &CropPlan::left), -7, -6, 4000);
}

// Width 500: 7 on all sides, so 514 x 389; height: (514 - 389) / 2 = 62 more, so 638 x 513.
TEST(OfficialPadding, for_the_height_comes_on_top_of_that_for_the_width) {
  const std::vector<CropPlan> plans = plans_of(official_recipe(513), 375, 500, 10'000);

  EXPECT_EQ(counts_of(plans, &CropPlan::top).begin()->first, -69);
  EXPECT_EQ(counts_of(plans, &CropPlan::top).size(), 1u);
  expect_uniform(counts_of(plans, &CropPlan::left), -69, 56, 10'000);
}

// Height 300 alone is short: (514 - 300) / 2 = 107 on all sides.
TEST(OfficialPadding, of_a_low_image_is_on_all_sides) {
  const std::vector<CropPlan> plans = plans_of(official_recipe(513), 300, 513, 10'000);

  expect_uniform(counts_of(plans, &CropPlan::top), -107, -106, 10'000);
  expect_uniform(counts_of(plans, &CropPlan::left), -107, 107, 10'000);
}

TEST(OfficialPadding, of_a_large_image_is_none) {
  const std::vector<CropPlan> plans = plans_of(official_recipe(13), 13, 14, 100);

  expect_uniform(counts_of(plans, &CropPlan::left), 0, 1, 100);
  EXPECT_EQ(counts_of(plans, &CropPlan::top).size(), 1u);
}

// A very unlike image may leave a crop nothing but padding: 1 x 20 is padded to 101 x 120.
TEST(OfficialPadding, may_be_all_that_a_crop_shows) {
  CropRecipe recipe = official_recipe(10);
  recipe.height = 100;
  recipe.pad_colour = {5, 6, 7};
  const SegmentationSet set = telling_set({{1, 20}});
  CropPlan plan = draw_crop(recipe, set.images[0], 1, 0, 0);
  plan.left = -50;
  Crop crop(recipe);

  execute_crop(set, 0, recipe, plan, crop.pixels, crop.labels);

  EXPECT_EQ(crop.labels, Bytes8(1000, 0));
  EXPECT_EQ(crop.pixels[0], 5);
  EXPECT_EQ(crop.pixels[2998], 6);
  EXPECT_EQ(crop.pixels[2999], 7);
}

}  // namespace
}  // namespace saddle
