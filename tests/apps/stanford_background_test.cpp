// Stanford Background: both forms of its labels, both modes of its unknown pixels, and its split.
#include <algorithm>
#include <filesystem>
#include <set>

#include "apps/data/stanford_labels.h"
#include "tests/apps/segmentation_trees.h"

namespace saddle {
namespace {

using Names = std::vector<std::string>;

LabelImage parse(const std::string& letters, StanfordMode mode = StanfordMode::std8) {
  return parse_stanford_regions(bytes_of(letters), "regions", mode);
}

TEST(StanfordLabels, text_has_a_line_a_row) {
  const LabelImage image = parse("0 1 2\n 7\t3 4 \r\n\n");

  EXPECT_EQ(image.height, 2);
  EXPECT_EQ(image.width, 3);
  EXPECT_EQ(image.labels, (Labels{0, 1, 2, 7, 3, 4}));
}

TEST(StanfordLabels, numbers_below_zero_are_unknown) {
  EXPECT_EQ(parse("-1 5 -2", StanfordMode::std8).labels, (Labels{255, 5, 255}));
  EXPECT_EQ(parse("-1 5 -2", StanfordMode::official9).labels, (Labels{8, 5, 8}));
}

TEST(StanfordLabels, text_that_is_no_matrix_of_regions_is_refused) {
  const auto expect_refused = [](const std::string& what, const std::string& letters) {
    EXPECT_EQ(error_of([&] { parse(letters); }), "regions " + what);
  };

  expect_refused(
      "has label 8 in row 1, column 0, expected 0 to 7, or below 0 where it is unknown. "
      "Is it regions?",
      "1 2\n8 3\n");
  expect_refused("has 1 numbers in row 1, others have 2. Unpack the archive again", "1 2\n3\n");
  expect_refused("has 3 numbers in row 1, others have 2. Unpack the archive again", "1 2\n3 4 5");
  expect_refused("has '2x' in row 0, column 1, expected a whole number. Unpack the archive again",
                 "1 2x\n");
  expect_refused("has '1.5' in row 0, column 0, expected a whole number. Unpack the archive again",
                 "1.5\n");
  expect_refused(
      "has '99999999999' in row 0, column 0, expected a whole number. Unpack the archive again",
      "99999999999\n");
  expect_refused(
      "has '\\x1b[2J' in row 0, column 0, expected a whole number. Unpack the archive "
      "again",
      "\x1b[2J\n");
  expect_refused(
      "is empty, expected a row of numbers for each of the image's rows. Unpack the "
      "archive again",
      " \n\n");
}

TEST(StanfordLabels, text_of_more_than_an_image_has_is_refused) {
  std::string row, rows;
  for (int i = 0; i < 16385; ++i) row += "1 ", rows += "1\n";

  expect_error("regions has 16385 x 1 pixels, more than 16384 a side", [&] { parse(row); });
  expect_error("regions has 1 x 16385 pixels, more than 16384 a side", [&] { parse(rows); });
}

// The nine of the reference code, by class.
const Labels kNineColours{68,  1,  84,  72,  40,  140, 62, 74,  137, 38, 130, 142, 31, 158,
                          137, 53, 183, 121, 109, 205, 89, 180, 222, 44, 49,  104, 142};

TEST(StanfordLabels, colours_are_classes_and_one_is_unknown) {
  const Blob picture = png_of(3, 3, 3, kNineColours);

  EXPECT_EQ(decode_stanford_colours(picture, "p", StanfordMode::official9).labels,
            (Labels{0, 1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(decode_stanford_colours(picture, "p", StanfordMode::std8).labels,
            (Labels{0, 1, 2, 3, 4, 5, 6, 7, 255}));
}

TEST(StanfordLabels, colour_that_is_none_of_the_nine_is_told_with_its_place) {
  Labels colours = kNineColours;
  colours[15] = 54;

  EXPECT_EQ(
      error_of([&] { decode_stanford_colours(png_of(3, 3, 3, colours), "p", StanfordMode::std8); }),
      "p has the colour 54 183 121 in row 1, column 2, which is none of the set's nine. Make "
      "it anew from the text");
}

TEST(StanfordLabels, names_and_colours_are_as_many_as_the_classes) {
  EXPECT_EQ(stanford_class_names(StanfordMode::std8).size(), 8u);
  EXPECT_EQ(stanford_class_names(StanfordMode::official9).back(), "unknown");
  EXPECT_EQ(stanford_palette(StanfordMode::official9).size(), 9u);
  EXPECT_EQ(stanford_palette(StanfordMode::std8).back(),
            (std::array<std::uint8_t, 3>{180, 222, 44}));
}

Blob grey_jpg(int height, int width, int value) {
  const auto byte = static_cast<std::uint8_t>(value);
  return jpeg_of(height, width, plain(height, width, byte, byte, byte));
}

// Images 00 to 09 of 2 x 3 pixels; image i has its number as the first label, modulo 8, and -1 as
// the last.
void write_stanford(const TemporaryDirectory& directory, const std::string& root = "") {
  for (int i = 0; i < 10; ++i) {
    const std::string id = text("0", i);
    directory.write(root + "images/" + id + ".jpg", grey_jpg(2, 3, 20 * i));
    write_text(directory, root + "labels/" + id + ".regions.txt", text(i % 8, " 1 2\n3 4 -1\n"));
    write_text(directory, root + "labels/" + id + ".surfaces.txt", "1 1 1\n1 1 1\n");
  }
}

SegmentationSet load(const TemporaryDirectory& directory, const std::string& split,
                     std::uint64_t seed = 0) {
  SegmentationRequest request = request_of("stanford-background", directory, split);
  request.split_seed = seed;
  return load_segmentation_set(request);
}

TEST(StanfordBackground, seven_of_ten_images_are_train_and_the_others_val) {
  const TemporaryDirectory directory;
  write_stanford(directory);

  const SegmentationSet train = load(directory, "train"), val = load(directory, "val");

  EXPECT_EQ(train.size(), 7);
  EXPECT_EQ(val.size(), 3);
  Names all = ids_of(train);
  std::ranges::copy(ids_of(val), std::back_inserter(all));
  std::ranges::sort(all);
  EXPECT_EQ(all, (Names{"00", "01", "02", "03", "04", "05", "06", "07", "08", "09"}));
}

// A Fisher-Yates shuffle of Philox words written in Python gives the same ones.
TEST(StanfordBackground, split_is_a_matter_of_the_seed) {
  const TemporaryDirectory directory;
  write_stanford(directory);

  EXPECT_EQ(ids_of(load(directory, "val", 0)), (Names{"09", "00", "06"}));
  EXPECT_EQ(ids_of(load(directory, "val", 1)), (Names{"02", "00", "07"}));
}

TEST(StanfordBackground, labels_belong_to_their_image) {
  const TemporaryDirectory directory;
  write_stanford(directory);

  const SegmentationSet val = load(directory, "val");

  for (std::int64_t i = 0; i < val.size(); ++i) {
    const int number = std::stoi(val.images[static_cast<std::size_t>(i)].id);
    EXPECT_NEAR(val.pixels_of(i)[0], 20 * number, 2) << number;
    const auto labels = val.labels_of(i);
    EXPECT_EQ(Labels(labels.begin(), labels.end()),
              (Labels{static_cast<std::uint8_t>(number % 8), 1, 2, 3, 4, 255}));
  }
}

TEST(StanfordBackground, unknown_is_void_or_a_class_of_its_own) {
  const TemporaryDirectory directory;
  write_stanford(directory);
  SegmentationRequest request = request_of("stanford-background", directory, "val");

  const SegmentationSet std8 = load_segmentation_set(request);
  request.stanford_mode = StanfordMode::official9;
  const SegmentationSet official9 = load_segmentation_set(request);

  EXPECT_EQ(std8.classes, 8);
  EXPECT_EQ(std8.census[255], 3);
  EXPECT_EQ(official9.classes, 9);
  EXPECT_EQ(official9.census[255], 0);
  EXPECT_EQ(official9.census[8], 3);
}

TEST(StanfordBackground, coloured_labels_are_read_where_there_is_no_text) {
  const TemporaryDirectory directory;
  for (const std::string id : {"a", "b"}) {
    directory.write("images/" + id + ".jpg", grey_jpg(3, 3, 50));
    directory.write("labels_colored/" + id + ".png", png_of(3, 3, 3, kNineColours));
  }

  EXPECT_EQ(load(directory, "train").labels, (Labels{0, 1, 2, 3, 4, 5, 6, 7, 255}));
}

TEST(StanfordBackground, archive_is_found_in_the_folder_that_it_unpacks_to) {
  const TemporaryDirectory directory;
  write_stanford(directory, "iccv09Data/");

  EXPECT_EQ(load(directory, "train").size(), 7);
}

TEST(StanfordBackground, statistics_are_its_own_and_a_part_of_the_set_is_told) {
  const TemporaryDirectory directory;
  write_stanford(directory);

  const SegmentationSet val = load(directory, "val");

  EXPECT_EQ(val.mean, (std::vector<float>{0.4813f, 0.4901f, 0.4747f}));
  EXPECT_EQ(val.std, (std::vector<float>{0.2495f, 0.2492f, 0.2748f}));
  EXPECT_EQ(val.warnings, (Names{"stanford-background: " + (directory.path() / "images").string() +
                                 " has 10 images, the published set 715"}));
}

TEST(StanfordBackground, what_is_missing_is_told) {
  const TemporaryDirectory empty, unlabelled, incomplete;
  unlabelled.write("images/a.jpg", grey_jpg(1, 1, 0));
  write_stanford(incomplete);
  std::filesystem::remove(incomplete.path() / "labels/04.regions.txt");
  const auto load_all = [&] { load(incomplete, "train"), load(incomplete, "val"); };

  expect_error("stanford-background: found no folder images in " + empty.path().string() + ", " +
                   (empty.path() / "iccv09Data").string() + ". Expected DIR/images/<id>.jpg",
               [&] { load(empty, "train"); });
  expect_error(unlabelled.path().string() + " has neither labels nor labels_colored. Expected DIR",
               [&] { load(unlabelled, "train"); });
  expect_error("the labels " + (incomplete.path() / "labels/04.regions.txt").string() + " of " +
                   (incomplete.path() / "images/04.jpg").string() + " are missing. Expected DIR",
               load_all);
  expect_error("--split 'test': stanford-background has train and val",
               [&] { load(incomplete, "test"); });
}

TEST(StanfordBackground, labels_of_another_size_than_their_image_are_told) {
  const TemporaryDirectory directory;
  write_stanford(directory);
  for (int i = 0; i < 10; ++i)
    write_text(directory, text("labels/0", i, ".regions.txt"), "1 2 3\n");

  expect_error(".jpg has 3 x 2 pixels, its labels ", [&] { load(directory, "train"); });
}

}  // namespace
}  // namespace saddle
