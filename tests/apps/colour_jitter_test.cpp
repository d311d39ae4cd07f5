// Changes of colours in numbers to be checked by hand. That the bytes are Pillow's is in
// segmentation_crop_vectors_test.cpp.
#include "apps/data/colour_jitter.h"

#include <gtest/gtest.h>

#include <vector>

namespace saddle {
namespace {

using Bytes8 = std::vector<std::uint8_t>;

// Greys: 19595 * 200 + 38470 * 100 + 7471 * 40 over 65536, rounded, is 123; then 50.
const Bytes8 kPixels{200, 100, 40, 50, 50, 50};

TEST(ColourJitter, brightness_is_a_factor_truncated_and_clipped) {
  Bytes8 pixels = kPixels;

  change_brightness(pixels, 1.28125f);  // 256.25, 128.125, 51.25; 64.0625

  EXPECT_EQ(pixels, (Bytes8{255, 128, 51, 64, 64, 64}));
}

TEST(ColourJitter, contrast_moves_from_the_mean_grey) {
  Bytes8 pixels = kPixels;

  change_contrast(pixels, 2);  // mean (123 + 50) / 2 = 86.5, rounded 87: 2 x - 87

  EXPECT_EQ(pixels, (Bytes8{255, 113, 0, 13, 13, 13}));
}

TEST(ColourJitter, saturation_moves_from_the_grey_of_each_pixel) {
  Bytes8 pixels = kPixels;

  change_saturation(pixels, 0.5f);  // 161.5, 111.5, 81.5

  EXPECT_EQ(pixels, (Bytes8{161, 111, 81, 50, 50, 50}));
}

TEST(ColourJitter, factor_of_0_takes_the_quality_away) {
  Bytes8 black = kPixels, plain = kPixels, grey = kPixels;

  change_brightness(black, 0);
  change_contrast(plain, 0);
  change_saturation(grey, 0);

  EXPECT_EQ(black, Bytes8(6, 0));
  EXPECT_EQ(plain, Bytes8(6, 87));
  EXPECT_EQ(grey, (Bytes8{123, 123, 123, 50, 50, 50}));
}

TEST(ColourJitter, factors_of_1_change_nothing) {
  Bytes8 pixels = kPixels;

  jitter_colours(pixels, {1, 1, 1}, {2, 0, 1});
  EXPECT_EQ(pixels, kPixels);

  change_brightness(pixels, 1);
  change_contrast(pixels, 1);
  change_saturation(pixels, 1);
  EXPECT_EQ(pixels, kPixels);
}

TEST(ColourJitter, order_names_what_comes_first) {
  Bytes8 jittered = kPixels, expected = kPixels;

  jitter_colours(jittered, {1.5f, 0.5f, 2}, {1, 2, 0});

  change_contrast(expected, 0.5f);
  change_saturation(expected, 2);
  change_brightness(expected, 1.5f);
  EXPECT_EQ(jittered, expected);
}

TEST(ColourJitter, no_pixels_are_left_alone) {
  Bytes8 pixels;

  jitter_colours(pixels, {1.5f, 0.5f, 2}, {0, 1, 2});

  EXPECT_TRUE(pixels.empty());
}

}  // namespace
}  // namespace saddle
