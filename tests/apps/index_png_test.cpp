// PNGs of numbers: read back, by the reader of label masks and by stb, they are what was written.
#include <gtest/gtest.h>

#include <vector>

#include "apps/common/png.h"
#include "apps/data/image_file.h"
#include "apps/data/label_png.h"
#include "core/file.h"
#include "tests/apps/data_files.h"

namespace saddle {
namespace {

using Numbers = std::vector<std::uint8_t>;

// Number n is the colour n, 255 - n, 7.
std::vector<Colour> colours(int count) {
  std::vector<Colour> palette;
  for (int n = 0; n < count; ++n)
    palette.push_back({static_cast<std::uint8_t>(n), static_cast<std::uint8_t>(255 - n), 7});
  return palette;
}

Numbers numbers_below(std::int64_t count, int bound) {
  Numbers numbers;
  for (std::int64_t i = 0; i < count; ++i)
    numbers.push_back(static_cast<std::uint8_t>((i * i * 31 + i * 7 + bound - 1) % bound));
  return numbers;
}

void expect_read_back(std::int64_t height, std::int64_t width, int colour_count) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "mask.png";
  const Numbers numbers = numbers_below(height * width, colour_count);

  write_index_png(path, width, height, numbers, colours(colour_count));

  const std::vector<std::byte> bytes = read_file(path, 1 << 22);
  const LabelImage labels = decode_label_png(bytes, "mask.png");
  EXPECT_EQ(labels.height, height);
  EXPECT_EQ(labels.width, width);
  EXPECT_EQ(labels.labels, numbers);
  const Image shown = decode_image(bytes, "mask.png");
  Numbers expected;
  for (const std::uint8_t n : numbers)
    expected.insert(expected.end(), {n, static_cast<std::uint8_t>(255 - n), 7});
  EXPECT_EQ(shown.pixels, expected);
}

TEST(WriteIndexPng, is_read_back_in_any_size) {
  expect_read_back(1, 1, 1);
  expect_read_back(1, 7, 3);
  expect_read_back(7, 1, 3);
  expect_read_back(3, 5, 2);
  expect_read_back(33, 31, 21);
  expect_read_back(300, 257, 11);
}

TEST(WriteIndexPng, is_read_back_up_to_the_number_255) {
  expect_read_back(16, 17, 255);
  expect_read_back(16, 17, 256);
}

TEST(WriteIndexPng, is_read_back_where_nothing_can_be_deflated) {
  // 200 000 random bytes: longer than deflate's window and its blocks.
  const TemporaryDirectory directory;
  const auto path = directory.path() / "mask.png";
  Numbers numbers;
  std::uint32_t word = 1;
  for (int i = 0; i < 400 * 500; ++i) {
    word = word * 1664525u + 1013904223u;
    numbers.push_back(static_cast<std::uint8_t>(word >> 24));
  }

  write_index_png(path, 500, 400, numbers, colours(256));

  EXPECT_EQ(decode_label_png(read_file(path, 1 << 22), "mask.png").labels, numbers);
}

TEST(WriteIndexPng, refuses_a_number_without_a_colour) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "mask.png";

  expect_error("3 colours", [&] { write_index_png(path, 2, 1, Numbers{0, 3}, colours(3)); });
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(WriteIndexPng, refuses_sizes_that_do_not_fit) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "mask.png";

  expect_error("3 numbers are no picture of 2 x 2 pixels", [&] {
    write_index_png(path, 2, 2, Numbers{0, 0, 0}, colours(1));
  });
  expect_error("no picture of 0 x 1", [&] { write_index_png(path, 0, 1, {}, colours(1)); });
  expect_error("in 0 colours", [&] { write_index_png(path, 1, 1, Numbers{0}, {}); });
  expect_error("in 257 colours", [&] { write_index_png(path, 1, 1, Numbers{0}, colours(257)); });
}

}  // namespace
}  // namespace saddle
