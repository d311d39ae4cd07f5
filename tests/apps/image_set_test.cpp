// Sets of image files: trees on disk, the splits they make, and what is said where they are wrong.
#include "apps/data/image_set.h"

#include <omp.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>

#include "apps/data/image_file.h"
#include "apps/data/tiny_imagenet.h"
#include "tests/apps/image_files.h"

namespace saddle {
namespace {

Blob plain_png(std::uint8_t value, int side = 2) {
  return png_of(side, side, 3, plain(side, side, value, value, value));
}

DatasetRequest folder_request(const TemporaryDirectory& directory, Split split) {
  return {"image-folder", directory.path().string(), split, kAllExamples, Records::standard, {}};
}

Dataset load(const TemporaryDirectory& directory, Split split) {
  return load_dataset(folder_request(directory, split));
}

// Address space, bytes; returns what it was.
rlimit limit_memory(std::size_t bytes) {
  rlimit before{};
  EXPECT_EQ(::getrlimit(RLIMIT_AS, &before), 0);
  const rlimit now{bytes, before.rlim_max};
  EXPECT_EQ(::setrlimit(RLIMIT_AS, &now), 0);
  return before;
}

// Red, green and blue of each image's first pixel.
std::vector<int> first_bytes(const Dataset& data) {
  std::vector<int> bytes;
  const std::size_t image = data.pixels.size() / data.labels.size();
  for (std::size_t i = 0; i < data.pixels.size(); i += image) bytes.push_back(data.pixels[i]);
  return bytes;
}

// cat: 10, 11, 12; dog: 20 in training; cat: 30; dog: 40 in test.
void write_two_classes(const TemporaryDirectory& directory) {
  directory.write("train/cat/a.png", plain_png(10));
  directory.write("train/cat/b.PNG", plain_png(11));
  directory.write("train/cat/deeper/c.png", plain_png(12));
  directory.write("train/dog/z.png", plain_png(20));
  directory.write("train/dog/notes.txt", bytes_of("no image"));
  directory.write("train/.hidden/x.png", plain_png(99));
  directory.write("train/cat/.thumb.png", plain_png(99));
  directory.write("test/cat/1.png", plain_png(30));
  directory.write("test/dog/1.png", plain_png(40));
}

TEST(ImageFolder, reads_train_and_test_with_classes_in_turn) {
  const TemporaryDirectory directory;
  write_two_classes(directory);

  const Dataset train = load(directory, Split::train), test = load(directory, Split::test);

  EXPECT_EQ(train.class_names, (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(first_bytes(train), (std::vector<int>{10, 20, 11, 12}));
  EXPECT_EQ(train.labels, (std::vector<std::int32_t>{0, 1, 0, 0}));
  EXPECT_EQ(train.height, 2);
  EXPECT_EQ(train.width, 2);
  EXPECT_EQ(train.channels, 3);
  EXPECT_EQ(train.classes, 2);
  EXPECT_TRUE(train.warnings.empty());
  EXPECT_EQ(first_bytes(test), (std::vector<int>{30, 40}));
  EXPECT_EQ(test.labels, (std::vector<std::int32_t>{0, 1}));
}

TEST(ImageFolder, val_stands_for_test) {
  const TemporaryDirectory directory;
  directory.write("train/cat/1.png", plain_png(1));
  directory.write("val/cat/1.png", plain_png(2));

  EXPECT_EQ(first_bytes(load(directory, Split::test)), (std::vector<int>{2}));
}

TEST(ImageFolder, statistics_are_those_of_the_training_pixels) {
  const TemporaryDirectory directory;
  directory.write("train/a/1.png", png_of(1, 2, 3, {0, 10, 7, 100, 30, 7}));
  directory.write("train/b/1.png", png_of(1, 2, 3, {200, 20, 7, 100, 20, 7}));

  const Dataset train = load(directory, Split::train);

  EXPECT_FLOAT_EQ(train.mean[0], 100.f / 255);
  EXPECT_FLOAT_EQ(train.std[0], static_cast<float>(std::sqrt(5000.0) / 255));
  EXPECT_FLOAT_EQ(train.mean[1], 20.f / 255);
  EXPECT_FLOAT_EQ(train.std[1], static_cast<float>(std::sqrt(50.0) / 255));
  EXPECT_FLOAT_EQ(train.mean[2], 7.f / 255);
  EXPECT_EQ(train.std[2], 1.f);  // never varies
}

TEST(ImageFolder, test_split_needs_no_training_images_and_has_no_statistics) {
  const TemporaryDirectory directory;
  directory.write("test/cat/1.png", plain_png(3));

  const Dataset test = load(directory, Split::test);

  EXPECT_EQ(test.size(), 1);
  EXPECT_TRUE(test.mean.empty());
  expect_error("has test but no train", [&] { load(directory, Split::train); });
}

bool is_test(int i) {
  const std::string path = text("cat/", i, ".png");
  const auto size = static_cast<uInt>(path.size());
  return ::crc32(0, reinterpret_cast<const Bytef*>(path.data()), size) % 10 == 0;
}

// CRC-32 of the paths below DIR: a property of names, so the split is the same on every machine.
TEST(ImageFolder, one_tree_is_split_by_the_checksum_of_the_path) {
  const TemporaryDirectory directory;
  for (int i = 0; i < 60; ++i)
    directory.write(text("cat/", i, ".png"), plain_png(static_cast<std::uint8_t>(i)));

  const Dataset train = load(directory, Split::train), test = load(directory, Split::test);

  EXPECT_EQ(train.size() + test.size(), 60);
  EXPECT_TRUE(std::ranges::all_of(first_bytes(test), is_test));
  EXPECT_TRUE(std::ranges::none_of(first_bytes(train), is_test));
  EXPECT_GE(test.size(), 1);
}

TEST(ImageFolder, different_sizes_need_an_image_size) {
  const TemporaryDirectory directory;
  directory.write("train/cat/1.png", plain_png(50, 4));
  directory.write("train/dog/1.png", png_of(3, 6, 3, plain(3, 6, 90, 90, 90)));
  DatasetRequest request = folder_request(directory, Split::train);

  expect_error(text((directory.path() / "train/dog/1.png").string(),
                    " has 6 x 3 pixels, others have 4 x 4. Images of different sizes need "
                    "--image-size N"),
               [&] { load_dataset(request); });
  request.images.side = 5;
  const Dataset train = load_dataset(request);

  EXPECT_EQ(train.height, 5);
  EXPECT_EQ(train.width, 5);
  EXPECT_EQ(train.pixels.size(), 2u * 5 * 5 * 3);
  EXPECT_EQ(first_bytes(train), (std::vector<int>{50, 90}));
}

TEST(ImageFolder, limit_takes_the_first_and_leaves_the_rest_undecoded) {
  const TemporaryDirectory directory;
  write_two_classes(directory);
  directory.write("train/cat/b.PNG", bytes_of("broken"));
  DatasetRequest request = folder_request(directory, Split::train);

  request.limit = 2;
  EXPECT_EQ(first_bytes(load_dataset(request)), (std::vector<int>{10, 20}));
  request.limit = 5;
  expect_error("a limit of 5 examples is over the 4 of the training split",
               [&] { load_dataset(request); });
}

TEST(ImageFolder, broken_image_is_named_the_first_of_several) {
  const TemporaryDirectory directory;
  write_two_classes(directory);
  directory.write("train/cat/b.PNG", without_last(5, plain_png(1)));
  directory.write("train/cat/deeper/c.png", bytes_of("GIF89a"));

  const std::string message = error_of([&] { load(directory, Split::train); });

  expect_part(
      "image-folder: " + (directory.path() / "train/cat/b.PNG").string() + " is a PNG cut short",
      message);
  expect_part("--broken-images skip", message);
}

TEST(ImageFolder, broken_images_can_be_skipped_and_are_counted) {
  const TemporaryDirectory directory;
  write_two_classes(directory);
  directory.write("train/cat/a.png", without_last(5, plain_png(1)));
  directory.write("train/cat/b.PNG", bytes_of("GIF89a"));
  DatasetRequest request = folder_request(directory, Split::train);
  request.images.broken = BrokenImages::skip;

  const Dataset train = load_dataset(request);

  EXPECT_EQ(first_bytes(train), (std::vector<int>{20, 12}));
  EXPECT_EQ(train.labels, (std::vector<std::int32_t>{1, 0}));
  ASSERT_EQ(train.warnings.size(), 1u);
  expect_part("2 of 4 images cannot be decoded and are left out, the first is " +
                  (directory.path() / "train/cat/a.png").string(),
              train.warnings[0]);
}

TEST(ImageFolder, image_of_too_many_bytes_is_a_broken_one) {
  const TemporaryDirectory directory;
  write_two_classes(directory);
  std::filesystem::resize_file(directory.path() / "train/cat/a.png", kMaxImageBytes + 1);
  DatasetRequest request = folder_request(directory, Split::train);

  expect_error("a.png is 67108865 bytes, more than the 67108864 of an image",
               [&] { load_dataset(request); });
  request.images.broken = BrokenImages::skip;
  EXPECT_EQ(first_bytes(load_dataset(request)), (std::vector<int>{20, 11, 12}));
}

TEST(ImageFolder, more_pixels_than_memory_holds_are_an_error_of_their_own) {
#ifdef SADDLE_SANITIZE
  GTEST_SKIP() << "AddressSanitizer needs all the addresses there are";
#endif
  const TemporaryDirectory directory;
  directory.write("train/cat/1.png", plain_png(1));
  DatasetRequest request = folder_request(directory, Split::train);
  request.images.side = 4096;
  for (int i = 2; i < 60; ++i)
    std::filesystem::create_hard_link(directory.path() / "train/cat/1.png",
                                      directory.path() / text("train/cat/", i, ".png"));
  const rlimit before = limit_memory(std::size_t{2} << 30);

  const std::string message = error_of([&] { load_dataset(request); });
  ::setrlimit(RLIMIT_AS, &before);

  expect_part("59 images of 4096 x 4096 pixels and 3 channels do not fit into memory", message);
}

TEST(ImageFolder, what_is_left_out_is_said) {
  namespace fs = std::filesystem;
  const TemporaryDirectory directory, elsewhere;
  write_two_classes(directory);
  const fs::path train = directory.path() / "train";
  elsewhere.write("more/x.png", plain_png(50));
  fs::create_directory_symlink(elsewhere.path() / "more", train / "cat/linked");
  fs::create_symlink(elsewhere.path() / "more/x.png", train / "cat/d.png");  // is read
  fs::create_symlink(directory.path() / "nowhere", train / "dog/gone.png");
  for (const char* name : {"4", "2", "1", "3"})
    directory.write(text("train/cat/", name, ".TIF"), bytes_of("II*"));
  directory.write("train/beside.png", plain_png(60));

  const Dataset data = load(directory, Split::train);

  EXPECT_EQ(first_bytes(data), (std::vector<int>{10, 20, 11, 50, 12}));
  ASSERT_EQ(data.warnings.size(), 1u);
  EXPECT_EQ(
      data.warnings[0],
      text("image-folder: left out below ", train.string(),
           ": 1 linked folder (cat/linked), 1 link to nothing (dog/gone.png), 4 images of "
           "other formats (cat/1.TIF, cat/2.TIF, cat/3.TIF, ...), 1 image beside the classes' "
           "folders (beside.png)"));
  EXPECT_TRUE(load(directory, Split::test).warnings.empty());
}

TEST(ImageFolder, val_that_lies_beside_test_is_said) {
  const TemporaryDirectory directory;
  write_two_classes(directory);
  directory.write("val/cat/1.png", plain_png(50));

  EXPECT_TRUE(load(directory, Split::train).warnings.empty());
  const std::vector<std::string> warnings = load(directory, Split::test).warnings;
  ASSERT_EQ(warnings.size(), 1u);
  expect_part("left out: " + (directory.path() / "val").string(), warnings[0]);
}

TEST(ImageFolder, names_of_what_is_left_out_are_short_and_printable) {
  const TemporaryDirectory directory;
  write_two_classes(directory);
  directory.write("train/cat/" + std::string(200, 'x') + ".gif", bytes_of("GIF89a"));
  directory.write("train/dog/a\x1b\n\xff.gif", bytes_of("GIF89a"));

  const std::string warning = load(directory, Split::train).warnings.at(0);

  EXPECT_LT(warning.size(), 300u);
  expect_part("dog/a\\x1b\\n\\xff.gif", warning);
  expect_part("xxx.gif, ", warning);
}

TEST(ImageFolder, class_of_unreadable_images_alone_is_told_what_it_has) {
  const TemporaryDirectory directory;
  directory.write("train/cat/1.png", plain_png(1));
  directory.write("train/dog/1.tif", bytes_of("II*"));

  expect_error(
      "train/dog has no PNG, JPEG or BMP files, only 1 image of another format (dog/1.tif)",
      [&] { load(directory, Split::train); });
}

TEST(ImageFolder, orientations_are_counted_and_not_applied) {
  const TemporaryDirectory directory;
  const Blob jpeg = jpeg_of(2, 2, plain(2, 2, 50, 50, 50));
  directory.write("train/cat/1.jpg", jpeg);
  directory.write("train/cat/2.jpg", with_exif(jpeg, exif_of(1)));
  directory.write("train/cat/3.jpg", with_exif(jpeg, exif_of(6)));
  directory.write("train/dog/1.jpg", with_exif(jpeg, exif_of(8)));

  const Dataset data = load(directory, Split::train);

  EXPECT_EQ(data.size(), 4);
  ASSERT_EQ(data.warnings.size(), 1u);
  expect_part("image-folder: 2 of 4 images have an Exif orientation, which is not applied",
              data.warnings[0]);
  expect_part("The first is " + (directory.path() / "train/dog/1.jpg").string(), data.warnings[0]);
}

TEST(ImageFolder, grey_images_can_have_one_channel) {
  const TemporaryDirectory directory;
  directory.write("train/cat/1.png", png_of(1, 2, 1, {7, 200}));
  directory.write("train/dog/1.png", png_of(1, 2, 3, {255, 0, 0, 0, 0, 255}));
  DatasetRequest request = folder_request(directory, Split::train);
  request.images.channels = 1;

  const Dataset data = load_dataset(request);

  EXPECT_EQ(data.channels, 1);
  EXPECT_EQ(data.pixels, (std::vector<std::uint8_t>{7, 200, 76, 29}));
  ASSERT_EQ(data.mean.size(), 1u);
  EXPECT_FLOAT_EQ(data.mean[0], static_cast<float>((7 + 200 + 76 + 29) / 4. / 255));
  EXPECT_EQ(data.std.size(), 1u);
  request.images.channels = 3;
  EXPECT_EQ(load_dataset(request).channels, 3);
  request.images.channels = 2;
  expect_error("--channels 2: expected 1 (grey) or 3", [&] { load_dataset(request); });
}

TEST(ImageFolder, flags_of_image_files_are_refused_elsewhere) {
  DatasetRequest cifar{"cifar10"}, tiny{"tiny-imagenet"}, mnist{"mnist"};
  cifar.images.channels = tiny.images.channels = 1;
  mnist.images.broken = BrokenImages::skip;

  expect_error("--broken-images skip: mnist has no image files", [&] { load_dataset(mnist); });
  expect_error("--channels: cifar10 has no image files", [&] { load_dataset(cifar); });
  expect_error("--channels 1: tiny-imagenet's mean", [&] { load_dataset(tiny); });
}

TEST(ImageFolder, all_images_broken_is_an_error_even_when_skipping) {
  const TemporaryDirectory directory;
  directory.write("train/cat/1.png", bytes_of("no"));
  DatasetRequest request = folder_request(directory, Split::train);
  request.images.broken = BrokenImages::skip;

  expect_error("none of the 1 images can be decoded", [&] { load_dataset(request); });
}

TEST(ImageFolder, number_of_threads_makes_no_difference) {
  const TemporaryDirectory directory;
  for (int i = 0; i < 100; ++i) {
    const auto value = static_cast<std::uint8_t>(i);
    directory.write(text("train/", i % 3, "/", i, ".jpg"),
                    jpeg_of(9, 11, plain(9, 11, value, 3, 200)));
  }
  DatasetRequest request = folder_request(directory, Split::train);
  request.images.side = 6;
  const int threads = omp_get_max_threads();

  omp_set_num_threads(1);
  const Dataset serial = load_dataset(request);
  omp_set_num_threads(5);
  const Dataset parallel = load_dataset(request);
  omp_set_num_threads(threads);

  EXPECT_EQ(serial.pixels, parallel.pixels);
  EXPECT_EQ(serial.labels, parallel.labels);
  EXPECT_EQ(serial.mean, parallel.mean);
  EXPECT_EQ(serial.std, parallel.std);
}

TEST(ImageFolder, wrong_trees_are_told_with_a_mend) {
  const TemporaryDirectory directory;
  const auto error = [&](Split split) { return error_of([&] { load(directory, split); }); };

  expect_part("has no folders, expected one for each class. Expected DIR/train/<class>/",
              error(Split::train));
  expect_part("none. Expected DIR/train/<class>/", error_of([&] {
                load_dataset({"image-folder", (directory.path() / "none").string()});
              }));
  directory.write("train/cat/1.png", plain_png(1));
  expect_part("has train but neither test nor val", error(Split::test));
  directory.write("test/cow/1.png", plain_png(1));
  expect_part((directory.path() / "test/cow").string() + " is no class of ", error(Split::test));
  std::filesystem::remove_all(directory.path() / "test/cow");
  expect_part("test lacks the class cat of ", error(Split::test));
  std::filesystem::create_directories(directory.path() / "train/dog");
  expect_part("train/dog has no PNG, JPEG or BMP files. Add some", error(Split::train));
}

// ---- tiny-imagenet ----

// Two classes, "n00000002" before "n00000001" in the file; a grey image among the training ones.
void write_tiny(const TemporaryDirectory& directory, const std::string& folder) {
  const auto image = [](std::uint8_t value) { return jpeg_of(64, 64, plain(64, 64, value, 0, 0)); };
  directory.write(folder + "wnids.txt", bytes_of("n00000002\nn00000001\n"));
  directory.write(folder + "words.txt",
                  bytes_of("n00000001\ttench, Tinca tinca\nn00000009\tother\n"));
  for (const char* id : {"n00000001", "n00000002"}) {
    const std::string images = folder + "train/" + id + "/images/" + id;
    directory.write(images + "_0.JPEG", image(id[8] == '1' ? 10 : 100));
    directory.write(images + "_1.JPEG", image(id[8] == '1' ? 20 : 200));
    directory.write(folder + "train/" + id + "/" + id + "_boxes.txt", bytes_of("unused"));
  }
  directory.write(folder + "train/n00000001/images/n00000001_1.JPEG",
                  png_of(64, 64, 1, std::vector<std::uint8_t>(64 * 64, 33)));
  directory.write(folder + "val/images/val_0.JPEG", image(50));
  directory.write(folder + "val/images/val_1.JPEG", image(150));
  directory.write(
      folder + "val/val_annotations.txt",
      bytes_of("val_1.JPEG\tn00000002\t0\t0\t9\t9\r\nval_0.JPEG\tn00000001\t0\t0\t9\t9\n"));
}

Dataset load_tiny(const TemporaryDirectory& directory, Split split) {
  return load_dataset(
      {"tiny-imagenet", directory.path().string(), split, kAllExamples, Records::any, {}});
}

TEST(TinyImagenet, labels_are_the_places_of_the_sorted_ids) {
  const TemporaryDirectory directory;
  write_tiny(directory, "tiny-imagenet-200/");

  const Dataset train = load_tiny(directory, Split::train);

  EXPECT_EQ(train.labels, (std::vector<std::int32_t>{0, 1, 0, 1}));
  EXPECT_EQ(train.class_names, (std::vector<std::string>{"tench", "n00000002"}));
  EXPECT_EQ(train.height, 64);
  EXPECT_EQ(train.width, 64);
  EXPECT_EQ(train.mean, (std::vector<float>{0.4802f, 0.4481f, 0.3975f}));
  const std::vector<int> reds = first_bytes(train);
  EXPECT_NEAR(reds[0], 10, 3);
  EXPECT_NEAR(reds[1], 100, 3);
  EXPECT_EQ(reds[2], 33);
  EXPECT_EQ(train.pixels[2 * 64 * 64 * 3 + 1], 33);  // grey is replicated
}

TEST(TinyImagenet, test_split_is_val_in_the_order_of_the_annotations) {
  const TemporaryDirectory directory;
  write_tiny(directory, "");

  const Dataset test = load_tiny(directory, Split::test);

  EXPECT_EQ(test.labels, (std::vector<std::int32_t>{1, 0}));
  EXPECT_NEAR(first_bytes(test)[0], 150, 3);
  EXPECT_NEAR(first_bytes(test)[1], 50, 3);
  EXPECT_EQ(test.std, (std::vector<float>{0.2770f, 0.2691f, 0.2821f}));
}

TEST(TinyImagenet, what_is_left_out_is_said) {
  const TemporaryDirectory directory;
  write_tiny(directory, "");
  EXPECT_TRUE(load_tiny(directory, Split::train).warnings.empty());
  EXPECT_TRUE(load_tiny(directory, Split::test).warnings.empty());
  directory.write("train/n00000001/images/a.gif", bytes_of("GIF89a"));
  directory.write("val/images/val_2.JPEG", bytes_of("not named"));

  const std::vector<std::string> train = load_tiny(directory, Split::train).warnings;
  const std::vector<std::string> test = load_tiny(directory, Split::test).warnings;

  ASSERT_EQ(train.size(), 1u);
  expect_part("1 image of another format (n00000001/images/a.gif)", train[0]);
  ASSERT_EQ(test.size(), 1u);
  expect_part("1 that val_annotations.txt does not name", test[0]);
}

TEST(TinyImagenet, image_size_halves_the_images) {
  const TemporaryDirectory directory;
  write_tiny(directory, "");
  DatasetRequest request{
      "tiny-imagenet", directory.path().string(), Split::test, 1, Records::any, {}};
  request.images.side = 32;

  EXPECT_EQ(load_dataset(request).pixels.size(), 32u * 32 * 3);
}

TEST(TinyImagenet, counts_are_the_published_ones_unless_any_will_do) {
  const TemporaryDirectory directory;
  write_tiny(directory, "");

  expect_error("wnids.txt has 2 classes, expected 200", [&] {
    load_dataset({"tiny-imagenet", directory.path().string(), Split::train});
  });
}

TEST(TinyImagenet, what_is_missing_is_named_with_a_mend) {
  const TemporaryDirectory directory;
  const auto error = [&](Split split) { return error_of([&] { load_tiny(directory, split); }); };

  expect_part("tiny-imagenet: found no wnids.txt in " + directory.path().string() + ", ",
              error(Split::train));
  expect_part("Unpack http://cs231n.stanford.edu/tiny-imagenet-200.zip there.",
              error(Split::train));
  write_tiny(directory, "");
  std::filesystem::remove(directory.path() / "val/images/val_0.JPEG");
  expect_part("val_0.JPEG is missing, but val_annotations.txt names it", error(Split::test));
  std::filesystem::remove(directory.path() / "val/val_annotations.txt");
  expect_part("val_annotations.txt is missing", error(Split::test));
  std::filesystem::remove_all(directory.path() / "train/n00000002");
  expect_part("train/n00000002/images is missing", error(Split::train));
}

TEST(TinyImagenet, images_of_another_size_are_an_error) {
  const TemporaryDirectory directory;
  write_tiny(directory, "");
  directory.write("val/images/val_1.JPEG", grey_jpeg());
  DatasetRequest request{
      "tiny-imagenet", directory.path().string(), Split::test, 1, Records::any, {}};

  expect_error("has 8 x 8 pixels, expected 64 x 64", [&] { load_dataset(request); });
}

TEST(TinyImagenet, wrong_label_files_name_the_line) {
  const std::vector<std::string> ids{"n00000001", "n00000002"};
  const auto annotations = [&](const std::string& letters) {
    return error_of([&] { parse_annotations(bytes_of(letters), ids, "set: val"); });
  };
  const auto wnids = [&](const std::string& letters) {
    return error_of([&] { parse_wnids(bytes_of(letters), "set: wnids"); });
  };

  expect_part("set: val: line 2: the class of b.JPEG is not one of wnids.txt",
              annotations("a.JPEG\tn00000001\nb.JPEG\tn00000003\t1\n"));
  expect_part("line 2 has a.JPEG a second time",
              annotations("a.JPEG\tn00000001\na.JPEG\tn00000002"));
  expect_part("line 1 does not begin with a file's name", annotations("../a.JPEG\tn00000001"));
  expect_part("line 1 does not begin with a file's name", annotations("a.JPEG n00000001"));
  expect_part("set: val is empty", annotations("\n\n"));
  expect_part("set: wnids: line 2 is not a WordNet id", wnids("n00000001\nn0000000x"));
  expect_part("set: wnids has n00000001 twice", wnids("n00000001\nn00000002\nn00000001\n"));
  expect_part("set: wnids is empty", wnids(""));
}

TEST(ImageFolder, image_size_is_refused_for_a_set_without_image_files) {
  DatasetRequest request{"cifar10"};
  request.images.side = 32;

  expect_error("--image-size: cifar10 has no image files", [&] { load_dataset(request); });
}

}  // namespace
}  // namespace saddle
