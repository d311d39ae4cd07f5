// decode_label_png: the number of every pixel, in every way that a PNG holds it.
#include "apps/data/label_png.h"

#include "tests/apps/image_files.h"
#include "tests/apps/label_pngs.h"
#include "tests/support/png_checksums.h"

namespace saddle {
namespace {

LabelImage decode_labels(const Blob& blob) { return decode_label_png(blob, "set: mask.png"); }

// Numbers of all sizes that fit into a pixel and a label.
std::vector<int> some_values(const LabelPng& png) {
  const unsigned bits = std::min(png.depth, 8u);
  std::vector<int> values;
  std::uint32_t state = 12345 + png.depth;
  for (int i = 0; i < png.height * png.width; ++i) {
    state = state * 1664525u + 1013904223u;
    values.push_back(static_cast<int>(state >> (32 - bits)));
  }
  return values;
}

void expect_labels(const LabelImage& image, int height, int width, const std::vector<int>& values) {
  ASSERT_EQ(image.height, height);
  ASSERT_EQ(image.width, width);
  EXPECT_EQ(std::vector<int>(image.labels.begin(), image.labels.end()), values);
}

void expect_round_trip(const LabelPng& png) {
  SCOPED_TRACE(text(png.height, " x ", png.width, ", colour type ", png.colour, ", depth ",
                    png.depth, ", filter ", png.filter, png.interlaced ? ", interlaced" : ""));
  const std::vector<int> values = some_values(png);
  expect_labels(decode_labels(png_of_values(png, values)), png.height, png.width, values);
}

// Sides of 1 leave passes without pixels; 8 fills them; the others leave bits of a byte unused.
constexpr std::pair<int, int> kSizes[] = {{1, 1}, {1, 2},  {2, 1},  {3, 5},  {5, 3}, {4, 4},
                                          {8, 8}, {9, 17}, {17, 9}, {1, 33}, {33, 1}};

void expect_round_trips(unsigned colour, const std::vector<unsigned>& depths) {
  for (const auto& [height, width] : kSizes) {
    for (const unsigned depth : depths) {
      for (const bool interlaced : {false, true}) {
        for (const int filter : {0, 1, 2, 3, 4, kEveryFilter})
          expect_round_trip({height, width, colour, depth, interlaced, filter});
      }
    }
  }
}

TEST(LabelPng, indices_of_a_palette_are_the_labels_whatever_the_colours) {
  expect_round_trips(kPalettePng, {1, 2, 4, 8});
}

TEST(LabelPng, grey_values_are_the_labels_and_are_not_stretched) {
  expect_round_trips(kGreyPng, {1, 2, 4, 8, 16});
}

TEST(LabelPng, data_may_come_in_any_pieces_and_any_compression) {
  for (const std::size_t piece : {1, 2, 7, 64}) {
    for (const int level : {0, 1, 9}) {
      LabelPng png{17, 9, kPalettePng, 8, true, kEveryFilter};
      png.piece = piece;
      png.level = level;
      expect_round_trip(png);
    }
  }
}

// In each the label of row y and column x is (7 x + 3 y) mod n.
void expect_stored(const std::string& hex, int height, int width, int n) {
  std::vector<int> values;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) values.push_back((7 * x + 3 * y) % n);
  expect_labels(decode_labels(bytes_of_hex(hex)), height, width, values);
}

// Of Pillow 13.0.
TEST(LabelPng, files_of_pillow_are_read) {
  expect_stored(  // a palette and 2 bits
      "89504e470d0a1a0a0000000d494844520000000500000003020300000026582d6b0000000c504c54450909098000"
      "0000800000008015132bb50000001149444154789c63b064607c728765fd5b000c12039b95c923dc000000004945"
      "4e44ae426082",
      3, 5, 4);
  expect_stored(  // 8 bits, filtered
      "89504e470d0a1a0a0000000d4948445200000008000000080800000000e164e1570000001249444154789c636460"
      "8700266628208f0100240700e9961e23ee0000000049454e44ae426082",
      8, 8, 256);
  expect_stored(  // 1 bit
      "89504e470d0a1a0a0000000d4948445200000011000000090100000000fc93faa10000001349444154789c63080d"
      "65605cc5708d010f0d00a9310957f1b19f170000000049454e44ae426082",
      9, 17, 2);
  expect_stored(  // 16 bits
      "89504e470d0a1a0a0000000d49484452000000050000000310000000002ecd46670000001549444154789c636460"
      "606087402606661844620200049700403ebb7e510000000049454e44ae426082",
      3, 5, 201);
}

// Of pypng 0.20220715.
TEST(LabelPng, interlaced_files_of_pypng_are_read) {
  expect_stored(  // a palette and 4 bits
      "89504e470d0a1a0a0000000d4948445200000009000000050403000001127aebce00000030504c544500ff0010f6"
      "0120ed0230e40340db0450d20560c90670c00780b70890ae09a0a50ab09c0bc0930cd08a0de0810ef0780fc6b08d"
      "c40000002d49444154789c63e06038c070c281e115c332861485070ca5860cb7a73318fe65b092f8766503c384ba"
      "182b0100d5d50c8b89eb9a180000000049454e44ae426082",
      5, 9, 16);
  expect_stored(  // grey of 2 bits
      "89504e470d0a1a0a0000000d494844520000000500000003020000000143eab2130000001649444154789c636000"
      "8206860e860b0c050c4f0e0000127703edd2f06ae30000000049454e44ae426082",
      3, 5, 4);
  expect_stored(  // 8 bits
      "89504e470d0a1a0a0000000d494844520000000a00000009080000000159cad2590000007549444154789c6360b0"
      "6090086090613061e0d17061e0d36290326350736260135132b0631052d0b3f16260175536b467e095d634776510"
      "56d4b7f566905437750e6490d7b5f60c6760e612949057d335b17662e014109753d531b672f460e0179355d136b2"
      "7470f763109551d632b4b077f30d0100e2fc0f4c4f081a770000000049454e44ae426082",
      9, 10, 256);
  expect_stored(  // 16 bits
      "89504e470d0a1a0a0000000d49484452000000070000000510000000018b6645d10000004149444154789c0dc101"
      "0a43000000c02bb535210b119a10218b5af9ffd3ec8ebf96c84262a376f1901b9c3c1546628d954cef20107aab74"
      "665f5e52a58fc9ee7703850f03b23f6bf5480000000049454e44ae426082",
      5, 7, 256);
}

const LabelPng kSmall{2, 3, kPalettePng, 8, false, kEveryFilter};
const std::vector<int> kSmallValues{0, 7, 255, 21, 1, 128};

Blob small_data() { return png_data(zlib_stream(scanlines(kSmall, kSmallValues))); }
Blob small_file() { return png_of_values(kSmall, kSmallValues); }

TEST(LabelPng, what_does_not_concern_the_labels_is_passed_over) {
  const Blob note = png_chunk("tEXt", bytes_of("Comment")), opaque = png_chunk("tRNS", Blob(256));
  const Blob nothing = png_chunk("IDAT", {}), more = bytes_of("more");

  const Blob file = png_front(kSmall, note) + opaque + note + nothing + small_data() + nothing +
                    note + png_end() + more;

  expect_labels(decode_labels(file), 2, 3, kSmallValues);
}

void expect_refused(const std::string& message, const Blob& file) {
  EXPECT_EQ(error_of([&] { decode_labels(file); }), "set: mask.png " + message);
}

void expect_damaged(const std::string& what, const Blob& file) {
  expect_refused("is a damaged PNG: " + what + ". Replace it", file);
}

TEST(LabelPng, another_file_is_refused) {
  const std::string no_png = "is not a PNG file, expected one of class indices. Convert it to PNG";

  expect_refused(no_png, {});
  expect_refused(no_png, grey_jpeg());
  expect_refused(no_png, without_last(small_file().size() - 7, small_file()));
  expect_refused("is a PNG cut short at byte 8. Replace it", png_signature());
}

TEST(LabelPng, colours_in_the_place_of_indices_are_named_with_both_mends) {
  const std::string coloured =
      "looks like a coloured mask; convert it to class indices, or name its colours with "
      "--mask-colours";

  expect_refused(coloured, png_of(2, 1, 3, Labels(6, 5)));  // RGB
  expect_refused(coloured, png_of(2, 1, 4, Labels(8, 5)));  // RGBA
  expect_refused(coloured, png_of(2, 1, 2, Labels(4, 5)));  // grey and alpha
}

// The small file with another byte in its header, whose checksum is right.
Blob with_header_byte(std::size_t at, int value) {
  Blob file = small_file();
  file[16 + at] = std::byte(value);
  return with_right_checksums(file);
}

TEST(LabelPng, header_that_the_format_does_not_know_is_refused) {
  expect_damaged("3 bits a pixel of colour type 3", with_header_byte(8, 3));
  expect_damaged("0 bits a pixel of colour type 3", with_header_byte(8, 0));
  expect_damaged("16 bits a pixel of colour type 3", with_header_byte(8, 16));
  expect_damaged("colour type 1, expected 0 (grey) or 3 (palette)", with_header_byte(9, 1));
  expect_damaged("compression 1, filter 0, interlace 0, expected 0, 0, and 0 or 1",
                 with_header_byte(10, 1));
  expect_damaged("compression 0, filter 2, interlace 0, expected 0, 0, and 0 or 1",
                 with_header_byte(11, 2));
  expect_damaged("compression 0, filter 0, interlace 2, expected 0, 0, and 0 or 1",
                 with_header_byte(12, 2));
  expect_damaged("0 x 2 pixels", with_header_byte(3, 0));
  expect_damaged("3 x 0 pixels", with_header_byte(7, 0));
}

TEST(LabelPng, header_comes_first_once_and_whole) {
  const std::string no_header = "it begins without a header (IHDR) of 13 bytes";

  expect_damaged(no_header, png_signature() + png_palette(256) + small_data() + png_end());
  expect_damaged(no_header, png_signature() + png_chunk("IHDR", Blob(12)) + png_end());
  expect_damaged(no_header, png_signature() + png_chunk("IHDR", Blob(14)) + png_end());
  expect_damaged("a second header (IHDR) at byte 33",
                 png_front(kSmall, png_header(kSmall)) + small_data() + png_end());
}

TEST(LabelPng, sizes_beyond_the_limits_are_refused_before_anything_is_decoded) {
  const auto of_size = [](int height, int width) {
    return png_front({height, width}) + png_data(zlib_stream(Blob(1))) + png_end();
  };

  expect_refused("has 16385 x 1 pixels, more than 16384 a side or 67108864 in all. Replace it",
                 of_size(1, 16385));
  expect_refused("has 8193 x 8192 pixels, more than 16384 a side or 67108864 in all. Replace it",
                 of_size(8192, 8193));
  expect_refused(
      "has 2147483647 x 2147483647 pixels, more than 16384 a side or 67108864 in all. Replace it",
      of_size(0x7fffffff, 0x7fffffff));
  expect_error("has 3 x 2 pixels, more than 16384 a side or 5 in all",
               [] { decode_label_png(small_file(), "mask", 5); });
  EXPECT_EQ(decode_label_png(small_file(), "mask", 6).labels.size(), 6u);
  expect_refused("is 67108865 bytes, more than the 67108864 of an image. Replace it",
                 png_signature() + Blob(kMaxImageBytes - 7));
}

TEST(LabelPng, palette_must_be_there_once_sound_and_before_the_data) {
  const Blob front = png_signature() + png_header(kSmall), palette = png_palette(256);
  const Blob grey = png_signature() + png_header({2, 3, kGreyPng});

  expect_damaged("no palette (PLTE)", front + small_data() + png_end());
  expect_damaged("a palette (PLTE) of 0 bytes at byte 33, expected 3 for each of 1 to 256 colours",
                 front + png_chunk("PLTE", {}) + small_data() + png_end());
  expect_damaged("a palette (PLTE) of 4 bytes at byte 33, expected 3 for each of 1 to 256 colours",
                 front + png_chunk("PLTE", Blob(4)) + small_data() + png_end());
  expect_damaged(
      "a palette (PLTE) of 771 bytes at byte 33, expected 3 for each of 1 to 256 colours",
      front + png_palette(257) + small_data() + png_end());
  expect_damaged("a palette (PLTE) out of place, at byte 813",
                 front + palette + palette + small_data() + png_end());
  expect_damaged("a palette (PLTE) out of place, at byte 59",
                 front + png_chunk("IDAT", Blob(14)) + palette + png_end());
  expect_damaged("a palette (PLTE) out of place, at byte 33",
                 grey + palette + small_data() + png_end());
}

// As Pillow writes the masks of 21 classes whose void is 255.
TEST(LabelPng, index_beyond_the_palette_is_a_label_like_others) {
  LabelPng png = kSmall;
  png.colours = 21;

  expect_labels(decode_labels(png_of_values(png, kSmallValues)), 2, 3, kSmallValues);
}

TEST(LabelPng, value_of_16_bits_beyond_255_is_named_with_its_pixel) {
  for (const bool interlaced : {false, true}) {
    const LabelPng png{2, 3, kGreyPng, 16, interlaced};

    expect_refused(
        "has the value 256 in row 1, column 2, expected a class index up to 255. Write it with "
        "indices of 8 bits",
        png_of_values(png, {0, 7, 255, 21, 1, 256}));
  }
}

TEST(LabelPng, data_must_be_there_and_together) {
  const Blob note = png_chunk("tEXt", bytes_of("note")), front = png_front(kSmall);
  const Blob stream = zlib_stream(scanlines(kSmall, kSmallValues));
  const Blob first(stream.begin(), stream.begin() + 5), rest(stream.begin() + 5, stream.end());

  expect_damaged("no data of the image (IDAT)", front + png_end());
  expect_damaged("other chunks within its data (IDAT), before byte 846",
                 front + png_data(first) + note + png_data(rest) + png_end());
  expect_damaged("an end (IEND) that is not empty",
                 front + small_data() + png_chunk("IEND", Blob(1)));
}

TEST(LabelPng, chunk_that_is_needed_but_not_known_is_refused) {
  expect_refused(
      "has a chunk 'CgBI' at byte 33, which cannot be left out and is not known. Write it as a PNG "
      "without extensions",
      png_front(kSmall, png_chunk("CgBI", Blob(4))) + small_data() + png_end());
  expect_damaged("a chunk without a name at byte 33",
                 png_front(kSmall, png_chunk("a\x1b[b", {})) + small_data() + png_end());
}

Blob with_stream(const Blob& stream) { return png_front(kSmall) + png_data(stream) + png_end(); }

TEST(LabelPng, stream_that_is_too_short_too_long_or_damaged_is_refused) {
  const Blob lines = scanlines(kSmall, kSmallValues), stream = zlib_stream(lines);
  Blob checksum = stream, dictionary = stream;
  checksum.back() ^= std::byte{1};
  dictionary[0] = std::byte{0x78};
  dictionary[1] = std::byte{0x20 | (31 - 0x7820 % 31)};

  expect_damaged("its data (IDAT) end in row 1", with_stream(zlib_stream(without_last(1, lines))));
  expect_damaged("its data (IDAT) end in row 0", with_stream(zlib_stream({})));
  expect_damaged("its data (IDAT) end within their zlib stream",
                 with_stream(without_last(1, stream)));
  expect_damaged("its data (IDAT) are no zlib stream: incorrect data check", with_stream(checksum));
  expect_damaged("its data (IDAT) are no zlib stream: incorrect header check",
                 with_stream(gzip(lines)));
  expect_damaged("its data (IDAT) are no zlib stream: it asks for a dictionary",
                 with_stream(dictionary));
  const std::string more = "its data (IDAT) are more than 3 x 2 pixels need";
  expect_damaged(more, with_stream(zlib_stream(lines + Blob(1))));
  expect_damaged(more, with_stream(stream + Blob(1)));
}

// 16 MiB of zeros in 16 kB: a row and a byte of them are made, no more.
TEST(LabelPng, bomb_is_stopped_where_the_image_ends) {
  const Blob bomb = with_stream(zlib_stream(Blob(std::size_t{16} << 20)));

  EXPECT_LT(bomb.size(), 20'000u);
  expect_damaged("its data (IDAT) are more than 3 x 2 pixels need", bomb);
}

TEST(LabelPng, filter_that_there_is_not_is_named_with_its_row) {
  Blob lines = scanlines(kSmall, kSmallValues);
  lines[4] = std::byte{5};

  expect_damaged("row 1 has filter 5, expected 0 to 4", with_stream(zlib_stream(lines)));
}

TEST(LabelPng, every_truncated_file_is_an_error) {
  for (const Blob& file :
       {small_file(), png_of_values({5, 3, kGreyPng, 2, true}, some_values({5, 3, kGreyPng, 2}))}) {
    for (std::size_t missing = 1; missing <= file.size(); ++missing)
      EXPECT_THROW(decode_labels(without_last(missing, file)), Error)
          << missing << " bytes missing";
  }
}

TEST(LabelPng, every_flipped_bit_is_an_error) {
  const Blob file = png_of_values({5, 3, kGreyPng, 2, true}, some_values({5, 3, kGreyPng, 2}));

  for (std::size_t bit = 0; bit < 8 * file.size(); ++bit) {
    Blob damaged = file;
    damaged[bit / 8] ^= std::byte(1 << bit % 8);
    EXPECT_THROW(decode_labels(damaged), Error) << "bit " << bit;
  }
}

// Where no checksum tells, a flipped bit may change what the image is, but never gives half of one.
TEST(LabelPng, flipped_bit_behind_a_right_checksum_is_an_error_or_a_whole_image) {
  LabelPng png{9, 17, kPalettePng, 4, true, kEveryFilter};
  png.level = 0;
  const Blob file = png_of_values(png, some_values(png));

  int whole = 0;
  for (std::size_t bit = 0; bit < 8 * file.size(); ++bit) {
    Blob changed = file;
    changed[bit / 8] ^= std::byte(1 << bit % 8);
    try {
      const LabelImage image = decode_labels(with_right_checksums(changed));
      EXPECT_EQ(std::ssize(image.labels), image.height * image.width) << "bit " << bit;
      ++whole;
    } catch (const Error&) {
      // refused: right
    }
  }
  EXPECT_GT(whole, 16 * 3 * 8) << "at least the palette's colours change nothing";
}

}  // namespace
}  // namespace saddle
