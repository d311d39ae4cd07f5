#include "core/safetensors.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/core/safetensors_text.h"
#include "tests/support/temporary_directory.h"

namespace saddle {
namespace {

namespace fs = std::filesystem;

// ---- Other formats, by name ----

TEST(Safetensors, a_file_of_pytorch_is_named_with_the_line_that_converts_it) {
  const std::string zip("PK\x03\x04\0\0\x08\x08\0\0archive/data.pkl", 26),
      legacy("\x80\x02\x8a\x0al\xfc\x9c\x46\xf9 j\xa8P\x19.", 15), pickle("\x80\x05}q\0.", 6);

  for (const std::string& file : {zip, legacy, pickle + std::string(100, 'x')}) {
    const std::string message = message_of([&] { parsed(file); });
    EXPECT_TRUE(message.starts_with("test.safetensors: is a PyTorch file (.pt, .pth)")) << message;
    EXPECT_NE(message.find("s.save_file("), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

TEST(Safetensors, a_git_lfs_pointer_is_named) {
  const std::string message = message_of(
      [&] { parsed("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n"); });
  EXPECT_EQ(message,
            "test.safetensors: is a Git LFS pointer, not the file it stands for. Fetch that with "
            "git lfs pull");
}

TEST(Safetensors, a_web_page_is_named) {
  for (const char* page : {"<!DOCTYPE html><html>", "\n\n <HTML lang=\"en\">",
                           "\xef\xbb\xbf<?xml version=\"1.0\"?>", "<head><title>x</title>"}) {
    const std::string message = message_of([&] { parsed(page); });
    EXPECT_TRUE(message.starts_with("test.safetensors: is a web page, not safetensors")) << message;
  }
}

// A header of 0x2050 bytes begins with the bytes "P ", one of 0x4b50 with "PK".
TEST(Safetensors, a_header_whose_length_looks_like_another_format_is_read) {
  EXPECT_TRUE(parsed(file_with("{}" + std::string(0x4b50 - 2, ' '))).names().empty());
  EXPECT_TRUE(parsed(file_with("{}" + std::string(0x0280 - 2, ' '))).names().empty());
}

// ---- Sound files ----

TEST(Safetensors, integers_of_any_width_are_read_as_i64) {
  const auto numbers = [](const char* dtype, const char* shape, const char* offsets,
                          const std::string& data) {
    const SafetensorsFile file = parsed(file_with(one_tensor(dtype, shape, offsets), data));
    EXPECT_EQ(file.tensor("a").dtype, DType::i64);
    return file.read_i64("a");
  };
  using Numbers = std::vector<std::int64_t>;
  EXPECT_EQ(numbers("\"I8\"", "[2]", "[0,2]", "\x11\xff"), (Numbers{17, -1}));
  EXPECT_EQ(numbers("\"I16\"", "[2]", "[0,4]", std::string("\x11\0\xfe\xff", 4)),
            (Numbers{17, -2}));
  EXPECT_EQ(numbers("\"U16\"", "[]", "[0,2]", "\xff\xff"), (Numbers{65535}));
  EXPECT_EQ(numbers("\"U32\"", "[]", "[0,4]", "\xff\xff\xff\xff"), (Numbers{4294967295}));
  EXPECT_EQ(numbers("\"U64\"", "[]", "[0,8]", std::string(8, '\xff')),
            (Numbers{std::numeric_limits<std::int64_t>::max()}));
  EXPECT_EQ(numbers("\"I16\"", "[0]", "[0,0]", ""), (Numbers{}));
}

TEST(Safetensors, metadata_that_is_null_is_none) {
  EXPECT_TRUE(parsed(file_with(R"({"__metadata__":null})")).metadata().empty());
}

TEST(Safetensors, an_empty_object_is_a_file_without_tensors) {
  const SafetensorsFile file = parsed(file_with("{}      "));

  EXPECT_TRUE(file.names().empty());
  EXPECT_TRUE(file.metadata().empty());
}

TEST(Safetensors, white_space_around_and_behind_the_header_is_json) {
  const SafetensorsFile file =
      parsed(file_with("{ \"a\" : { \"dtype\" : \"U8\",\n\t\"shape\" : [ 2 ], \"data_offsets\" : "
                       "[ 0 , 2 ] } }  \n",
                       "xy"));

  EXPECT_EQ(text_of(file.tensor("a").bytes), "xy");
}

TEST(Safetensors, fields_and_tensors_may_stand_in_any_order) {
  const SafetensorsFile file = parsed(
      file_with(R"({"b":{"data_offsets":[1,3],"shape":[2],"dtype":"U8"},)"
                R"("a":{"shape":[1],"data_offsets":[0,1],"dtype":"U8"},"__metadata__":{"k":"v"}})",
                "xyz"));

  EXPECT_EQ(file.names(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(text_of(file.tensor("a").bytes), "x");
  EXPECT_EQ(text_of(file.tensor("b").bytes), "yz");
  EXPECT_EQ(file.metadata(), (Metadata{{"k", "v"}}));
}

TEST(Safetensors, a_tensor_may_lie_at_any_alignment) {
  const float value = -1.5f;
  std::string data(5, '\x07');
  std::memcpy(data.data() + 1, &value, 4);

  const SafetensorsFile file =
      parsed(file_with(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                       R"("b":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}})",
                       data));

  EXPECT_EQ(file.read_f32("b"), std::vector<float>{-1.5f});
  EXPECT_EQ(file.read_i64("a"), std::vector<std::int64_t>{7});
}

TEST(Safetensors, escapes_in_names_are_resolved) {
  const SafetensorsFile file = parsed(file_with(
      "{\"\\u00e9\\ud83d\\ude00\\/\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
      "x"));

  EXPECT_TRUE(file.contains("\xc3\xa9\xf0\x9f\x98\x80/"));
}

TEST(Safetensors, eight_dimensions_are_read) {
  const SafetensorsFile file =
      parsed(file_with(one_tensor("\"U8\"", "[1,1,1,2,1,1,1,1]", "[0,2]"), "xy"));

  EXPECT_EQ(file.tensor("a").shape, (Shape{1, 1, 1, 2, 1, 1, 1, 1}));
}

TEST(Safetensors, empty_tensors_may_share_a_place_with_others) {
  const SafetensorsFile file =
      parsed(file_with(R"({"a":{"dtype":"F32","shape":[0,3],"data_offsets":[0,0]},)"
                       R"("b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                       R"("c":{"dtype":"I64","shape":[0],"data_offsets":[2,2]}})",
                       "xy"));

  EXPECT_EQ(file.tensor("a").shape, (Shape{0, 3}));
  EXPECT_TRUE(file.read_f32("a").empty());
  EXPECT_TRUE(file.read_i64("c").empty());
}

TEST(Safetensors, a_parsed_file_survives_being_moved) {
  SafetensorsFile file = parsed(file_with(one_tensor("\"U8\"", "[2]", "[0,2]"), "xy"));

  const SafetensorsFile moved = std::move(file);

  EXPECT_EQ(text_of(moved.tensor("a").bytes), "xy");
  EXPECT_EQ(moved.file_name(), "test.safetensors");
}

// ---- Conversions ----

TEST(Safetensors, f16_converts_exactly) {
  // 1, -2, largest 65504, smallest normal 2^-14, smallest subnormal 2^-24, largest subnormal, -0
  const std::vector<std::uint16_t> bits{0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x03ff, 0x8000};
  const std::vector<NamedTensor> tensors{{"a", DType::f16, {7}, view(bits)}};

  const std::vector<float> got =
      SafetensorsFile::parse(serialize_safetensors(tensors, {}), "f").read_f32("a");

  const std::vector<float> want{
      1, -2, 65504, std::ldexp(1.f, -14), std::ldexp(1.f, -24), std::ldexp(1023.f, -24), -0.f};
  EXPECT_EQ(got, want);
  EXPECT_TRUE(std::signbit(got[6]));
}

TEST(Safetensors, f16_infinity_and_nan_stay_what_they_are) {
  const std::vector<std::uint16_t> bits{0x7c00, 0xfc00, 0x7e00};
  const std::vector<NamedTensor> tensors{{"a", DType::f16, {3}, view(bits)}};

  const std::vector<float> got =
      SafetensorsFile::parse(serialize_safetensors(tensors, {}), "f").read_f32("a");

  EXPECT_EQ(got[0], std::numeric_limits<float>::infinity());
  EXPECT_EQ(got[1], -std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(got[2]));
}

TEST(Safetensors, bf16_is_the_upper_half_of_a_float) {
  const std::vector<std::uint16_t> bits{0x3f80, 0xc049, 0x0001, 0x7f80};
  const std::vector<NamedTensor> tensors{{"a", DType::bf16, {4}, view(bits)}};

  const std::vector<float> got =
      SafetensorsFile::parse(serialize_safetensors(tensors, {}), "f").read_f32("a");

  EXPECT_EQ(got, (std::vector<float>{1.f, -3.140625f, std::ldexp(1.f, -133),
                                     std::numeric_limits<float>::infinity()}));
}

TEST(Safetensors, f64_rounds_to_the_nearest_float) {
  const std::vector<double> values{0.1, -1e300, 1 + std::ldexp(1, -24), 1e-50};
  const std::vector<NamedTensor> tensors{{"a", DType::f64, {4}, view(values)}};

  const std::vector<float> got =
      SafetensorsFile::parse(serialize_safetensors(tensors, {}), "f").read_f32("a");

  EXPECT_EQ(got, (std::vector<float>{0.1f, -std::numeric_limits<float>::infinity(), 1.f, 0.f}));
}

TEST(Safetensors, i64_i32_and_u8_widen_to_i64) {
  const std::vector<std::int64_t> wide{std::numeric_limits<std::int64_t>::min(), 107};
  const std::vector<std::int32_t> medium{std::numeric_limits<std::int32_t>::min(), -1};
  const std::vector<std::uint8_t> narrow{0, 255};
  const std::vector<NamedTensor> tensors{{"wide", DType::i64, {2}, view(wide)},
                                         {"medium", DType::i32, {2}, view(medium)},
                                         {"narrow", DType::u8, {2}, view(narrow)}};

  const SafetensorsFile file = SafetensorsFile::parse(serialize_safetensors(tensors, {}), "f");

  EXPECT_EQ(file.read_i64("wide"), wide);
  EXPECT_EQ(file.read_i64("medium"), (std::vector<std::int64_t>{-2147483648, -1}));
  EXPECT_EQ(file.read_i64("narrow"), (std::vector<std::int64_t>{0, 255}));
}

TEST(Safetensors, a_read_as_the_wrong_type_names_both) {
  const SafetensorsFile file =
      parsed(file_with(R"({"a":{"dtype":"I32","shape":[],"data_offsets":[0,4]},)"
                       R"("b":{"dtype":"F32","shape":[],"data_offsets":[4,8]}})",
                       "12345678"));

  EXPECT_EQ(message_of([&] { file.read_f32("a"); }),
            "test.safetensors: tensor \"a\" is I32, expected F32, F16, BF16 or F64. "
            "Export it as F32.");
  EXPECT_EQ(message_of([&] { file.read_i64("b"); }),
            "test.safetensors: tensor \"b\" is F32, expected I64, I32 or U8. Export it as I64.");
}

TEST(Safetensors, an_absent_tensor_is_named) {
  const SafetensorsFile file = parsed(file_with(one_tensor("\"U8\"", "[2]", "[0,2]"), "xy"));

  EXPECT_FALSE(file.contains("b"));
  EXPECT_EQ(message_of([&] { file.tensor("b"); }),
            "test.safetensors: has no tensor \"b\" among its 1. "
            "Is it a checkpoint of another model?");
}

// ---- Files ----

class SafetensorsOnDisk : public testing::Test {
 protected:
  TemporaryDirectory temporary_;
  const fs::path directory_ = temporary_.path();
};

TEST_F(SafetensorsOnDisk, save_writes_the_serialized_bytes_and_load_reads_them) {
  const std::vector<float> values{1, -2, 3};
  const std::vector<std::uint8_t> flags{1, 0};
  const std::vector<NamedTensor> tensors{{"flags", DType::boolean, {2}, view(flags)},
                                         {"w", DType::f32, {3}, view(values)}};
  const fs::path path = directory_ / "last.safetensors";

  save_safetensors(path, tensors, {{"epoch", "3"}});

  EXPECT_EQ(read_file(path, 1 << 20), serialize_safetensors(tensors, {{"epoch", "3"}}));
  const SafetensorsFile file = SafetensorsFile::load(path);
  EXPECT_EQ(file.read_f32("w"), values);
  EXPECT_EQ(file.metadata().at("epoch"), "3");
  EXPECT_EQ(file.file_name(), path.string());
}

TEST_F(SafetensorsOnDisk, a_refused_save_leaves_the_old_file) {
  const std::vector<float> values{1};
  const fs::path path = directory_ / "last.safetensors";
  save_safetensors(path, std::vector<NamedTensor>{{"w", DType::f32, {1}, view(values)}}, {});

  const std::string message = message_of([&] {
    save_safetensors(path, std::vector<NamedTensor>{{"w", DType::f32, {2}, view(values)}}, {});
  });

  EXPECT_TRUE(message.starts_with(path.string() + ": tensor \"w\"")) << message;
  EXPECT_EQ(SafetensorsFile::load(path).read_f32("w"), values);
}

TEST_F(SafetensorsOnDisk, a_file_over_the_given_limit_is_not_read) {
  const fs::path path = directory_ / "last.safetensors";
  save_safetensors(path, {}, {});

  EXPECT_NE(message_of([&] { SafetensorsFile::load(path, 10); }).find("expected at most 10"),
            std::string::npos);
}

// Every prefix of a file is a file cut short: an error each time, never a crash.
TEST(Safetensors, every_prefix_of_a_file_is_refused) {
  const std::vector<float> values{1, 2, 3};
  const std::vector<std::byte> whole = serialize_safetensors(
      std::vector<NamedTensor>{{"w", DType::f32, {3}, view(values)}}, {{"k", "v"}});

  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::vector<std::byte> prefix(whole.begin(), whole.begin() + static_cast<long>(size));
    EXPECT_THROW(SafetensorsFile::parse(prefix, "f"), Error) << "the first " << size << " bytes";
  }
}

}  // namespace
}  // namespace saddle
