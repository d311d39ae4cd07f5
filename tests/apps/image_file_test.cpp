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

// rows of 3 x 2 pixels, 10, 20, 30, ... 180; lossless
const Pixels kRamp{10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120, 130, 140, 150, 160, 170, 180};

Blob bmp_of(int height, int width, const Pixels& pixels) {
  Blob blob;
  EXPECT_NE(stbi_write_bmp_to_func(append_bytes, &blob, width, height, 3, pixels.data()), 0);
  return blob;
}

Blob u32(std::int64_t value) {
  Blob blob;
  for (int i = 0; i < 4; ++i) blob.push_back(static_cast<std::byte>(value >> 8 * i & 0xff));
  return blob;
}

// 8 bits a pixel and a palette of the given colours, each "blue green red 0".
Blob palette_bmp(std::int64_t height, std::int64_t width, const std::string& palette,
                 const std::string& rows) {
  const auto colours = static_cast<std::int64_t>(palette.size() / 8);
  return bytes_of("BM") + u32(0) + u32(0) + u32(54 + 4 * colours) + u32(40) + u32(width) +
         u32(height) + bytes_of_hex("01000800") + u32(0) + u32(0) + u32(0) + u32(0) + u32(colours) +
         u32(0) + bytes_of_hex(palette) + bytes_of_hex(rows);
}

TEST(ImageFile, bmp_keeps_every_byte) {
  const Image image = decode(bmp_of(2, 3, kRamp));

  EXPECT_EQ(image.height, 2);
  EXPECT_EQ(image.width, 3);
  EXPECT_EQ(image.pixels, kRamp);
}

TEST(ImageFile, bmp_with_a_palette_is_read_from_either_end) {
  const std::string palette = "0300000000050000", rows =
                                                      "00000000"
                                                      "01000000";

  EXPECT_EQ(decode(palette_bmp(2, 1, palette, rows)).pixels, (Pixels{0, 5, 0, 0, 0, 3}));
  EXPECT_EQ(decode(palette_bmp(-2, 1, palette, rows)).pixels, (Pixels{0, 0, 3, 0, 5, 0}));
}

// Memory that nobody wrote would differ from run to run.
TEST(ImageFile, bmp_pixel_beyond_the_palette_is_black) {
  std::vector<std::uint8_t> disturbed(1 << 16, 0xa5);
  const Blob bmp = palette_bmp(1, 2, "ff000000", "00c80000");

  EXPECT_EQ(decode(bmp).pixels, (Pixels{0, 0, 255, 0, 0, 0}));
}

TEST(ImageFile, bmp_that_is_not_all_there_or_not_read_is_refused) {
  const Blob bmp = bmp_of(2, 3, kRamp), small = palette_bmp(1, 2, "ff000000", "0000");

  for (std::size_t missing = 4; missing <= bmp.size(); ++missing)  // the last row's padding may go
    EXPECT_THROW(decode(without_last(missing, bmp)), Error) << missing << " bytes missing";
  EXPECT_THROW(decode(without_last(1, small)), Error);
  Blob header = bmp, huge = bmp, negative = bmp, bits = bmp;
  header[14] = std::byte{12};
  huge[19] = huge[23] = std::byte{0x3f};
  negative[25] = std::byte{0x80};
  bits[28] = std::byte{7};
  expect_error("set: file is a BMP with a header of 12 bytes", [&] { decode(header); });
  expect_error("set: file has 16131 x 16130 pixels, more than", [&] { decode(huge); });
  expect_error("pixels, more than 16384 a side", [&] { decode(negative); });
  expect_error("set: file is a damaged BMP: 7 bits a pixel", [&] { decode(bits); });
}

bool reads_webp() { return std::ranges::count(image_endings(), ".webp") > 0; }

constexpr const char* kWebp =
    "5249464630000000574542505650384c230000002f024000002f20164c2476e7ef99c4153cea31ffc91a6ada366043"
    "9d7f3935a2ff31bd00";
// The same with Exif data: orientation 6.
constexpr const char* kTurnedWebp =
    "524946466400000057454250565038580a000000080000000200000100005650384c230000002f024000002f20164c"
    "2476e7ef99c4153cea31ffc91a6ada3660439d7f3935a2ff31bd00455849461a0000004d4d002a0000000800010112"
    "0003000000010006000000000000";
constexpr const char* kAnimatedWebp =
    "52494646b400000057454250565038580a00000012000000020000010000414e494d06000000000000000000414e4d"
    "463c0000000000000000000200000100000a0000025650384c230000002f024000002f20164c2476e7ef99c4153cea"
    "31ffc91a6ada3660439d7f3935a2ff31bd00414e4d46440000000000000000000200000100000a0000005650384c2b"
    "0000002f02400010272024205346c89610129029d9084b0804523c4924cf7f40d45ff10381a42ddef647f43ff2030"
    "0";

TEST(ImageFile, webp_is_read_where_the_build_has_a_decoder) {
  if (!reads_webp()) {
    expect_error("is a WebP, which this build does not read", [] { decode(bytes_of_hex(kWebp)); });
    return;
  }
  EXPECT_EQ(decode(bytes_of_hex(kWebp)).pixels, kRamp);
  EXPECT_EQ(decode(bytes_of_hex(kWebp)).orientation, 1);
  EXPECT_EQ(decode(bytes_of_hex(kTurnedWebp)).pixels, kRamp) << "as stored";
  EXPECT_EQ(decode(bytes_of_hex(kTurnedWebp)).orientation, 6);
  expect_error("is an animated WebP", [] { decode(bytes_of_hex(kAnimatedWebp)); });
  const Blob webp = bytes_of_hex(kWebp);
  for (std::size_t missing = 2; missing <= webp.size(); ++missing)  // the last byte is padding
    EXPECT_THROW(decode(without_last(missing, webp)), Error) << missing << " bytes missing";
}

// Plain cyan: Adobe stores ink inverted.
Blob cmyk_jpeg() {
  return bytes_of_hex(
      "ffd8ffee000e41646f626500640000000000ffdb0043000302020302020303030304030304050805050404050a07"
      "07"
      "06080c0a0c0c0b0a0b0b0d0e12100d0e110e0b0b1016101113141515150c0f171816141812141514ffc000140800"
      "08"
      "0008044311004d11005911004b1100ffc40014000100000000000000000000000000000009ffc400141001000000"
      "00"
      "000000000000000000000000ffda000e0443004d0059004b00003f002a8a99532a6fffd9");
}

TEST(ImageFile, cmyk_jpeg_is_read_with_adobes_marker_and_refused_without) {
  const Blob jpeg = cmyk_jpeg();
  Blob unmarked(jpeg.begin(), jpeg.begin() + 2), odd = jpeg;
  unmarked.insert(unmarked.end(), jpeg.begin() + 18, jpeg.end());
  odd[17] = std::byte{1};  // YCbCr, which has three components

  const Pixels pixels = decode(jpeg).pixels;
  EXPECT_NEAR(pixels[0], 0, 2);
  EXPECT_NEAR(pixels[1], 255, 2);
  EXPECT_NEAR(pixels[2], 255, 2);
  expect_error("set: file is a JPEG of 4 components (CMYK) without the Adobe marker",
               [&] { decode(unmarked); });
  expect_error("4 components (CMYK)", [&] { decode(odd); });
}

TEST(ImageFile, orientation_is_told_and_not_applied) {
  const Blob jpeg = jpeg_of(8, 8, plain(8, 8, 10, 20, 30));
  const Image turned = decode(with_exif(jpeg, exif_of(6)));

  EXPECT_EQ(turned.orientation, 6);
  EXPECT_EQ(turned.pixels, decode(jpeg).pixels);
  EXPECT_EQ(decode(jpeg).orientation, 1);
  EXPECT_EQ(centre_square(turned, 4).orientation, 6);
  // 3 x 2 pixels with an eXIf chunk, big-endian.
  const Blob png = bytes_of_hex(
      "89504e470d0a1a0a0000000d49484452000000030000000208020000001216f14d0000001a655849664d4d002a00"
      "00"
      "0008000101120003000000010006000000000000d6674b690000001349444154789c63e41291830096a8a828080b"
      "00"
      "18d802b839d0d4a00000000049454e44ae426082");
  EXPECT_EQ(decode(png).orientation, 6);
}

TEST(ImageFile, orientation_that_is_no_sound_exif_is_none) {
  const Blob jpeg = grey_jpeg(), exif = exif_of(8);

  for (const int value : {0, 9, 255})
    EXPECT_EQ(decode(with_exif(jpeg, exif_of(value))).orientation, 1) << value;
  for (std::size_t missing = 1; missing <= exif.size(); ++missing) {
    const int found = decode(with_exif(jpeg, without_last(missing, exif))).orientation;
    EXPECT_EQ(found, missing <= 4 ? 8 : 1) << missing << " bytes missing";
  }
  Blob far = exif, many = exif;
  far[4] = far[5] = far[6] = far[7] = std::byte{0xff};
  many[8] = many[9] = std::byte{0xff};
  many[10] = std::byte{0};
  EXPECT_EQ(decode(with_exif(jpeg, far)).orientation, 1);
  EXPECT_EQ(decode(with_exif(jpeg, many)).orientation, 1);
}

TEST(ImageFile, luma_leaves_grey_as_it_is) {
  for (int value = 0; value < 256; ++value) {
    const auto grey = static_cast<std::uint8_t>(value);
    EXPECT_EQ(luma_of({1, 1, {grey, grey, grey}}), (Pixels{grey}));
  }
  // As Pillow's convert("L").
  EXPECT_EQ(luma_of({1, 4, {255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30}}),
            (Pixels{76, 150, 29, 18}));
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

  expect_error("set: file is not a PNG, JPEG, BMP or WebP file",
               [] { decode(bytes_of("GIF89a")); });
  expect_error("set: file is not a PNG, JPEG, BMP or WebP file", [] { decode({}); });
  expect_error("set: file is a PNG cut short at byte ",
               [] { decode(without_last(9, png_of(1, 1, 1, {0}))); });
  expect_error("set: file is a damaged PNG: wrong checksum of the chunk at byte 33",
               [&] { decode(png); });
  expect_error("set: file is a damaged JPEG: ", [] { decode(without_last(20, grey_jpeg())); });
}

// Only the header says how large it is: nothing of that size is allocated.
TEST(ImageFile, huge_sizes_are_refused_before_decoding) {
  Blob jpeg = grey_jpeg();
  const auto frame = jpeg.begin() + (find(jpeg, "\xff\xc0") - jpeg.begin());
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

// stb_image goes on with zeros where a scan ends early, be it within a number.
TEST(ImageFile, jpeg_of_a_scan_that_ends_early_decodes_the_same_each_time_or_is_refused) {
  // Each block of 8 x 8 half black, half white: numbers of 10 bits behind codes of 16.
  Pixels halves;
  for (std::uint32_t i = 0; i < 64 * 64; ++i)
    halves.insert(halves.end(), 3, (i / 512 * 8 + i / 4 % 16) * 2654435761U >> 31 ? 255 : 0);
  const Blob jpeg = jpeg_of(64, 64, halves);
  const auto data = find(jpeg, "\xff\xda") - jpeg.begin() + 14;
  const auto decoded = [](const Blob& file) {
    try {
      return decode(file).pixels;
    } catch (const Error&) {
      return Pixels{};
    }
  };

  int pictures = 0;
  for (auto end = data; end < std::ssize(jpeg) - 2; ++end) {
    const Blob cut = Blob(jpeg.begin(), jpeg.begin() + end) + bytes_of("\xff\xd9");
    const Pixels once = decoded(cut);
    EXPECT_EQ(decoded(cut), once) << "after " << end - data << " bytes";
    pictures += !once.empty();
  }
  EXPECT_GT(pictures, 0);
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
