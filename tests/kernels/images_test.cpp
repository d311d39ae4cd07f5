// Augmentation from bytes, against a version that really builds the padded image.
#include "kernels/images.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>
#include <vector>

#include "tests/support/expect_near.h"
#include "tests/support/view.h"

namespace saddle {
namespace {

using namespace testing_support;

struct Images {
  std::int64_t height, width, channels;
  std::vector<std::uint8_t> pixels;  // [dataset, height, width, channels]

  std::int64_t size() const { return height * width * channels; }
};

Images made_images(std::int64_t dataset, std::int64_t height, std::int64_t width,
                   std::int64_t channels) {
  Images images{height, width, channels, {}};
  for (std::int64_t i = 0; i < dataset * images.size(); ++i) {
    images.pixels.push_back(static_cast<std::uint8_t>(i * 7919 >> 3));
  }
  return images;
}

std::vector<float> run(const Images& images, const std::vector<std::int32_t>& example,
                       const Stream& stream, int padding, int flip) {
  const std::int64_t pixels = images.height * images.width,
                     rows = static_cast<std::int64_t>(example.size());
  std::vector<float> out(example.size() * static_cast<std::size_t>(images.size()), -1.f);
  const std::vector<std::int32_t> epoch = {static_cast<std::int32_t>(stream.step)};
  const BytesToImages kernel{view(images.pixels),
                             view(example),
                             view(out),
                             images.height,
                             images.width,
                             images.channels,
                             {stream.seed, stream.purpose},
                             view(epoch),
                             padding,
                             flip};
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t pixel = 0; pixel < pixels; ++pixel) kernel(row, pixel);
  }
  return out;
}

// The source line of every place of a padded line: "padding" mirrored places, the line, and again.
// Built as numpy.pad(mode="reflect") describes it, by walking back and forth.
std::vector<std::int64_t> padded_line(std::int64_t size, std::int64_t padding) {
  std::vector<std::int64_t> line;
  for (std::int64_t i = padding; i > 0; --i) line.push_back(i);
  for (std::int64_t i = 0; i < size; ++i) line.push_back(i);
  for (std::int64_t i = 0; i < padding; ++i) line.push_back(size - 2 - i);
  return line;
}

// Pads, crops at (top, left), then mirrors.
std::vector<float> naive(const Images& images, std::int64_t example, int padding, std::uint32_t top,
                         std::uint32_t left, bool mirrored) {
  const std::vector<std::int64_t> lines = padded_line(images.height, padding);
  const std::vector<std::int64_t> columns = padded_line(images.width, padding);
  std::vector<float> out;
  for (std::int64_t y = 0; y < images.height; ++y) {
    std::vector<std::int64_t> from(columns.begin() + left, columns.begin() + left + images.width);
    if (mirrored) std::reverse(from.begin(), from.end());
    for (std::int64_t x : from) {
      const std::int64_t line = lines[static_cast<std::size_t>(y + top)];
      for (std::int64_t c = 0; c < images.channels; ++c) {
        const std::int64_t at =
            ((example * images.height + line) * images.width + x) * images.channels + c;
        out.push_back(static_cast<float>(images.pixels[static_cast<std::size_t>(at)]) / 255.f);
      }
    }
  }
  return out;
}

TEST(reflect, of_a_ramp_padded_by_4_repeats_no_edge) {
  std::vector<std::int64_t> got;
  for (std::int64_t i = -4; i < 36; ++i) got.push_back(reflect(i, 32));

  EXPECT_EQ(got, padded_line(32, 4));
  EXPECT_EQ(std::vector<std::int64_t>(got.begin(), got.begin() + 6),
            (std::vector<std::int64_t>{4, 3, 2, 1, 0, 1}));
  EXPECT_EQ(std::vector<std::int64_t>(got.end() - 5, got.end()),
            (std::vector<std::int64_t>{31, 30, 29, 28, 27}));
}

TEST(bytes_to_images, without_augmentation_are_the_bytes_over_255) {
  const Images images = made_images(3, 5, 7, 3);

  EXPECT_EQ(run(images, {2, 0, 2}, Stream{1, Purpose::crop_and_flip, 0}, 0, 0).size(), 3u * 105u);
  EXPECT_EQ(run(images, {2}, Stream{1, Purpose::crop_and_flip, 0}, 0, 0),
            naive(images, 2, 0, 0, 0, false));
}

// Draws seeds until every (top, left, mirrored) has come, and checks the first image of each.
void expect_every_crop(const Images& images, int padding) {
  const std::uint32_t offsets = 2u * static_cast<std::uint32_t>(padding) + 1;
  std::map<std::tuple<std::uint32_t, std::uint32_t, bool>, int> seen;
  for (std::uint64_t seed = 0; seed < 5000 && seen.size() < 2 * offsets * offsets; ++seed) {
    const Stream stream{seed, Purpose::crop_and_flip, 9};
    const Random4 bits = stream.bits(1, 0);
    const std::uint32_t top = uniform_below(bits.v[0], offsets),
                        left = uniform_below(bits.v[1], offsets);
    const bool mirrored = bits.v[2] & 1u;
    if (seen[{top, left, mirrored}]++ > 0) continue;
    ASSERT_EQ(run(images, {1}, stream, padding, 1), naive(images, 1, padding, top, left, mirrored))
        << "top " << top << ", left " << left << (mirrored ? ", mirrored" : "");
  }
  EXPECT_EQ(seen.size(), 2 * offsets * offsets);
}

TEST(bytes_to_images, equal_the_padded_cropped_and_mirrored_image_for_all_162_crops_of_cifar) {
  expect_every_crop(made_images(2, 32, 32, 3), 4);
}

TEST(bytes_to_images, equal_the_padded_cropped_and_mirrored_image_where_it_is_not_square) {
  expect_every_crop(made_images(2, 5, 7, 1), 3);
}

TEST(bytes_to_images, show_an_example_alike_wherever_it_stands_in_a_batch) {
  const Images images = made_images(5, 5, 7, 3);
  const Stream stream{4, Purpose::crop_and_flip, 2};

  const std::vector<float> batch = run(images, {3, 1, 4, 3}, stream, 2, 1);

  const auto size = images.size();
  const std::vector<float> alone = run(images, {3}, stream, 2, 1);
  EXPECT_EQ(std::vector<float>(batch.begin(), batch.begin() + size), alone);
  EXPECT_EQ(std::vector<float>(batch.end() - size, batch.end()), alone);
}

TEST(bytes_to_images, with_flip_alone_mirror_about_half_of_the_examples) {
  const Images images = made_images(1000, 1, 2, 1);
  std::vector<std::int32_t> example(1000);
  std::iota(example.begin(), example.end(), 0);

  const std::vector<float> plain = run(images, example, Stream{1, Purpose::crop_and_flip, 0}, 0, 0);
  const std::vector<float> flipped =
      run(images, example, Stream{1, Purpose::crop_and_flip, 0}, 0, 1);

  int mirrored = 0, distinct = 0;
  for (std::size_t i = 0; i < 2000; i += 2) {
    if (plain[i] == plain[i + 1]) continue;
    ++distinct;
    const bool swapped = flipped[i] == plain[i + 1] && flipped[i + 1] == plain[i];
    EXPECT_TRUE(swapped || (flipped[i] == plain[i] && flipped[i + 1] == plain[i + 1]))
        << "example " << i / 2;
    mirrored += swapped;
  }
  expect_near(mirrored, distinct / 2., 4 * std::sqrt(distinct / 4.),
              "mirrored");  // 4 standard deviations
}

TEST(rescale_images, takes_the_scale_and_shift_of_image_and_channel_and_stays_in_the_range) {
  std::vector<float> images = {0.f, 0.5f, 1.f, 0.25f, 0.5f,  0.75f,   // image 0, pixels 0 and 1
                               0.f, 0.5f, 1.f, 0.25f, 0.25f, 0.25f};  // image 1
  const std::vector<float> scale = {0.5f, 1.f, 2.f, 1.f, 0.f, -1.f},
                           shift = {0.25f, 0.f, -0.5f, 0.5f, 0.125f, 1.f};
  const RescaleImages kernel{view(images), view(scale), view(shift), 6, 3};

  for (std::int64_t row = 0; row < 2; ++row) {
    for (std::int64_t column = 0; column < 6; ++column) kernel(row, column);
  }

  EXPECT_EQ(images, (std::vector<float>{0.25f, 0.5f, 1.f, 0.375f, 0.5f, 1.f,  //
                                        0.5f, 0.125f, 0.f, 0.75f, 0.125f, 0.75f}));
}

}  // namespace
}  // namespace saddle
