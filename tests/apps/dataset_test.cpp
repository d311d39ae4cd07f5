// load_dataset: from directories to splits, and what it says where they are not right.
#include "apps/data/dataset.h"

#include <cmath>

#include "apps/data/cifar.h"
#include "tests/apps/data_files.h"
#include "tests/apps/surroundings.h"
#include "tests/apps/system_fashion_mnist.h"

namespace saddle {
namespace {

Blob images_file(std::uint32_t count) {
  return idx_header(2051, {count, 28, 28}) + ramp(std::size_t{count} * 784, 1, 3);
}

Blob labels_file(const Blob& labels) {
  return idx_header(2049, {static_cast<std::uint32_t>(labels.size())}) + labels;
}

void write_small_mnist(const TemporaryDirectory& directory) {
  directory.write("train-images-idx3-ubyte.gz", gzip(images_file(3)));
  directory.write("train-labels-idx1-ubyte.gz", gzip(labels_file(bytes_of({5, 0, 4}))));
  directory.write("t10k-images-idx3-ubyte", images_file(2));
  directory.write("t10k-labels-idx1-ubyte", labels_file(bytes_of({7, 2})));
}

// One record a file; file i of CIFAR-10's training split holds label i and pixels that begin at i.
void write_small_cifar10(const TemporaryDirectory& directory, const std::string& folder) {
  for (int i = 1; i <= 5; ++i) {
    directory.write(folder + text("data_batch_", i, ".bin"),
                    Blob(1, std::byte(i)) + ramp(kCifarPixels, static_cast<unsigned>(i), 1));
  }
  directory.write(folder + "test_batch.bin", Blob(1, std::byte{8}) + ramp(kCifarPixels, 60, 1));
}

Dataset load_any(const std::string& name, const TemporaryDirectory& directory, Split split,
                 std::int64_t limit = kAllExamples) {
  return load_dataset({name, directory.path().string(), split, limit, Records::any});
}

TEST(Dataset, mnist_splits_are_read_compressed_and_plain) {
  const TemporaryDirectory directory;
  write_small_mnist(directory);

  const Dataset train = load_any("mnist", directory, Split::train);
  const Dataset test = load_any("mnist", directory, Split::test);

  EXPECT_EQ(train.name, "mnist");
  EXPECT_EQ(train.size(), 3);
  EXPECT_EQ(train.height, 28);
  EXPECT_EQ(train.width, 28);
  EXPECT_EQ(train.channels, 1);
  EXPECT_EQ(train.classes, 10);
  EXPECT_EQ(train.labels, (std::vector<std::int32_t>{5, 0, 4}));
  ASSERT_EQ(train.pixels.size(), 3u * 784);
  EXPECT_EQ(train.pixels[2 * 784 + 13 * 28 + 9], (1 + 3 * (2 * 784 + 13 * 28 + 9)) % 251);
  EXPECT_EQ(train.mean, (std::vector<float>{0.1307f}));
  EXPECT_EQ(train.std, (std::vector<float>{0.3081f}));
  EXPECT_EQ(train.class_names.size(), 10u);
  EXPECT_EQ(test.labels, (std::vector<std::int32_t>{7, 2}));
}

// Two files of one name need not hold the same: which one is read must not stay unsaid.
TEST(Dataset, file_that_lies_beside_its_compressed_form_is_said) {
  const TemporaryDirectory directory;
  write_small_mnist(directory);
  directory.write("train-labels-idx1-ubyte", labels_file(bytes_of({1, 1, 1})));

  const Dataset data = load_any("mnist", directory, Split::train);

  EXPECT_EQ(data.labels, (std::vector<std::int32_t>{5, 0, 4}));
  ASSERT_EQ(data.warnings.size(), 1u);
  expect_part("train-labels-idx1-ubyte lies beside train-labels-idx1-ubyte.gz, which is the one",
              data.warnings[0]);
  EXPECT_TRUE(load_any("mnist", directory, Split::test).warnings.empty());
}

TEST(Dataset, cifar10_joins_its_five_files_in_order) {
  const TemporaryDirectory directory;
  write_small_cifar10(directory, "");

  const Dataset train = load_any("cifar10", directory, Split::train);
  const Dataset test = load_any("cifar10", directory, Split::test);

  EXPECT_EQ(train.labels, (std::vector<std::int32_t>{1, 2, 3, 4, 5}));
  ASSERT_EQ(train.pixels.size(), 5 * kCifarPixels);
  EXPECT_EQ(train.pixels[0], 1);                 // first file, red of its first pixel
  EXPECT_EQ(train.pixels[4 * kCifarPixels], 5);  // fifth file
  EXPECT_EQ(train.pixels[4 * kCifarPixels + 1], (5 + 1024) % 251);  // its green
  EXPECT_EQ(train.height, 32);
  EXPECT_EQ(train.width, 32);
  EXPECT_EQ(train.channels, 3);
  EXPECT_EQ(train.mean, (std::vector<float>{0.4914f, 0.4822f, 0.4465f}));
  EXPECT_EQ(train.std, (std::vector<float>{0.2471f, 0.2435f, 0.2616f}));
  EXPECT_EQ(train.class_names[6], "frog");
  EXPECT_EQ(test.labels, (std::vector<std::int32_t>{8}));
}

TEST(Dataset, folder_of_the_published_archive_is_found) {
  const TemporaryDirectory directory;
  write_small_cifar10(directory, "cifar-10-batches-bin/");

  EXPECT_EQ(load_any("cifar10", directory, Split::train).size(), 5);
}

TEST(Dataset, cifar100_has_fine_labels_and_names_from_its_file) {
  const TemporaryDirectory directory;
  std::string names;
  for (int i = 0; i < 100; ++i) names += text("name_", i, "\n");
  directory.write("test.bin", bytes_of({4, 71}) + ramp(kCifarPixels, 0, 1));

  const Dataset unnamed = load_any("cifar100", directory, Split::test);
  directory.write("fine_label_names.txt", bytes_of(names + "\n"));
  const Dataset named = load_any("cifar100", directory, Split::test);

  EXPECT_EQ(named.labels, (std::vector<std::int32_t>{71}));
  EXPECT_EQ(named.classes, 100);
  EXPECT_EQ(unnamed.class_names[71], "class 71");
  EXPECT_EQ(named.class_names[71], "name_71");
}

TEST(Dataset, limit_keeps_the_first_examples) {
  const TemporaryDirectory directory;
  write_small_cifar10(directory, "");

  const Dataset all = load_any("cifar10", directory, Split::train);
  const Dataset first = load_any("cifar10", directory, Split::train, 2);

  EXPECT_EQ(first.labels, (std::vector<std::int32_t>{1, 2}));
  EXPECT_EQ(first.pixels,
            std::vector<std::uint8_t>(all.pixels.begin(), all.pixels.begin() + 2 * kCifarPixels));
  EXPECT_EQ(load_any("cifar10", directory, Split::train, 5).size(), 5);
}

TEST(Dataset, limit_out_of_range_names_both_numbers) {
  const TemporaryDirectory directory;
  write_small_cifar10(directory, "");

  expect_error("cifar10: a limit of 6 examples is over the 5 of the training split",
               [&] { load_any("cifar10", directory, Split::train, 6); });
  expect_error("cifar10: a limit of 0 examples, expected at least 1",
               [&] { load_any("cifar10", directory, Split::train, 0); });
  EXPECT_THROW(load_any("cifar10", directory, Split::train, -2), UsageError);
}

TEST(Dataset, unknown_name_lists_the_names_that_are_read) {
  const auto load = [](const std::string& name) { load_dataset({name, "", Split::train}); };

  expect_error("It reads fashion-mnist, mnist, cifar10, cifar100, tiny-imagenet, image-folder.",
               [&] { load("imagenet"); });
  EXPECT_THROW(load(""), UsageError);
}

TEST(Dataset, size_that_is_not_the_published_one_is_an_error) {
  const TemporaryDirectory directory;
  write_small_cifar10(directory, "");
  write_small_mnist(directory);
  const auto load = [&](const std::string& name) {
    load_dataset({name, directory.path().string(), Split::train});
  };

  expect_error(text("cifar10: ", (directory.path() / "data_batch_1.bin").string(),
                    " is 3073 bytes, expected 30730000. Download it again."),
               [&] { load("cifar10"); });
  expect_error("has 3 examples, expected 60000", [&] { load("mnist"); });
}

TEST(Dataset, missing_files_are_named_with_places_and_a_mend) {
  const TemporaryDirectory directory;
  const auto load = [&](const std::string& name) { load_any(name, directory, Split::test); };

  const std::string mnist = error_of([&] { load("mnist"); });
  const std::string fashion = error_of([&] { load("fashion-mnist"); });

  expect_part("found no files in " + directory.path().string(), mnist);
  expect_part("expected t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte", mnist);
  expect_part("Debian's package dataset-fashion-mnist", fashion);
}

TEST(Dataset, half_a_split_names_the_files_that_are_missing) {
  const TemporaryDirectory directory;
  write_small_cifar10(directory, "");
  std::filesystem::remove(directory.path() / "data_batch_2.bin");
  std::filesystem::remove(directory.path() / "data_batch_4.bin");

  expect_error("lacks data_batch_2.bin, data_batch_4.bin",
               [&] { load_any("cifar10", directory, Split::train); });
}

TEST(Dataset, places_are_searched_in_the_documented_order) {
  const TemporaryDirectory data, working;
  working.write("data/cifar100/test.bin", bytes_of({0, 2}) + ramp(kCifarPixels, 0, 1));
  const Surroundings surroundings(data.path().string(), working.path());
  const auto first_label = [] {
    return load_dataset({"cifar100", "", Split::test, kAllExamples, Records::any}).labels[0];
  };

  EXPECT_EQ(first_label(), 2);  // ./data/NAME
  data.write("cifar100/test.bin", bytes_of({0, 1}) + ramp(kCifarPixels, 0, 1));
  EXPECT_EQ(first_label(), 1);  // $SADDLE_DATA/NAME goes before it
}

TEST(Dataset, every_place_that_was_searched_is_listed) {
  const TemporaryDirectory data, working;
  const Surroundings surroundings(data.path().string(), working.path());

  const std::string message = error_of([] { load_dataset({"cifar100", "", Split::train}); });

  expect_part((data.path() / "cifar100").string() + ",", message);
  expect_part(" data/cifar100, data/cifar100/cifar-100-binary,", message);
  expect_part("--data-dir", message);
}

TEST(Dataset, different_numbers_of_images_and_labels_are_an_error) {
  const TemporaryDirectory directory;
  write_small_mnist(directory);
  directory.write("t10k-labels-idx1-ubyte", labels_file(bytes_of({7, 2, 1})));

  expect_error("has 2 images, but", [&] { load_any("mnist", directory, Split::test); });
}

TEST(Dataset, images_of_another_size_are_an_error) {
  const TemporaryDirectory directory;
  write_small_mnist(directory);
  directory.write("t10k-images-idx3-ubyte", idx_header(2051, {2, 27, 28}) + Blob(2 * 27 * 28));

  expect_error("has images of 27 x 28 pixels, expected 28 x 28",
               [&] { load_any("mnist", directory, Split::test); });
}

// 10000 examples are the published number, so the examples a class are counted, for the set that
// has equally many of each; MNIST itself has not.
TEST(Dataset, full_set_with_wrong_counts_a_class_is_an_error_only_for_a_balanced_set) {
  const TemporaryDirectory directory;
  Blob labels;
  for (int i = 0; i < 10000; ++i) labels.push_back(std::byte(i % 10));
  labels[3] = std::byte{8};
  directory.write("t10k-images-idx3-ubyte", images_file(10000));
  directory.write("t10k-labels-idx1-ubyte", labels_file(labels));
  const std::string place = directory.path().string();

  expect_error("has 999 examples of class 3, expected 1000", [&] {
    load_dataset({"fashion-mnist", place, Split::test});
  });
  EXPECT_EQ(load_dataset({"mnist", place, Split::test}).size(), 10000);
}

TEST(Dataset, padding_puts_zeros_around_every_image_and_leaves_the_rest_alone) {
  Dataset data{"tiny", 1, 2, 2, 3, {1, 2, 3, 4, 5, 6, 7, 8}, {2, 1}, {0.5f, 0.5f}, {1, 1}, {}};

  const Dataset got = padded(data, 4);

  EXPECT_EQ(got.height, 4);
  EXPECT_EQ(got.width, 4);
  std::vector<std::uint8_t> want(2 * 4 * 4 * 2, 0);
  for (std::size_t image = 0; image < 2; ++image) {
    for (std::size_t i = 0; i < 4; ++i) {  // row 1, columns 1 and 2
      want[image * 32 + 1 * 8 + 1 * 2 + i] = static_cast<std::uint8_t>(image * 4 + i + 1);
    }
  }
  EXPECT_EQ(got.pixels, want);
  EXPECT_EQ(got.labels, data.labels);
  EXPECT_EQ(got.mean, data.mean);
}

TEST(Dataset, padding_to_less_than_the_image_is_an_error) {
  const Dataset data{"tiny", 1, 2, 1, 2, {1, 2}, {0}, {0.5f}, {1}, {}};

  EXPECT_THROW(padded(data, 1), UsageError);
  EXPECT_THROW(padded(data, 4097), UsageError);
  EXPECT_THROW(padded(data, std::int64_t{1} << 32), UsageError);  // its square is 0 in 64 bits
  EXPECT_EQ(padded(data, 2).height, 2);
}

// The labels and statistics of the real set are published.
TEST_F(SystemFashionMnist, training_split_has_the_published_labels_and_statistics) {
  const Dataset train = load_dataset({"fashion-mnist", kSystemFashion, Split::train});

  const auto count = static_cast<double>(train.pixels.size());
  double sum = 0, sum_of_squares = 0;
  for (const double pixel : train.pixels) {
    sum += pixel;
    sum_of_squares += pixel * pixel;
  }
  const double mean = sum / count;
  const double deviation = std::sqrt(sum_of_squares / count - mean * mean);

  ASSERT_EQ(train.size(), 60000);
  ASSERT_EQ(train.pixels.size(), 60000u * 784);
  EXPECT_EQ(std::vector<std::int32_t>(train.labels.begin(), train.labels.begin() + 10),
            (std::vector<std::int32_t>{9, 0, 0, 3, 0, 2, 7, 2, 5, 5}));
  EXPECT_EQ(train.class_names[9], "Ankle boot");
  EXPECT_NEAR(mean / 255, train.mean[0], 1e-3);
  EXPECT_NEAR(deviation / 255, train.std[0], 1e-3);
}

TEST_F(SystemFashionMnist, test_split_is_found_without_a_directory) {
  const TemporaryDirectory empty;
  const Surroundings surroundings(empty.path().string(), empty.path());

  const Dataset test = load_dataset({"fashion-mnist", "", Split::test, 500});

  ASSERT_EQ(test.size(), 500);
  EXPECT_EQ(std::vector<std::int32_t>(test.labels.begin(), test.labels.begin() + 5),
            (std::vector<std::int32_t>{9, 2, 1, 1, 6}));
}

}  // namespace
}  // namespace saddle
