// The idx parser: what it reads, and every way a file can lie to it.
#include "apps/data/idx.h"

#include "tests/apps/data_files.h"

namespace saddle {
namespace {

constexpr std::uint32_t kImages = 2051, kLabels = 2049;

// Two images of 3 x 5 pixels, the bytes 7, 8, 9, ...
Blob small_images() { return idx_header(kImages, {2, 3, 5}) + ramp(30, 7, 1); }

Blob small_labels() { return idx_header(kLabels, {3}) + bytes_of({0, 9, 4}); }

void expect_images_error(const std::string& part, const Blob& bytes) {
  expect_error(part, [&] { parse_idx_images(bytes, "mnist: images"); });
}

void expect_labels_error(const std::string& part, const Blob& bytes) {
  expect_error(part, [&] { parse_idx_labels(bytes, 10, "mnist: labels"); });
}

void expect_small_images(const IdxImages& images) {
  EXPECT_EQ(images.count, 2);
  EXPECT_EQ(images.height, 3);
  EXPECT_EQ(images.width, 5);
  ASSERT_EQ(images.pixels.size(), 30u);
  EXPECT_EQ(images.pixels[0], 7);                        // image 0, row 0, column 0
  EXPECT_EQ(images.pixels[1 * 15 + 2 * 5 + 4], 7 + 29);  // image 1, row 2, column 4
}

TEST(Idx, plain_images_keep_their_pixel_positions) {
  expect_small_images(parse_idx_images(small_images(), "images"));
}

TEST(Idx, compressed_images_equal_the_plain_ones) {
  expect_small_images(parse_idx_images(gzip(small_images()), "images"));
}

TEST(Idx, images_larger_than_one_chunk_of_inflate_are_whole) {
  const Blob pixels = ramp(300 * 28 * 28, 3, 7);

  const IdxImages images =
      parse_idx_images(gzip(idx_header(kImages, {300, 28, 28}) + pixels), "images");

  ASSERT_EQ(images.pixels.size(), pixels.size());
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    ASSERT_EQ(images.pixels[i], std::to_integer<int>(pixels[i])) << "pixel " << i;
  }
}

TEST(Idx, labels_are_read_plain_and_compressed) {
  const std::vector<std::int32_t> expected{0, 9, 4};

  EXPECT_EQ(parse_idx_labels(small_labels(), 10, "labels"), expected);
  EXPECT_EQ(parse_idx_labels(gzip(small_labels()), 10, "labels"), expected);
}

TEST(Idx, empty_file_is_an_error) {
  expect_images_error("mnist: images is 0 bytes, too few for the 16 of its header", {});
  expect_labels_error("mnist: labels is 0 bytes, too few for the 8 of its header", {});
}

TEST(Idx, header_alone_or_cut_is_an_error) {
  expect_images_error("is 15 bytes, too few for the 16", without_last(31, small_images()));
  expect_images_error("is 16 bytes, expected 46", without_last(30, small_images()));
}

TEST(Idx, missing_and_surplus_bytes_are_errors_with_both_sizes) {
  expect_images_error("is 45 bytes, expected 46", without_last(1, small_images()));
  expect_images_error("is 47 bytes, expected 46", small_images() + Blob(1));
  expect_labels_error("is 10 bytes, expected 11", without_last(1, small_labels()));
  expect_labels_error("is 12 bytes, expected 11", small_labels() + Blob(1));
}

TEST(Idx, missing_and_surplus_bytes_inside_gzip_are_errors) {
  expect_images_error("is 45 bytes when decompressed, expected 46",
                      gzip(without_last(1, small_images())));
  expect_images_error("decompresses to more than the 46 bytes", gzip(small_images() + Blob(1)));
  expect_images_error("is 0 bytes, too few for the 16 of its header", gzip({}));
}

TEST(Idx, labels_in_place_of_images_are_named_by_their_magic_number) {
  expect_images_error("begins with magic number 2049, expected 2051 (images)",
                      small_labels() + Blob(9));
  expect_labels_error("begins with magic number 2051, expected 2049 (labels)", small_images());
  expect_images_error("begins with magic number 50855936, expected 2051",
                      idx_header(0x03080000, {2, 3, 5}) + ramp(30, 7, 1));  // little-endian
}

TEST(Idx, other_element_type_is_named) {
  expect_images_error("holds elements of type 13 at byte 2, expected 8",
                      idx_header(0x00000d03, {2, 3, 5}) + Blob(120));
}

TEST(Idx, label_out_of_range_is_named_with_its_offset) {
  expect_labels_error("has label 10 at byte 9, expected 0 to 9",
                      idx_header(kLabels, {3}) + bytes_of({0, 10, 4}));
  expect_labels_error("has label 255 at byte 10", idx_header(kLabels, {3}) + bytes_of("\1\2\xff"));
}

TEST(Idx, extent_of_zero_is_an_error_even_beside_a_huge_one) {
  expect_images_error("declares an extent of 0 at byte 4", idx_header(kImages, {0, 28, 28}));
  expect_images_error("declares an extent of 0 at byte 8",
                      idx_header(kImages, {50'000'000, 0, 0xffffffff}));
}

TEST(Idx, huge_extents_in_a_small_file_are_refused_before_any_allocation) {
  const std::uint32_t most = 0xffffffff;

  expect_images_error("declares over 67108864 bytes", idx_header(kImages, {most, most, most}));
  // 2^22 * 2^21 * 2^21 = 2^64, which is 0 in 64 bits.
  expect_images_error("declares over 67108864 bytes",
                      idx_header(kImages, {1u << 22, 1u << 21, 1u << 21}));
  expect_images_error("declares over 67108864 bytes", gzip(idx_header(kImages, {most, 1, 1})));
  // Within the format's bound, but not there.
  expect_images_error("is 16 bytes, expected 47040016", idx_header(kImages, {60000, 28, 28}));
  expect_images_error("is 16 bytes when decompressed, expected 47040016",
                      gzip(idx_header(kImages, {60000, 28, 28})));
}

TEST(Idx, gzip_bomb_is_stopped_at_the_size_its_header_declares) {
  const Blob bomb = gzip(small_images() + Blob(std::size_t{100} << 20));

  EXPECT_LT(bomb.size(), 200'000u);
  expect_images_error("decompresses to more than the 46 bytes its header declares", bomb);
}

TEST(Idx, flipped_bit_of_the_crc_is_an_error) {
  Blob bytes = gzip(small_images());
  bytes[bytes.size() - 8] ^= std::byte{1};  // CRC-32 stands before the length, 4 bytes each

  expect_images_error("is a damaged gzip file (incorrect data check", bytes);
}

TEST(Idx, wrong_length_in_the_gzip_trailer_is_an_error) {
  Blob bytes = gzip(small_images());
  bytes[bytes.size() - 4] ^= std::byte{1};

  expect_images_error("is a damaged gzip file (incorrect length check", bytes);
}

TEST(Idx, truncated_gzip_is_an_error_at_every_length) {
  const Blob whole = gzip(small_images());

  for (std::size_t size = 2; size < whole.size(); ++size) {
    SCOPED_TRACE(size);
    expect_images_error("ends inside its gzip stream", without_last(whole.size() - size, whole));
  }
}

TEST(Idx, second_gzip_member_or_garbage_after_the_first_is_an_error) {
  const Blob member = gzip(small_images());

  const std::size_t size = member.size();

  expect_images_error(
      text("has ", size, " surplus bytes after its gzip stream, from byte ", size, "."),
      member + member);
  expect_images_error("has 1 surplus bytes after its gzip stream", member + Blob(1));
}

TEST(Idx, file_over_the_bound_of_the_format_is_an_error) {
  expect_images_error("is 67108865 bytes, expected at most 67108864", Blob(kMaxIdxBytes + 1));
}

// Every bit of a compressed file flipped: an error, or (in header fields such as the time stamp,
// which carry nothing) the same pixels. Never other pixels.
TEST(Idx, flipped_bit_of_a_compressed_file_never_changes_a_pixel) {
  const Blob whole = gzip(small_images());
  const IdxImages expected = parse_idx_images(whole, "images");

  for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
    Blob bytes = whole;
    bytes[bit / 8] ^= std::byte(1u << bit % 8);
    try {
      EXPECT_EQ(parse_idx_images(bytes, "images").pixels, expected.pixels) << "bit " << bit;
    } catch (const Error&) {
      // refused: right
    }
  }
}

}  // namespace
}  // namespace saddle
