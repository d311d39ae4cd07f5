// Segmentation sets: what is read from trees like VOC's and from the scenes of garments, and what
// is made of it. What is refused stands in segmentation_refusals_test.cpp.
#include "apps/data/segmentation_set.h"

#include <omp.h>

#include <cstdlib>

#include "apps/data/fashion_scenes.h"
#include "core/sha256.h"
#include "tests/apps/segmentation_trees.h"
#include "tests/apps/system_fashion_mnist.h"

namespace saddle {
namespace {

using Names = std::vector<std::string>;

TEST(VocFolder, images_and_labels_come_in_the_order_of_the_list) {
  const TemporaryDirectory directory;
  write_voc(directory);

  const SegmentationSet set = load_voc(directory);

  EXPECT_EQ(set.name, "voc-folder");
  EXPECT_EQ(set.split, "train");
  EXPECT_EQ(ids_of(set), (Names{"b", "a"}));
  EXPECT_EQ(set.labels, (Labels{0, 1, 1, 2, 2, 255, 2, 255}));
  Labels pixels(18, 20);
  pixels.insert(pixels.end(), 6, 10);
  EXPECT_EQ(set.pixels, pixels);
  EXPECT_TRUE(set.warnings.empty());
}

TEST(VocFolder, each_image_keeps_its_size) {
  const TemporaryDirectory directory;
  write_voc(directory);

  const SegmentationSet set = load_voc(directory);

  ASSERT_EQ(set.size(), 2);
  EXPECT_EQ(set.images[0].height, 2);
  EXPECT_EQ(set.images[0].width, 3);
  EXPECT_EQ(set.images[0].offset, 0);
  EXPECT_EQ(set.images[1].height, 1);
  EXPECT_EQ(set.images[1].width, 2);
  EXPECT_EQ(set.images[1].offset, 6);
  EXPECT_EQ(set.pixels_of(1).size(), 6u);
  EXPECT_EQ(set.pixels_of(1).front(), 10);
  EXPECT_EQ(Labels(set.labels_of(1).begin(), set.labels_of(1).end()), (Labels{2, 255}));
}

TEST(VocFolder, census_counts_the_pixels_of_each_label) {
  const TemporaryDirectory directory;
  write_voc(directory);

  const LabelCensus census = load_voc(directory).census;

  EXPECT_EQ(census[0], 1);
  EXPECT_EQ(census[1], 2);
  EXPECT_EQ(census[2], 3);
  EXPECT_EQ(census[255], 2);
  EXPECT_EQ(census[3], 0);
}

TEST(VocFolder, pixels_are_those_of_the_file_row_by_row) {
  const TemporaryDirectory directory;
  write_voc(directory);
  const Labels pixels{1, 2, 3, 4, 5, 6};
  directory.write("JPEGImages/a.png", png_of(1, 2, 3, pixels));

  const SegmentationSet set = load_voc(directory);

  EXPECT_EQ(Labels(set.pixels_of(1).begin(), set.pixels_of(1).end()), pixels);
}

TEST(VocFolder, jpg_and_jpeg_are_images_too) {
  const TemporaryDirectory directory;
  write_voc(directory);
  write_text(directory, "ImageSets/Segmentation/train.txt", "x\ny\n");
  directory.write("JPEGImages/x.jpg", jpeg_of(1, 2, plain(1, 2, 90, 90, 90)));
  directory.write("JPEGImages/y.jpeg", jpeg_of(1, 2, plain(1, 2, 90, 90, 90)));
  directory.write("SegmentationClass/x.png", mask_of(1, 2, {0, 1}));
  directory.write("SegmentationClass/y.png", mask_of(1, 2, {2, 1}));

  const SegmentationSet set = load_voc(directory);

  EXPECT_EQ(ids_of(set), (Names{"x", "y"}));
  EXPECT_NEAR(set.pixels[0], 90, 2);
}

TEST(VocFolder, limit_takes_the_first_of_the_list) {
  const TemporaryDirectory directory;
  write_voc(directory);
  SegmentationRequest request = request_of("voc-folder", directory);
  request.limit = 1;

  const SegmentationSet set = load_segmentation_set(request);

  EXPECT_EQ(ids_of(set), (Names{"b"}));
  EXPECT_EQ(set.pixels.size(), 18u);
  EXPECT_EQ(set.census[2], 2);
}

TEST(VocFolder, carriage_returns_blanks_and_empty_lines_of_a_list_are_passed_over) {
  const TemporaryDirectory directory;
  write_voc(directory);
  write_text(directory, "ImageSets/Segmentation/train.txt",
             "\xef\xbb\xbf"
             "b \t\r\n\r\n\n a");
  directory.write("JPEGImages/ a.png", grey_image(1, 2, 7));
  directory.write("SegmentationClass/ a.png", mask_of(1, 2, {0, 1}));

  EXPECT_EQ(ids_of(load_voc(directory)), (Names{"b", " a"}));  // a blank in front belongs to it
}

TEST(VocFolder, archive_is_found_in_the_folders_that_it_unpacks_to) {
  for (const std::string root : {"VOC2012/", "VOCdevkit/VOC2012/"}) {
    const TemporaryDirectory directory;
    write_voc(directory, root);

    EXPECT_EQ(load_voc(directory).size(), 2) << root;
    EXPECT_EQ(load_segmentation_set(request_of("voc2012", directory)).name, "voc2012");
  }
}

TEST(VocFolder, environment_names_the_place_where_no_directory_is_given) {
  const TemporaryDirectory directory;
  write_voc(directory, "voc-folder/");
  SegmentationRequest request;
  request.name = "voc-folder";

  ::setenv("SADDLE_DATA", directory.path().c_str(), 1);
  const SegmentationSet set = load_segmentation_set(request);
  ::unsetenv("SADDLE_DATA");

  EXPECT_EQ(set.size(), 2);
}

TEST(VocFolder, augmented_split_has_its_masks_elsewhere_and_its_list_in_either_place) {
  for (const std::string list :
       {"VOCdevkit/VOC2012/ImageSets/Segmentation/", "VOCdevkit/VOC2012/", ""}) {
    const TemporaryDirectory directory;
    const std::string root = "VOCdevkit/VOC2012/";
    write_voc(directory, root);
    write_text(directory, list + "train_aug.txt", "c\n");
    LabelPng grey{2, 3};
    grey.colour = kGreyPng;
    directory.write(root + "SegmentationClassAug/c.png", png_of_values(grey, {0, 1, 2, 2, 2, 2}));

    EXPECT_EQ(load_voc(directory, "train_aug").labels, (Labels{0, 1, 2, 2, 2, 2})) << list;
    EXPECT_EQ(load_voc(directory, "val").labels, (Labels{0, 0, 0, 1, 1, 1})) << list;
  }
}

TEST(VocFolder, classes_are_those_of_a_file_or_else_vocs) {
  const TemporaryDirectory directory, other;
  write_voc(directory);
  write_text(other, "names", "one \r\ntwo\r\nthree\r\nfour\r\n\r\n");
  SegmentationRequest request = request_of("voc-folder", directory, "val");

  EXPECT_EQ(load_segmentation_set(request).class_names, (Names{"ground", "cat", "dog"}));
  request.classes_file = (other.path() / "names").string();
  EXPECT_EQ(load_segmentation_set(request).class_names, (Names{"one", "two", "three", "four"}));
  request.classes_file = "";
  std::filesystem::remove(directory.path() / "classes.txt");
  const SegmentationSet voc = load_segmentation_set(request);
  EXPECT_EQ(voc.classes, 21);
  EXPECT_EQ(voc.class_names[0], "background");
  EXPECT_EQ(voc.class_names[15], "person");
  EXPECT_EQ(voc.class_names[20], "tvmonitor");
}

TEST(VocFolder, photographs_have_the_statistics_of_imagenet) {
  const TemporaryDirectory directory;
  write_voc(directory);

  const SegmentationSet set = load_voc(directory);

  EXPECT_EQ(set.mean, (std::vector<float>{0.485f, 0.456f, 0.406f}));
  EXPECT_EQ(set.std, (std::vector<float>{0.229f, 0.224f, 0.225f}));
}

TEST(VocFolder, class_absent_from_the_training_split_is_told) {
  const TemporaryDirectory directory;
  write_voc(directory);
  write_text(directory, "classes.txt", "ground\ncat\ndog\ncow\n");

  EXPECT_EQ(load_voc(directory).warnings,
            (Names{"voc-folder: the 2 images of the split 'train' have no pixel of cow (3), which "
                   "cannot be learnt"}));
  EXPECT_TRUE(load_voc(directory, "val").warnings.empty());
}

TEST(VocFolder, orientation_that_a_camera_noted_is_told_and_not_applied) {
  const TemporaryDirectory directory;
  write_voc(directory);
  std::filesystem::remove(directory.path() / "JPEGImages/b.png");
  directory.write("JPEGImages/b.jpg", with_exif(jpeg_of(2, 3, plain(2, 3, 9, 9, 9)), exif_of(6)));

  const SegmentationSet set = load_voc(directory);

  ASSERT_EQ(set.warnings.size(), 1u);
  expect_part("1 of 2 images have an Exif orientation, which is not applied", set.warnings[0]);
  EXPECT_EQ(set.images[0].width, 3);
}

TEST(VocFolder, zero_label_becomes_void_and_the_others_one_less) {
  const TemporaryDirectory directory;
  write_voc(directory);
  SegmentationRequest request = request_of("voc-folder", directory);
  request.reduce_zero_label = true;
  write_text(directory, "classes.txt", "cat\ndog\n");

  const SegmentationSet set = load_segmentation_set(request);

  EXPECT_EQ(set.labels, (Labels{255, 0, 0, 1, 1, 255, 1, 255}));
  EXPECT_EQ(set.census[255], 3);
  EXPECT_EQ(set.warnings,
            (Names{"voc-folder: label 0 is void: 12.5 % of the pixels of train; label 1 "
                   "of the files is class 0"}));
  std::filesystem::remove(directory.path() / "classes.txt");
  EXPECT_EQ(load_segmentation_set(request).class_names.front(), "aeroplane");
}

TEST(VocFolder, ignored_label_becomes_void) {
  const TemporaryDirectory directory;
  write_voc(directory);
  SegmentationRequest request = request_of("voc-folder", directory);
  request.ignore_label = 2;
  write_text(directory, "classes.txt", "ground\ncat\n");

  const SegmentationSet set = load_segmentation_set(request);

  EXPECT_EQ(set.labels, (Labels{0, 1, 1, 255, 255, 255, 255, 255}));
  EXPECT_EQ(set.warnings, (Names{"voc-folder: label 2 is void: 37.5 % of the pixels of train"}));
}

// More images than a thread takes at a time.
TEST(VocFolder, bytes_do_not_depend_on_the_number_of_threads) {
  const TemporaryDirectory directory;
  write_voc(directory);
  std::string ids;
  for (int i = 0; i < 37; ++i) {
    const std::string id = text("n", i);
    const int height = 1 + i % 5, width = 1 + i % 7;
    const std::vector<int> labels(static_cast<std::size_t>(height * width), i % 3);
    directory.write("JPEGImages/" + id + ".jpg",
                    jpeg_of(height, width, plain(height, width, std::uint8_t(6 * i), 50, 100)));
    directory.write("SegmentationClass/" + id + ".png", mask_of(height, width, labels));
    ids += id + "\n";
  }
  write_text(directory, "ImageSets/Segmentation/train.txt", ids);
  const int before = omp_get_max_threads();

  omp_set_num_threads(1);
  const SegmentationSet one = load_voc(directory);
  omp_set_num_threads(2);
  const SegmentationSet two = load_voc(directory);
  omp_set_num_threads(before);

  EXPECT_EQ(one.pixels, two.pixels);
  EXPECT_EQ(one.labels, two.labels);
  EXPECT_EQ(one.census, two.census);
  EXPECT_EQ(ids_of(one), ids_of(two));
}

// The first ones of VOC's own colour map, and that of its void.
TEST(voc_palette, spreads_the_bits_of_a_class_over_the_colours) {
  const Palette palette = voc_palette(256);

  using Colour = std::array<std::uint8_t, 3>;
  EXPECT_EQ(palette[0], (Colour{0, 0, 0}));
  EXPECT_EQ(palette[1], (Colour{128, 0, 0}));
  EXPECT_EQ(palette[3], (Colour{128, 128, 0}));
  EXPECT_EQ(palette[8], (Colour{64, 0, 0}));
  EXPECT_EQ(palette[15], (Colour{192, 128, 128}));
  EXPECT_EQ(palette[20], (Colour{0, 64, 128}));
  EXPECT_EQ(palette[255], (Colour{224, 224, 192}));
  EXPECT_EQ(voc_palette(21).size(), 21u);
}

SegmentationSet of_sizes(const std::vector<std::pair<int, int>>& sizes) {
  SegmentationSet set;
  set.name = "sizes";
  for (const auto& [height, width] : sizes) set.images.push_back({"", height, width, 0});
  return set;
}

TEST(batches_of_equal_size, are_sorted_by_height_and_width_and_stable) {
  using Batches = std::vector<std::vector<std::int32_t>>;
  const SegmentationSet set =
      of_sizes({{3, 2}, {2, 3}, {3, 2}, {2, 3}, {2, 2}, {2, 3}, {3, 2}, {2, 3}});

  EXPECT_EQ(batches_of_equal_size(set, 3), (Batches{{4}, {1, 3, 5}, {7}, {0, 2, 6}}));
  EXPECT_EQ(batches_of_equal_size(set, 1), (Batches{{4}, {1}, {3}, {5}, {7}, {0}, {2}, {6}}));
  EXPECT_EQ(batches_of_equal_size(set, 100), (Batches{{4}, {1, 3, 5, 7}, {0, 2, 6}}));
  EXPECT_TRUE(batches_of_equal_size(of_sizes({}), 3).empty());
  expect_error("sizes: batches of 0 images, expected at least 1",
               [&] { batches_of_equal_size(set, 0); });
}

// Seven garments in Fashion-MNIST's files, for any number of records.
void write_garments(const TemporaryDirectory& directory) {
  const Blob labels{std::byte{0}, std::byte{3}, std::byte{6}, std::byte{9},
                    std::byte{2}, std::byte{5}, std::byte{8}};
  for (const std::string part : {"train", "t10k"}) {
    directory.write(part + "-images-idx3-ubyte",
                    idx_header(2051, {7, 28, 28}) + ramp(7 * 784, part == "train" ? 1 : 9, 3));
    directory.write(part + "-labels-idx1-ubyte", idx_header(2049, {7}) + labels);
  }
}

SegmentationRequest scenes_request(const TemporaryDirectory& directory, const std::string& split,
                                   std::int64_t limit) {
  SegmentationRequest request = request_of("fashion-scenes", directory, split);
  request.limit = limit;
  request.records = Records::any;
  return request;
}

TEST(FashionScenesSet, scenes_are_those_of_the_garments_found) {
  const TemporaryDirectory directory;
  write_garments(directory);
  for (const Split split : {Split::train, Split::test}) {
    const Dataset garments =
        load_dataset({"fashion-mnist", directory.path().string(), split, -1, Records::any});
    Labels pixels(5 * 96 * 96 * 3), labels(5 * 96 * 96);
    FashionScenes(garments.pixels, garments.labels, split).compose_range(0, pixels, labels);

    const std::string name = split == Split::train ? "train" : "test";
    const SegmentationSet set = load_segmentation_set(scenes_request(directory, name, 5));

    EXPECT_EQ(set.pixels, pixels);
    EXPECT_EQ(set.labels, labels);
    EXPECT_EQ(set.size(), 5);
    EXPECT_EQ(set.images[4].offset, 4 * 96 * 96);
    EXPECT_EQ(set.images[4].id, name + "-4");
  }
}

TEST(FashionScenesSet, classes_are_the_background_and_the_garments) {
  const TemporaryDirectory directory;
  write_garments(directory);

  const SegmentationSet set = load_segmentation_set(scenes_request(directory, "test", 1));

  EXPECT_EQ(set.classes, 11);
  EXPECT_EQ(set.class_names.front(), "background");
  EXPECT_EQ(set.class_names[1], "T-shirt/top");
  EXPECT_EQ(set.class_names.back(), "Ankle boot");
  EXPECT_EQ(set.mean, (std::vector<float>{0.341f, 0.340f, 0.341f}));
  EXPECT_EQ(set.std, (std::vector<float>{0.185f, 0.185f, 0.183f}));
  EXPECT_EQ(set.palette, voc_palette(11));
  EXPECT_EQ(evaluation_split("fashion-scenes"), "test");
  EXPECT_EQ(evaluation_split("voc2012"), "val");
}

TEST(FashionScenesSet, has_3000_scenes_of_train_and_500_of_test_alone) {
  const TemporaryDirectory directory;
  write_garments(directory);

  EXPECT_EQ(load_segmentation_set(scenes_request(directory, "test", -1)).size(), 500);
  expect_error("fashion-scenes: a limit of 3001 images is over the 3000 of the split 'train'",
               [&] { load_segmentation_set(scenes_request(directory, "train", 3001)); });
  expect_error("fashion-scenes: a limit of 501 images is over the 500 of the split 'test'",
               [&] { load_segmentation_set(scenes_request(directory, "test", 501)); });
  expect_error("--split 'val': fashion-scenes has train and test",
               [&] { load_segmentation_set(scenes_request(directory, "val", 1)); });
}

class SystemFashionScenesSet : public SystemFashionMnist {};

// Those that FashionScenes' own tests have.
TEST_F(SystemFashionScenesSet, has_the_bytes_of_other_implementations) {
  SegmentationRequest request;
  request.name = "fashion-scenes";
  request.directory = kSystemFashion;
  request.limit = 100;

  const SegmentationSet train = load_segmentation_set(request);
  request.split = "test";
  const SegmentationSet test = load_segmentation_set(request);

  EXPECT_EQ(sha256(train.pixels).substr(0, 16), "f02e3a6895eed451");
  EXPECT_EQ(sha256(train.labels).substr(0, 16), "d0b39323acf8063c");
  EXPECT_EQ(sha256(test.pixels).substr(0, 16), "afcba5ab73bc68e7");
  EXPECT_EQ(sha256(test.labels).substr(0, 16), "ea1b58cdf16749f8");
}

}  // namespace
}  // namespace saddle
