// decode_image and centre_square: what comes out of sound files, and that the others are refused.
#include "apps/data/image_file.h"

#include <algorithm>

#include "tests/apps/image_files.h"

namespace saddle {
namespace {

using Pixels = std::vector<std::uint8_t>;

Image decode(const Blob& blob) { return decode_image(blob, "set: file"); }

Blob::const_iterator find(const Blob& jpeg, const std::string& marker) {
  const Blob bytes = bytes_of(marker);
  return std::search(jpeg.begin(), jpeg.end(), bytes.begin(), bytes.end());
}

TEST(ImageFile, png_keeps_every_byte) {
  Pixels pixels;
  for (int i = 0; i < 3 * 5 * 3; ++i) pixels.push_back(static_cast<std::uint8_t>(i * 17 % 251));

  const Image image = decode(png_of(3, 5, 3, pixels));

  EXPECT_EQ(image.height, 3);
  EXPECT_EQ(image.width, 5);
  EXPECT_EQ(image.pixels, pixels);
}

TEST(ImageFile, grey_becomes_three_equal_channels) {
  EXPECT_EQ(decode(png_of(1, 2, 1, {7, 200})).pixels, (Pixels{7, 7, 7, 200, 200, 200}));
}

TEST(ImageFile, transparency_is_dropped) {
  EXPECT_EQ(decode(png_of(1, 2, 4, {1, 2, 3, 0, 4, 5, 6, 99})).pixels, (Pixels{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(decode(png_of(1, 1, 2, {9, 0})).pixels, (Pixels{9, 9, 9}));
}

TEST(ImageFile, grey_jpeg_decodes_to_what_other_decoders_give) {
  const Image image = decode(grey_jpeg());

  ASSERT_EQ(image.pixels.size(), 3u * 8 * 8);
  const Pixels row{0, 30, 60, 91, 119, 150, 180, 210};  // libjpeg-turbo; decoders may differ by 1
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    EXPECT_NEAR(image.pixels[i], row[i / 3 % 8], 1) << "byte " << i;
}

TEST(ImageFile, colour_jpeg_has_red_first) {
  const Image image = decode(jpeg_of(16, 8, plain(16, 8, 250, 40, 100)));

  ASSERT_EQ(image.height, 16);
  ASSERT_EQ(image.width, 8);
  EXPECT_NEAR(image.pixels[0], 250, 3);
  EXPECT_NEAR(image.pixels[1], 40, 3);
  EXPECT_NEAR(image.pixels[2], 100, 3);
}

TEST(ImageFile, every_truncated_file_is_an_error) {
  const Blob png = png_of(2, 2, 3, Pixels(12, 5)), jpeg = grey_jpeg();

  for (std::size_t missing = 1; missing <= png.size(); ++missing)
    EXPECT_THROW(decode(without_last(missing, png)), Error)
        << missing << " bytes of the PNG missing";
  for (std::size_t missing = 1; missing <= jpeg.size(); ++missing)
    EXPECT_THROW(decode(without_last(missing, jpeg)), Error) << missing << " of the JPEG missing";
}

TEST(ImageFile, every_flipped_bit_of_a_png_is_an_error) {
  const Blob png = png_of(2, 2, 3, Pixels(12, 5));

  for (std::size_t bit = 0; bit < 8 * png.size(); ++bit) {
    Blob damaged = png;
    damaged[bit / 8] ^= std::byte(1 << bit % 8);
    EXPECT_THROW(decode(damaged), Error) << "bit " << bit;
  }
}

TEST(ImageFile, message_names_the_file_and_what_is_wrong) {
  Blob png = png_of(2, 2, 3, Pixels(12, 5));
  png[45] ^= std::byte{1};

  expect_error("set: file is neither PNG nor JPEG", [] { decode(bytes_of("GIF89a")); });
  expect_error("set: file is neither PNG nor JPEG", [] { decode({}); });
  expect_error("set: file is a PNG cut short at byte ",
               [] { decode(without_last(9, png_of(1, 1, 1, {0}))); });
  expect_error("set: file is a damaged PNG: wrong checksum of the chunk at byte 33",
               [&] { decode(png); });
  expect_error("set: file is a damaged JPEG: ", [] { decode(without_last(20, grey_jpeg())); });
}

// Only the header says how large it is: nothing of that size is allocated.
TEST(ImageFile, huge_sizes_are_refused_before_decoding) {
  Blob jpeg = grey_jpeg();
  const auto frame = std::ranges::search(jpeg, bytes_of("\xff\xc0")).begin();
  for (int i = 5; i < 9; ++i) frame[i] = std::byte{0x3f};  // 16191 x 16191

  expect_error("set: file has 16191 x 16191 pixels, more than 16384 a side or 67108864 in all",
               [&] { decode(jpeg); });
}

TEST(ImageFile, jpeg_of_countless_scans_is_refused_before_decoding) {
  const Blob jpeg = grey_jpeg();
  const auto scan = find(jpeg, "\xff\xda");
  Blob many(jpeg.begin(), jpeg.end() - 2);
  for (int i = 0; i < 100; ++i) many.insert(many.end(), scan, jpeg.end() - 2);

  expect_error("set: file is a JPEG of more than 100 scans",
               [&] { decode(many + bytes_of("\xff\xd9")); });
}

TEST(ImageFile, huffman_table_of_too_many_codes_is_refused) {
  Blob jpeg = grey_jpeg();
  const auto table = jpeg.begin() + (find(jpeg, "\xff\xc4") - jpeg.begin());
  table[5] = table[6] = std::byte{0xff};

  expect_error("set: file is a damaged JPEG: a Huffman table has 51", [&] { decode(jpeg); });
}

// stb_image does not notice; what it then reads must at least be the same bytes each time.
TEST(ImageFile, jpeg_that_uses_an_undefined_huffman_table_decodes_the_same_each_time) {
  Blob jpeg = grey_jpeg();
  const auto first = find(jpeg, "\xff\xc4"), scan = find(jpeg, "\xff\xda");
  const Blob rest(first + 2, jpeg.cend());
  const auto second = find(rest, "\xff\xc4") - rest.begin();
  ASSERT_LT(second, scan - first - 2) << "two tables were expected in two segments";
  const auto begin = jpeg.begin() + (first - jpeg.cbegin()) + 2 + second;
  jpeg.erase(begin, jpeg.begin() + (scan - jpeg.cbegin()));

  std::vector<std::uint8_t> disturbed(1 << 16, 0xa5);  // what free memory may hold
  const auto once = decode(jpeg).pixels;
  disturbed.assign(1 << 16, 0x5a);
  EXPECT_EQ(decode(jpeg).pixels, once);
}

TEST(ImageFile, what_a_camera_adds_to_a_jpeg_changes_nothing) {
  const Blob jpeg = grey_jpeg();
  Blob with(jpeg.begin(), jpeg.begin() + 2);
  with = with + bytes_of(std::string("\xff\xe1\x00\x06\xff\xc4\x00\x01", 8)) +
         Blob(jpeg.begin() + 2, jpeg.end()) + bytes_of("more");

  EXPECT_EQ(decode(with).pixels, decode(jpeg).pixels);
}

Image image_of(std::int64_t height, std::int64_t width, const Pixels& grey) {
  Image image{height, width, {}};
  for (const std::uint8_t value : grey) image.pixels.insert(image.pixels.end(), 3, value);
  return image;
}

TEST(CentreSquare, of_the_same_size_is_a_crop) {
  EXPECT_EQ(centre_square(image_of(1, 4, {1, 2, 3, 4}), 1).pixels, (Pixels{2, 2, 2}));
  EXPECT_EQ(centre_square(image_of(5, 2, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}), 2).pixels,
            image_of(2, 2, {2, 3, 4, 5}).pixels);
}

TEST(CentreSquare, shrinks_by_the_mean_over_each_area) {
  const Image image = image_of(4, 4,
                               {0, 10, 100, 200, 20, 30, 60, 40,  //
                                8, 8, 255, 255, 8, 8, 255, 255});

  EXPECT_EQ(centre_square(image, 2).pixels, image_of(2, 2, {15, 100, 8, 255}).pixels);
}

TEST(CentreSquare, grows_bilinearly) {
  const Image image = image_of(2, 2, {0, 200, 0, 200});

  // Centres of the four new columns lie at -1/4, 1/4, 3/4, 5/4 of the old.
  EXPECT_EQ(
      centre_square(image, 4).pixels,
      image_of(4, 4, {0, 50, 150, 200, 0, 50, 150, 200, 0, 50, 150, 200, 0, 50, 150, 200}).pixels);
}

TEST(CentreSquare, keeps_a_plain_image_plain_at_any_size) {
  for (const std::int64_t from : {1, 3, 7, 64, 101}) {
    for (const std::int64_t to : {1, 2, 5, 32, 97}) {
      const Image image =
          image_of(from, from + 2, Pixels(static_cast<std::size_t>(from * (from + 2)), 77));
      EXPECT_EQ(centre_square(image, to).pixels, Pixels(static_cast<std::size_t>(3 * to * to), 77))
          << from << " to " << to;
    }
  }
}

}  // namespace
}  // namespace saddle
