// Resizing by windows, in numbers to be checked by hand. That the bytes are Pillow's is in
// segmentation_crop_vectors_test.cpp.
#include "apps/data/image_resize.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace saddle {
namespace {

using Bytes8 = std::vector<std::uint8_t>;

// All of an axis.
ResizedAxis whole(std::int64_t size, std::int64_t scaled) { return {size, scaled, 0, scaled}; }

Bytes8 noise(std::int64_t count) {
  Bytes8 bytes;
  std::uint32_t state = 1;
  for (std::int64_t i = 0; i < count; ++i) {
    state = state * 1664525u + 1013904223u;
    bytes.push_back(static_cast<std::uint8_t>(state >> 24));
  }
  return bytes;
}

Bytes8 part(const Bytes8& image, std::int64_t channels, const ResizedAxis& rows,
            const ResizedAxis& columns) {
  Bytes8 cut;
  for (std::int64_t y = rows.begin; y < rows.begin + rows.count; ++y) {
    const auto row = image.begin() + y * columns.scaled * channels;
    cut.insert(cut.end(), row + columns.begin * channels,
               row + (columns.begin + columns.count) * channels);
  }
  return cut;
}

// Windows of an image of 33 x 31 pixels at its corners and within.
void expect_windows_of_the_whole(std::int64_t height, std::int64_t width) {
  SCOPED_TRACE(text("resized to ", height, " x ", width));
  const Bytes8 image = noise(33 * 31 * 3), labels = noise(33 * 31);
  const Bytes8 resized = resize_bilinear(image, whole(33, height), whole(31, width));
  const Bytes8 relabelled = resize_nearest(labels, whole(33, height), whole(31, width));
  for (const std::int64_t top : {std::int64_t{0}, height / 3, height - 5}) {
    for (const std::int64_t left : {std::int64_t{0}, width / 2, width - 7}) {
      const ResizedAxis rows{33, height, top, 5}, columns{31, width, left, 7};
      EXPECT_EQ(resize_bilinear(image, rows, columns), part(resized, 3, rows, columns));
      EXPECT_EQ(resize_nearest(labels, rows, columns), part(relabelled, 1, rows, columns));
    }
  }
}

TEST(ResizeWindow, enlarged_is_the_same_part_of_the_whole) { expect_windows_of_the_whole(71, 59); }

TEST(ResizeWindow, shrunk_is_the_same_part_of_the_whole) { expect_windows_of_the_whole(14, 23); }

TEST(ResizeWindow, of_one_axis_resized_is_the_same_part_of_the_whole) {
  expect_windows_of_the_whole(33, 47);
  expect_windows_of_the_whole(17, 31);
}

TEST(ResizeWindow, of_the_size_that_it_has_is_a_copy) {
  const Bytes8 image = noise(5 * 3 * 3), labels = noise(5 * 3);

  EXPECT_EQ(resize_bilinear(image, whole(5, 5), whole(3, 3)), image);
  EXPECT_EQ(resize_nearest(labels, whole(5, 5), whole(3, 3)), labels);
}

TEST(ResizeBilinear, two_pixels_to_four_mix_by_quarters) {
  const Bytes8 image{0, 100, 40, 200, 100, 80};

  EXPECT_EQ(resize_bilinear(image, whole(1, 1), whole(2, 4)),
            (Bytes8{0, 100, 40, 50, 100, 50, 150, 100, 70, 200, 100, 80}));
}

// Weights 1, 3, 3, 1 of 8, or 3, 3, 1 of 7 where the first lies beyond the edge.
TEST(ResizeBilinear, shrinking_to_half_takes_four_pixels) {
  const Bytes8 grey{7, 14, 70, 14, 77, 0};
  Bytes8 image;
  for (const std::uint8_t value : grey) image.insert(image.end(), 3, value);

  // (3 * 7 + 3 * 14 + 70) / 7 = 19, (14 + 3 * 70 + 3 * 14 + 77) / 8 = 42.9, 35 = 245 / 7
  EXPECT_EQ(resize_bilinear(image, whole(6, 3), whole(1, 1)),
            (Bytes8{19, 19, 19, 43, 43, 43, 35, 35, 35}));
}

TEST(ResizeBilinear, plain_colours_stay_at_any_size) {
  const Bytes8 white(11 * 13 * 3, 255);

  EXPECT_EQ(resize_bilinear(white, whole(11, 29), whole(13, 5)), Bytes8(29 * 5 * 3, 255));
  EXPECT_EQ(resize_bilinear(white, whole(11, 1), whole(13, 1)), Bytes8(3, 255));
}

TEST(ResizeNearest, takes_the_pixel_that_the_middle_falls_into) {
  const Bytes8 labels{1, 2, 3};

  // floor((d + 1/2) 3 / 2): 0.75 and 2.25; floor((d + 1/2) 3 / 5): 0.3, 0.9, 1.5, 2.1, 2.7.
  EXPECT_EQ(resize_nearest(labels, whole(1, 1), whole(3, 2)), (Bytes8{1, 3}));
  EXPECT_EQ(resize_nearest(labels, whole(1, 1), whole(3, 5)), (Bytes8{1, 1, 2, 3, 3}));
  EXPECT_EQ(resize_nearest(labels, whole(3, 1), whole(1, 1)), (Bytes8{2}));
}

// Whole numbers before they are floored, where sums of rounded steps may end on either side.
TEST(ResizeNearest, boundary_between_two_pixels_goes_to_the_later) {
  const Bytes8 labels{1, 2, 3, 4, 5, 6};

  EXPECT_EQ(resize_nearest(labels, whole(1, 1), whole(6, 3)), (Bytes8{2, 4, 6}));
}

TEST(ResizeWindow, beyond_the_resized_image_is_an_error) {
  const Bytes8 image(4 * 4 * 3);

  EXPECT_THROW(resize_bilinear(image, {4, 8, 5, 4}, whole(4, 4)), Error);
  EXPECT_THROW(resize_bilinear(image, {4, 8, -1, 4}, whole(4, 4)), Error);
  EXPECT_THROW(resize_bilinear(image, {4, 8, 0, 0}, whole(4, 4)), Error);
  EXPECT_THROW(resize_nearest(image, {4, 8, 5, 4}, whole(12, 12)), Error);
}

TEST(ResizeWindow, of_an_image_of_another_size_is_an_error) {
  EXPECT_THROW(resize_bilinear(Bytes8(47), whole(4, 8), whole(4, 4)), Error);
  EXPECT_THROW(resize_nearest(Bytes8(15), whole(4, 8), whole(4, 4)), Error);
}

}  // namespace
}  // namespace saddle
