// The CIFAR parsers: planes become pixels, and every way a file can lie.
#include "apps/data/cifar.h"

#include "tests/apps/data_files.h"

namespace saddle {
namespace {

Blob record10(int label) { return Blob(1, std::byte(label)) + ramp(kCifarPixels, 0, 1); }

Blob record100(int coarse, int fine) {
  return Blob(1, std::byte(coarse)) + Blob(1, std::byte(fine)) + ramp(kCifarPixels, 0, 1);
}

void expect_cifar10_error(const std::string& part, const Blob& bytes) {
  expect_error(part, [&] { parse_cifar10(bytes, "cifar10: file"); });
}

void expect_cifar100_error(const std::string& part, const Blob& bytes) {
  expect_error(part, [&] { parse_cifar100(bytes, "cifar100: file"); });
}

void expect_names_error(const std::string& part, const std::string& lines) {
  expect_error(part, [&] { parse_class_names(bytes_of(lines), 3, "cifar10: names"); });
}

// Where a file of `label_bytes + 3072` bytes a record has this pixel.
int byte_of_file(const Blob& file, std::size_t label_bytes, std::size_t image, std::size_t row,
                 std::size_t column, std::size_t channel) {
  const std::size_t record = image * (label_bytes + 3072);
  return std::to_integer<int>(file[record + label_bytes + channel * 1024 + row * 32 + column]);
}

TEST(Cifar, cifar10_planes_become_interleaved_pixels) {
  const Blob file = Blob(1, std::byte{3}) + ramp(kCifarPixels, 5, 1) + Blob(1, std::byte{9}) +
                    ramp(kCifarPixels, 90, 7);

  const CifarRecords records = parse_cifar10(file, "file");

  EXPECT_EQ(records.labels, (std::vector<std::int32_t>{3, 9}));
  ASSERT_EQ(records.pixels.size(), 2 * kCifarPixels);
  for (std::size_t i = 0; i < records.pixels.size(); ++i) {
    const std::size_t channel = i % 3, column = i / 3 % 32, row = i / 96 % 32, image = i / 3072;
    ASSERT_EQ(records.pixels[i], byte_of_file(file, 1, image, row, column, channel)) << i;
  }
}

TEST(Cifar, cifar100_keeps_the_fine_label_and_the_pixels) {
  const Blob file = record100(19, 99) + record100(0, 42);

  const CifarRecords records = parse_cifar100(file, "file");

  EXPECT_EQ(records.labels, (std::vector<std::int32_t>{99, 42}));
  ASSERT_EQ(records.pixels.size(), 2 * kCifarPixels);
  for (std::size_t i = 0; i < records.pixels.size(); ++i) {
    const std::size_t channel = i % 3, column = i / 3 % 32, row = i / 96 % 32, image = i / 3072;
    ASSERT_EQ(records.pixels[i], byte_of_file(file, 2, image, row, column, channel)) << i;
  }
}

TEST(Cifar, size_that_is_no_multiple_of_a_record_is_an_error) {
  expect_cifar10_error("cifar10: file is 0 bytes, expected a positive multiple of 3073", {});
  expect_cifar10_error("is 3072 bytes", without_last(1, record10(0)));
  expect_cifar10_error("is 3074 bytes", record10(0) + Blob(1));
  expect_cifar100_error("is 0 bytes, expected a positive multiple of 3074", {});
  expect_cifar100_error("is 6149 bytes", record100(0, 0) + record100(0, 0) + Blob(1));
}

TEST(Cifar, label_out_of_range_is_named_with_its_offset) {
  expect_cifar10_error("has label 10 at byte 3073, expected 0 to 9", record10(9) + record10(10));
  expect_cifar100_error("has label 100 at byte 3075, expected 0 to 99",
                        record100(19, 99) + record100(19, 100));
  expect_cifar100_error("has label 20 at byte 0, expected 0 to 19", record100(20, 5));
}

// 3073 * 3074 bytes are whole records of both formats; only the labels can tell them apart.
TEST(Cifar, cifar10_file_read_as_cifar100_is_an_error) {
  Blob file;
  for (int i = 0; i < 3074; ++i) file = std::move(file) + record10(i % 10);

  expect_cifar100_error("has label", file);
}

TEST(Cifar, class_names_may_end_in_blank_lines_and_carriage_returns) {
  const std::vector<std::string> expected{"cat", "maple_tree", "dog"};

  EXPECT_EQ(parse_class_names(bytes_of("cat\nmaple_tree\ndog"), 3, "names"), expected);
  EXPECT_EQ(parse_class_names(bytes_of("cat\nmaple_tree\ndog\n\n\n"), 3, "names"), expected);
  EXPECT_EQ(parse_class_names(bytes_of("cat\r\nmaple_tree\r\ndog\r\n\r\n"), 3, "names"), expected);
}

TEST(Cifar, wrong_class_names_are_errors) {
  expect_names_error("cifar10: names has 0 lines, expected 3 class names", "");
  expect_names_error("has 2 lines", "cat\ndog\n");
  expect_names_error("has 4 lines", "cat\ndog\nfrog\nship\n");
  expect_names_error("line 2 is blank", "cat\n\ndog\n");
  expect_names_error("line 3 holds a control character", "cat\ndog\n\x1b[31mfrog\n");
}

}  // namespace
}  // namespace saddle
