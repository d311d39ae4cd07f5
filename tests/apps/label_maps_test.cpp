// What users say of their masks: the files that map colours and labels, alone and through a set.
#include "apps/data/label_maps.h"

#include "tests/apps/segmentation_trees.h"

namespace saddle {
namespace {

TEST(LabelMaps, colours_are_read_a_line_each) {
  const LabelOfColour labels = parse_mask_colours(
      bytes_of("# Camera\n128 64 0  3\r\n\n0,0,0 255  # void\n 255\t255\t255 0"), "colours");

  EXPECT_EQ(labels, (LabelOfColour{{{128, 64, 0}, 3}, {{0, 0, 0}, 255}, {{255, 255, 255}, 0}}));
}

TEST(LabelMaps, labels_that_a_map_does_not_name_stay) {
  const LabelOfLabel labels = parse_label_map(bytes_of("7 0\n8 1\n0 255\n255 9\n"), "map");

  EXPECT_EQ(labels[7], 0);
  EXPECT_EQ(labels[8], 1);
  EXPECT_EQ(labels[0], 255);
  EXPECT_EQ(labels[255], 9);
  EXPECT_EQ(labels[1], 1);
  EXPECT_EQ(labels[254], 254);
}

TEST(LabelMaps, lines_of_something_else_are_refused) {
  const auto expect_refused = [](const std::string& what, const std::string& lines) {
    EXPECT_EQ(error_of([&] { parse_label_map(bytes_of(lines), "map"); }), "map" + what);
  };
  const std::string expected =
      "', expected a label of the masks and the one that it becomes, each from 0 to 255";

  expect_refused(", line 2 is '256 1" + expected, "1 1\n256 1\n");
  expect_refused(", line 1 is '-1 1" + expected, "-1 1");
  expect_refused(", line 1 is '1" + expected, "1\n");
  expect_refused(", line 1 is '1 2 3" + expected, "1 2 3\n");
  expect_refused(", line 1 is '1 2x" + expected, "1 2x\n");
  expect_refused(", line 1 is '1 \\x1b[2J" + expected, "1 \x1b[2J\n");
  expect_refused(", line 3 has label 1 a second time. Remove one", "1 2\n\n1 2\n");
  expect_refused(" is empty, expected lines of a label of the masks and the one that it becomes",
                 "# nothing\n\n");
}

TEST(LabelMaps, colours_that_are_none_are_refused) {
  const auto expect_refused = [](const std::string& what, const std::string& lines) {
    EXPECT_EQ(error_of([&] { parse_mask_colours(bytes_of(lines), "colours"); }), "colours" + what);
  };

  expect_refused(", line 1 is '1 2 3', expected red, green, blue and label, each from 0 to 255",
                 "1 2 3\n");
  expect_refused(", line 2 has a colour a second time. Remove one", "1 2 3 4\n1 2 3 5\n");
}

TEST(LabelMaps, coloured_masks_of_a_set_are_read_by_their_colours) {
  const TemporaryDirectory directory;
  write_voc(directory);
  write_text(directory, "ImageSets/Segmentation/train.txt", "a\n");
  write_text(directory, "colours", "9 9 9 0\n200 0 0 2\n0 0 0 255\n");
  directory.write("SegmentationClass/a.png", png_of(1, 2, 3, {200, 0, 0, 9, 9, 9}));
  SegmentationRequest request = request_of("voc-folder", directory);
  request.mask_colours = (directory.path() / "colours").string();

  EXPECT_EQ(load_segmentation_set(request).labels, (Labels{2, 0}));
  directory.write("SegmentationClass/a.png", png_of(1, 2, 3, {200, 0, 0, 9, 9, 8}));
  EXPECT_EQ(error_of([&] { load_segmentation_set(request); }),
            "voc-folder: " + (directory.path() / "SegmentationClass/a.png").string() +
                " has the colour 9 9 8 in row 0, column 1, which is not in " +
                request.mask_colours + ". Add it there");
}

TEST(LabelMaps, labels_of_a_set_become_what_the_map_says) {
  const TemporaryDirectory directory;
  write_voc(directory);
  write_text(directory, "map", "0 255\n1 0\n2 1\n255 2\n");
  SegmentationRequest request = request_of("voc-folder", directory);
  request.label_map = (directory.path() / "map").string();

  EXPECT_EQ(load_segmentation_set(request).labels, (Labels{255, 0, 0, 1, 1, 2, 1, 2}));
}

TEST(LabelMaps, masks_of_black_and_white_are_two_classes_by_a_map) {
  const TemporaryDirectory directory;
  write_voc(directory);
  directory.write("SegmentationClass/a.png", mask_of(1, 2, {0, 255}));
  directory.write("SegmentationClass/b.png", mask_of(2, 3, {0, 0, 255, 255, 255, 0}));
  write_text(directory, "map", "255 1\n");
  write_text(directory, "classes.txt", "ground\nobject\n");
  SegmentationRequest request = request_of("voc-folder", directory);
  request.label_map = (directory.path() / "map").string();

  EXPECT_EQ(load_segmentation_set(request).labels, (Labels{0, 0, 1, 1, 1, 0, 0, 1}));
}

}  // namespace
}  // namespace saddle
