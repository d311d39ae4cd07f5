// Segmentation sets: what is said where a tree, a list, an image or a label is wrong.
#include <filesystem>

#include "apps/data/segmentation_set.h"
#include "tests/apps/segmentation_trees.h"

namespace saddle {
namespace {

namespace fs = std::filesystem;

// A tree of write_voc, in which something is made wrong.
class VocRefusals : public testing::Test {
 protected:
  void SetUp() override { write_voc(directory_); }

  std::string path(const std::string& name) const { return (directory_.path() / name).string(); }

  void write_list(const std::string& lines) const {
    write_text(directory_, "ImageSets/Segmentation/train.txt", lines);
  }

  std::string refusal() const {
    return error_of([&] { load_segmentation_set(request_); });
  }

  const TemporaryDirectory directory_;
  SegmentationRequest request_ = request_of("voc-folder", directory_);
};

TEST_F(VocRefusals, tree_without_images_is_told_with_all_places) {
  fs::remove_all(directory_.path() / "JPEGImages");

  EXPECT_EQ(refusal(), "voc-folder: found no folder JPEGImages in " +
                           path("").substr(0, path("").size() - 1) + ", " + path("VOC2012") + ", " +
                           path("VOCdevkit/VOC2012") +
                           ". Expected DIR/JPEGImages, DIR/SegmentationClass and "
                           "DIR/ImageSets/Segmentation/<split>.txt; --data-dir names DIR.");
}

TEST_F(VocRefusals, split_without_a_list_is_told_with_those_that_there_are) {
  request_.split = "test";

  EXPECT_EQ(refusal(), "voc-folder: " + path("ImageSets/Segmentation/test.txt") +
                           " is missing. The splits there: train, val. Choose one with --split");
}

TEST_F(VocRefusals, tree_without_lists_is_told) {
  fs::remove_all(directory_.path() / "ImageSets");

  expect_part(path("ImageSets/Segmentation/train.txt") +
                  " is missing. That folder has no lists. Expected DIR/JPEGImages",
              refusal());
}

TEST_F(VocRefusals, split_that_is_no_plain_name_is_a_usage_error) {
  request_.split = "../train";

  EXPECT_THROW(load_segmentation_set(request_), UsageError);
  EXPECT_EQ(refusal(),
            "--split '../train': expected letters, digits, _ and - alone, such as train or val");
  request_.split = "";
  EXPECT_THROW(load_segmentation_set(request_), UsageError);
}

TEST_F(VocRefusals, empty_list_is_told) {
  write_list(" \r\n\n");

  EXPECT_EQ(refusal(), "voc-folder: " + path("ImageSets/Segmentation/train.txt") +
                           " is empty, expected the name of an image a line");
}

TEST_F(VocRefusals, name_that_comes_twice_is_told_with_both_lines) {
  write_list("a\n\nb\na\n");

  EXPECT_EQ(refusal(), "voc-folder: " + path("ImageSets/Segmentation/train.txt") +
                           " has a twice, in lines 1 and 4. Remove one");
}

TEST_F(VocRefusals, name_that_leaves_the_folders_is_refused) {
  const auto expect_refused = [&](const std::string& id, const std::string& shown) {
    write_list("a\n" + id + "\n");
    EXPECT_EQ(refusal(), "voc-folder: " + path("ImageSets/Segmentation/train.txt") +
                             ", line 2 has '" + shown +
                             "', expected a name below JPEGImages without its ending, such as "
                             "2007_000032");
  };

  expect_refused("../a", "../a");
  expect_refused("x/../../a", "x/../../a");
  expect_refused("/etc/passwd", "/etc/passwd");
  expect_refused("..", "..");
  expect_refused(std::string("a\0b", 3), "a\\x00b");
  expect_refused("a\x1b[2J", "a\\x1b[2J");
}

TEST_F(VocRefusals, missing_image_is_told_with_its_labels) {
  fs::remove(directory_.path() / "JPEGImages/a.png");

  EXPECT_EQ(refusal(), "voc-folder: the image " + path("JPEGImages/a.jpg") +
                           " (or .jpeg, .png) of the labels " + path("SegmentationClass/a.png") +
                           " cannot be found; that is so of 1 of the 2 names in " +
                           path("ImageSets/Segmentation/train.txt") +
                           ". Unpack the archive again, or take them off the list");
}

TEST_F(VocRefusals, missing_labels_are_told_with_their_image) {
  fs::remove(directory_.path() / "SegmentationClass/a.png");
  fs::remove(directory_.path() / "SegmentationClass/b.png");

  expect_part("voc-folder: the labels " + path("SegmentationClass/b.png") + " of " +
                  path("JPEGImages/b.png") + " cannot be found; that is so of 2 of the 2 names",
              refusal());
}

TEST_F(VocRefusals, image_without_either_file_is_told_with_both) {
  write_list("a\nzebra\n");

  expect_part("voc-folder: the image " + path("JPEGImages/zebra.jpg") +
                  " (or .jpeg, .png) and its labels " + path("SegmentationClass/zebra.png") +
                  " cannot be found",
              refusal());
}

TEST_F(VocRefusals, limit_that_the_split_does_not_allow_is_a_usage_error) {
  request_.limit = 3;
  EXPECT_EQ(refusal(), "voc-folder: a limit of 3 images is over the 2 of the split 'train'");
  EXPECT_THROW(load_segmentation_set(request_), UsageError);

  request_.limit = 0;
  EXPECT_EQ(refusal(), "voc-folder: a limit of 0 images, expected at least 1, or -1 for all");
}

TEST_F(VocRefusals, coloured_mask_is_told_with_its_mend) {
  directory_.write("SegmentationClass/a.png", grey_image(1, 2, 128));

  expect_part("voc-folder: " + path("SegmentationClass/a.png") +
                  " looks like a coloured mask; convert it to class indices",
              refusal());
}

TEST_F(VocRefusals, labels_of_another_size_than_their_image_are_told_with_both_sizes) {
  directory_.write("SegmentationClass/b.png", mask_of(3, 2, {0, 1, 1, 2, 2, 255}));

  EXPECT_EQ(refusal(), "voc-folder: " + path("JPEGImages/b.png") +
                           " has 3 x 2 pixels, its labels " + path("SegmentationClass/b.png") +
                           " have 2 x 3. Make both of one size");
}

TEST_F(VocRefusals, damaged_image_is_told_with_its_mend) {
  directory_.write("JPEGImages/a.png", bytes_of("GIF89a"));

  EXPECT_EQ(refusal(), "voc-folder: " + path("JPEGImages/a.png") +
                           " is not a PNG, JPEG, BMP or WebP file. Replace it, or take it off the "
                           "list of the split");
}

TEST_F(VocRefusals, first_of_several_damaged_files_is_the_one_that_is_told) {
  std::string ids;
  for (int i = 0; i < 40; ++i) {
    directory_.write(text("JPEGImages/n", i, ".png"), i < 17 ? grey_image(1, 1, 9) : Blob(3));
    directory_.write(text("SegmentationClass/n", i, ".png"), mask_of(1, 1, {i % 3}));
    ids += text("n", i, "\n");
  }
  write_list(ids);

  expect_part(path("JPEGImages/n17.png"), refusal());
}

TEST_F(VocRefusals, label_out_of_range_is_told_with_its_place_and_the_most_frequent) {
  directory_.write("SegmentationClass/b.png", mask_of(2, 3, {0, 1, 1, 2, 7, 3}));
  directory_.write("SegmentationClass/a.png", mask_of(1, 2, {3, 254}));

  EXPECT_EQ(refusal(), "voc-folder: " + path("SegmentationClass/b.png") +
                           " has label 7 in row 1, column 1, expected 0 to 2, or 255 for void. The "
                           "split has these: 3 (2 pixels), 7 (1 pixels), 254 (1 pixels). Name all "
                           "classes with --classes-file, or a label that is none with "
                           "--ignore-label");
}

TEST_F(VocRefusals, ten_of_many_labels_out_of_range_are_told) {
  directory_.write("JPEGImages/a.png", grey_image(1, 13, 9));
  directory_.write("SegmentationClass/a.png",
                   mask_of(1, 13, {0, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 13}));

  expect_part(
      "13 (2 pixels), 3 (1 pixels), 4 (1 pixels), 5 (1 pixels), 6 (1 pixels), 7 (1 "
      "pixels), 8 (1 pixels), 9 (1 pixels), 10 (1 pixels), 11 (1 pixels), .... Name",
      refusal());
}

TEST_F(VocRefusals, label_out_of_range_is_named_as_the_file_has_it) {
  request_.reduce_zero_label = true;
  directory_.write("SegmentationClass/a.png", mask_of(1, 2, {3, 4}));

  expect_part(path("SegmentationClass/a.png") +
                  " has label 4 in row 0, column 1, expected 1 to 3, or 255 for void",
              refusal());
}

TEST_F(VocRefusals, labels_beyond_the_limit_are_not_looked_at) {
  directory_.write("SegmentationClass/a.png", mask_of(1, 2, {99, 99}));
  request_.limit = 1;

  EXPECT_EQ(load_segmentation_set(request_).size(), 1);
}

TEST_F(VocRefusals, masks_of_black_and_white_are_explained) {
  directory_.write("SegmentationClass/a.png", mask_of(1, 2, {0, 255}));
  directory_.write("SegmentationClass/b.png", mask_of(2, 3, {0, 0, 255, 255, 255, 0}));

  EXPECT_EQ(refusal(),
            "voc-folder: all labels of the split 'train' are 0 or 255, as in masks of black and "
            "white; but 255 is void, and nothing is left to tell 0 from. Write the masks with 0 "
            "and 1, or map 255 to 1 with --label-map");
}

TEST_F(VocRefusals, split_of_nothing_but_void_is_told) {
  write_list("a\n");
  request_.ignore_label = 2;

  EXPECT_EQ(refusal(),
            "voc-folder: every pixel of the split 'train' is void. Check the masks, and the flags "
            "that make labels void");
}

TEST_F(VocRefusals, label_that_the_map_makes_none_is_told_with_both_numbers) {
  write_text(directory_, "map", "2 40");
  request_.label_map = path("map");

  expect_part(
      path("SegmentationClass/b.png") + " has label 2, by --label-map 40, in row 1, column 0",
      refusal());
}

TEST_F(VocRefusals, label_map_stands_alone) {
  request_.label_map = "map";
  request_.reduce_zero_label = true;

  EXPECT_EQ(refusal(),
            "--label-map says what becomes of every label, --reduce-zero-label too. "
            "Write it into the map, where 255 is void");
  request_.ignore_label = 0;
  EXPECT_THROW(load_segmentation_set(request_), UsageError);
}

TEST_F(VocRefusals, file_of_class_names_must_be_there_and_whole) {
  const auto expect_refused = [&](const std::string& lines, const std::string& what) {
    write_text(directory_, "classes.txt", lines);
    EXPECT_EQ(refusal(), "voc-folder: " + path("classes.txt") + what);
  };
  std::string many;
  for (int i = 0; i < 256; ++i) many += "name\n";

  expect_refused("\n", " has 0 lines, expected 1 to 255, a class name each");
  expect_refused(many, " has 256 lines, expected 1 to 255, a class name each");
  expect_refused("a\n\nb\n", ": line 2 is blank, expected a class name");
  expect_refused("a\nb\x1b[1m\n", ": line 2 holds a control character, expected a class name");
  request_.classes_file = path("none");
  expect_part(path("none"), refusal());
}

TEST_F(VocRefusals, unknown_set_is_a_usage_error_that_names_all) {
  request_.name = "ade20k";

  EXPECT_THROW(load_segmentation_set(request_), UsageError);
  EXPECT_EQ(refusal(),
            "dataset: 'ade20k' is not a segmentation set this program reads. It reads "
            "fashion-scenes, voc2012, voc-folder, stanford-background.");
}

TEST_F(VocRefusals, options_belong_to_the_sets_that_have_them) {
  const std::string known =
      ": the labels of stanford-background are known. It belongs to voc2012 "
      "and voc-folder";
  request_.ignore_label = 256;
  EXPECT_EQ(refusal(), "--ignore-label 256: expected 0 to 255");
  request_.name = "stanford-background";
  request_.ignore_label = 0;
  EXPECT_EQ(refusal(), "--ignore-label" + known);
  request_.ignore_label = {};
  request_.reduce_zero_label = true;
  EXPECT_EQ(refusal(), "--reduce-zero-label" + known);
  request_.reduce_zero_label = false;
  request_.label_map = "x";
  EXPECT_EQ(refusal(), "--label-map" + known);
  request_.label_map = "";
  request_.mask_colours = "x";
  EXPECT_EQ(refusal(), "--mask-colours" + known);
  request_.mask_colours = "";
  request_.classes_file = "x";
  EXPECT_EQ(refusal(), "--classes-file" + known);
  EXPECT_THROW(load_segmentation_set(request_), UsageError);
}

// ---- Counted, not read ----

// Not even a file that is no image is looked into.
TEST(VocFolder, is_counted_without_being_decoded) {
  const TemporaryDirectory directory;
  write_voc(directory);
  write_text(directory, "SegmentationClass/b.png", "no image");
  SegmentationRequest request = request_of("voc-folder", directory);

  EXPECT_EQ(count_images(request), 2);
  request.limit = 1;
  EXPECT_EQ(count_images(request), 1);
  request.limit = 3;
  expect_part("is over the 2", error_of([&] { count_images(request); }));
  request.split = "nowhere";
  expect_part("nowhere", error_of([&] { count_images(request); }));
}

TEST(SegmentationScenes, are_counted_without_being_composed) {
  EXPECT_EQ(count_images({.name = "fashion-scenes"}), 3000);
  EXPECT_EQ(count_images({.name = "fashion-scenes", .split = "test"}), 500);
  expect_part("has train and test",
              error_of([] { count_images({.name = "fashion-scenes", .split = "val"}); }));
  expect_part("is not a segmentation set", error_of([] { count_images({.name = "scenes"}); }));
}

}  // namespace
}  // namespace saddle
