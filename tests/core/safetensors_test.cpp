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

namespace saddle {
namespace {

namespace fs = std::filesystem;

std::vector<std::byte> bytes_of(std::string_view text) {
  const Bytes bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

std::string text_of(Bytes bytes) {
  std::string text(bytes.size(), '\0');
  std::ranges::transform(bytes, text.begin(), [](std::byte b) { return static_cast<char>(b); });
  return text;
}

// A file as its three parts: the length as given, the header, the data.
std::string file_with_length(std::uint64_t length, const std::string& header,
                             const std::string& data = "") {
  std::string file(8, '\0');
  std::memcpy(file.data(), &length, 8);
  return file + header + data;
}

std::string file_with(const std::string& header, const std::string& data = "") {
  return file_with_length(header.size(), header, data);
}

// {"a": ...} for one tensor given by the JSON of its fields.
std::string one_tensor(const std::string& dtype, const std::string& shape,
                       const std::string& offsets) {
  return "{\"a\":{\"dtype\":" + dtype + ",\"shape\":" + shape + ",\"data_offsets\":" + offsets +
         "}}";
}

SafetensorsFile parsed(const std::string& file) {
  return SafetensorsFile::parse(bytes_of(file), "test.safetensors");
}

template <class Action>
std::string message_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no Error was thrown";
}

template <class T>
Bytes view(const std::vector<T>& values) {
  return std::as_bytes(std::span(values));
}

// ---- Hostile and damaged files: every check by itself ----

struct BadFile {
  const char* name;
  std::string file;
  std::string problem;  // what the message must say
};

void PrintTo(const BadFile& bad, std::ostream* out) { *out << bad.name; }

class SafetensorsRefuses : public testing::TestWithParam<BadFile> {};

TEST_P(SafetensorsRefuses, and_says_why_on_one_line) {
  const std::string message = message_of([&] { parsed(GetParam().file); });

  EXPECT_TRUE(message.starts_with("test.safetensors: " + GetParam().problem)) << message;
  EXPECT_TRUE(message.ends_with(" again.")) << "no mend: " << message;
  EXPECT_TRUE(std::ranges::all_of(message, [](char c) { return c >= 0x20 && c < 0x7f; }))
      << message;
  EXPECT_LT(message.size(), 400u);
}

const std::string kTwoBytes = R"({"dtype":"U8","shape":[2],"data_offsets":[0,2]})";
const std::string kNextTwo = R"({"dtype":"U8","shape":[2],"data_offsets":[2,4]})";

std::vector<BadFile> bad_frames() {
  return {
      {"an_empty_file", "", "is 0 bytes, too short for the header length"},
      {"seven_bytes", "1234567", "is 7 bytes, too short for the header length"},
      {"no_header", file_with(""), "the header does not begin with '{'"},
      {"a_header_one_byte_beyond_the_end", file_with_length(3, "{}"),
       "names a header of 3 bytes, but only 2 follow"},
      {"a_header_over_the_limit", file_with_length(100'000'001, "{}"),
       "names a header of 100000001 bytes, expected at most 100000000"},
      {"a_length_that_overflows", file_with_length(~std::uint64_t{0}, "{}"),
       "names a header of 18446744073709551615 bytes"},
      {"a_length_that_overflows_when_eight_is_added", file_with_length(~std::uint64_t{0} - 7, "{}"),
       "names a header of 18446744073709551608 bytes"},
      {"a_leading_blank", file_with(" {}"), "the header does not begin with '{'"},
      {"a_byte_order_mark", file_with("\xef\xbb\xbf{}"), "the header does not begin with '{'"},
      {"a_list_as_header", file_with("[]"), "the header does not begin with '{'"},
  };
}

std::vector<BadFile> bad_json() {
  return {
      {"an_unclosed_object", file_with("{"), "the header is not JSON at byte 9"},
      {"text_after_the_object", file_with("{}{}"), "the header is not JSON at byte 10"},
      {"a_zero_byte_after_the_object", file_with(std::string("{}\0\"", 4)),
       "the header is not JSON at byte 10"},
      {"a_trailing_comma", file_with("{\"a\":" + kTwoBytes + ",}", "xx"),
       "the header is not JSON at byte "},
      {"a_comment", file_with("{/**/}"), "the header is not JSON at byte 9"},
      {"a_raw_newline_in_a_name", file_with("{\"a\nb\":" + kTwoBytes + "}", "xx"),
       "the header is not JSON at byte 11"},
      {"a_name_that_is_not_utf8", file_with("{\"\xff\":" + kTwoBytes + "}", "xx"),
       "the header is not JSON at byte 10"},
      {"an_overlong_utf8_name", file_with("{\"\xc0\xaf\":" + kTwoBytes + "}", "xx"),
       "the header is not JSON at byte 10"},
      {"half_a_surrogate_pair", file_with("{\"\\ud800\":" + kTwoBytes + "}", "xx"),
       "the header is not JSON at byte "},
      {"a_bad_escape", file_with("{\"\\x41\":" + kTwoBytes + "}", "xx"),
       "the header is not JSON at byte "},
      {"not_a_number", file_with(one_tensor("\"U8\"", "[NaN]", "[0,0]")),
       "the header is not JSON at byte "},
      {"a_number_beyond_double", file_with(one_tensor("\"U8\"", "[1e999]", "[0,0]")),
       "the header is not JSON at byte "},
      {"a_leading_zero", file_with(one_tensor("\"U8\"", "[02]", "[0,2]"), "xx"),
       "the header is not JSON at byte "},
  };
}

std::vector<BadFile> bad_structure() {
  const std::string deep(1'000'000, '[');
  std::string deep_objects;
  for (int i = 0; i < 100'000; ++i) deep_objects += "{\"a\":";
  return {
      {"a_tensor_that_is_null", file_with(R"({"a":null})"), "\"a\" is null, expected an object"},
      {"a_tensor_that_is_a_number", file_with(R"({"a":1})"),
       "\"a\" is a number, expected an object"},
      {"a_tensor_that_is_a_list", file_with(R"({"a":[]})"), "\"a\" is a list, expected an object"},
      {"a_million_lists", file_with("{\"a\":" + deep), "\"a\" is a list, expected an object"},
      {"lists_deep_inside_a_shape", file_with("{\"a\":{\"shape\":" + deep),
       "tensor \"a\" has a list in its shape, expected numbers"},
      {"objects_deep_inside_each_other", file_with(deep_objects),
       "tensor \"a\" has the unknown key \"a\""},
      {"an_object_as_dtype", file_with(one_tensor("{}", "[2]", "[0,2]"), "xx"),
       "tensor \"a\" has an object as its dtype, expected a string"},
      {"a_number_as_dtype", file_with(one_tensor("1", "[2]", "[0,2]"), "xx"),
       "tensor \"a\" has a number as its dtype, expected a string"},
      {"a_number_as_shape", file_with(one_tensor("\"U8\"", "2", "[0,2]"), "xx"),
       "tensor \"a\" has a number as its shape, expected a list"},
      {"a_truth_value_in_a_shape", file_with(one_tensor("\"U8\"", "[true]", "[0,2]"), "xx"),
       "tensor \"a\" has a truth value in its shape, expected numbers"},
      {"text_in_the_offsets", file_with(one_tensor("\"U8\"", "[2]", "[\"0\",2]"), "xx"),
       "tensor \"a\" has a string in its data_offsets, expected numbers"},
      {"an_unknown_key", file_with(R"({"a":{"dtype":"U8","strides":[1]}})"),
       "tensor \"a\" has the unknown key \"strides\""},
      {"no_dtype", file_with(R"({"a":{"shape":[0],"data_offsets":[0,0]}})"),
       "tensor \"a\" has no dtype"},
      {"no_shape", file_with(R"({"a":{"dtype":"U8","data_offsets":[0,0]}})"),
       "tensor \"a\" has no shape"},
      {"no_offsets", file_with(R"({"a":{"dtype":"U8","shape":[0]}})"),
       "tensor \"a\" has no data_offsets"},
      {"one_offset", file_with(one_tensor("\"U8\"", "[0]", "[0]")),
       "tensor \"a\" has 1 data_offsets, expected 2"},
      {"three_offsets", file_with(one_tensor("\"U8\"", "[0]", "[0,0,0]")),
       "tensor \"a\" has more than two data_offsets"},
      {"the_same_name_twice", file_with("{\"a\":" + kTwoBytes + ",\"a\":" + kNextTwo + "}", "xxxx"),
       "the name \"a\" stands twice"},
      {"the_same_name_twice_in_different_spelling",
       file_with("{\"a\":" + kTwoBytes + ",\"\\u0061\":" + kNextTwo + "}", "xxxx"),
       "the name \"a\" stands twice"},
      {"a_field_twice",
       file_with(R"({"a":{"dtype":"U8","shape":[1],"shape":[2],"data_offsets":[0,2]}})", "xx"),
       "\"a\" has the key \"shape\" twice"},
      {"dtype_twice",
       file_with(R"({"a":{"dtype":"U8","dtype":"U8","shape":[2],"data_offsets":[0,2]}})", "xx"),
       "\"a\" has the key \"dtype\" twice"},
      {"metadata_twice", file_with(R"({"__metadata__":{},"__metadata__":{}})"),
       "the name \"__metadata__\" stands twice"},
      {"a_metadata_key_twice", file_with(R"({"__metadata__":{"k":"1","k":"1"}})"),
       "\"__metadata__\" has the key \"k\" twice"},
      {"metadata_that_is_a_number", file_with(R"({"__metadata__":{"k":1}})"),
       "metadata \"k\" is a number, expected a string"},
      {"metadata_that_is_an_object", file_with(R"({"__metadata__":{"k":{}}})"),
       "metadata \"k\" is an object, expected a string"},
      {"metadata_with_a_null", file_with(R"({"__metadata__":{"k":null}})"),
       "metadata \"k\" is null, expected a string"},
      {"metadata_that_is_null_twice", file_with(R"({"__metadata__":null,"__metadata__":null})"),
       "the name \"__metadata__\" stands twice"},
      {"metadata_that_is_text", file_with(R"({"__metadata__":"k"})"),
       "\"__metadata__\" is a string, expected an object"},
  };
}

std::vector<BadFile> bad_sizes() {
  const auto u8 = [](const char* shape, const char* offsets, const char* data = "xx") {
    return file_with(one_tensor("\"U8\"", shape, offsets), data);
  };
  const auto two = [](const char* a, const char* b, const char* data) {
    return file_with(std::string("{\"a\":") + a + ",\"b\":" + b + "}", data);
  };
  return {
      {"an_unknown_dtype", file_with(one_tensor("\"F33\"", "[0]", "[0,0]")),
       "tensor \"a\" has the unknown dtype \"F33\""},
      {"a_dtype_in_small_letters", file_with(one_tensor("\"f32\"", "[0]", "[0,0]")),
       "tensor \"a\" has the unknown dtype \"f32\""},
      {"nine_dimensions", u8("[1,1,1,1,1,1,1,1,2]", "[0,2]"),
       "tensor \"a\" has more than 8 dimensions, which Saddle does not read"},
      {"a_negative_extent", u8("[-2]", "[0,2]"), "tensor \"a\" has the number -2 in shape"},
      {"a_negative_zero", u8("[-0]", "[0,0]", ""), "tensor \"a\" has the number -0 in shape"},
      {"a_fraction", u8("[2.0]", "[0,2]"), "tensor \"a\" has the number \"2.0\" in shape"},
      {"an_exponent", u8("[2e0]", "[0,2]"), "tensor \"a\" has the number \"2e0\" in shape"},
      {"an_extent_of_two_to_the_53", u8("[9007199254740992]", "[0,2]"),
       "tensor \"a\" has the number 9007199254740992 in shape"},
      {"an_offset_beyond_64_bits", u8("[2]", "[0,18446744073709551616]"),
       "tensor \"a\" has the number \"18446744073709551616\" in data_offsets"},
      {"a_product_that_overflows_to_zero", u8("[4294967296,4294967296]", "[0,0]", ""),
       "tensor \"a\" has shape [4294967296, "},
      {"a_byte_count_that_overflows",
       file_with(one_tensor("\"F64\"", "[2147483648,1073741824]", "[0,0]")),
       "tensor \"a\" has shape [2147483648, 1073741824], too many elements"},
      {"a_shape_larger_than_its_range", u8("[3]", "[0,2]"),
       "tensor \"a\" is U8 [3], 3 bytes, but its data_offsets span 2"},
      {"a_shape_smaller_than_its_range", u8("[]", "[0,2]"),
       "tensor \"a\" is U8 [], 1 bytes, but its data_offsets span 2"},
      {"an_end_before_the_begin", u8("[2]", "[2,0]"),
       "tensor \"a\" ends at 0, before its begin at 2"},
      {"a_range_beyond_the_end", u8("[3]", "[0,3]"),
       "tensor \"a\" ends at byte 3 of the data, which has only 2"},
      {"a_petabyte_in_a_small_file", u8("[1125899906842624]", "[0,1125899906842624]"),
       "tensor \"a\" ends at byte 1125899906842624 of the data, which has only 2"},
      {"a_gap_at_the_beginning", u8("[1]", "[1,2]"), "there is a gap before tensor \"a\""},
      {"a_gap_in_the_middle",
       two(R"({"dtype":"U8","shape":[1],"data_offsets":[0,1]})",
           R"({"dtype":"U8","shape":[1],"data_offsets":[2,3]})", "xxx"),
       "there is a gap before tensor \"b\", which begins at byte 2 of the data, expected 1"},
      {"an_overlap",
       two(R"({"dtype":"U8","shape":[2],"data_offsets":[0,2]})",
           R"({"dtype":"U8","shape":[2],"data_offsets":[1,3]})", "xxx"),
       "tensor \"b\" begins at byte 1 of the data and overlaps another, which ends at 2"},
      {"two_tensors_on_the_same_bytes",
       two(R"({"dtype":"U8","shape":[2],"data_offsets":[0,2]})",
           R"({"dtype":"U8","shape":[2],"data_offsets":[0,2]})", "xx"),
       "tensor \"b\" begins at byte 0 of the data and overlaps another"},
      {"an_empty_tensor_inside_another",
       two(R"({"dtype":"U8","shape":[2],"data_offsets":[0,2]})",
           R"({"dtype":"U8","shape":[0],"data_offsets":[1,1]})", "xx"),
       "tensor \"b\" begins at byte 1 of the data and overlaps another"},
      {"an_empty_tensor_behind_the_end", u8("[0]", "[5,5]", ""),
       "tensor \"a\" ends at byte 5 of the data, which has only 0"},
      {"a_byte_behind_the_last_tensor", u8("[2]", "[0,2]", "xxx"),
       "1 bytes follow the last tensor"},
      {"data_without_a_tensor", file_with("{}", "xxx"), "3 bytes follow the last tensor"},
      {"a_truth_value_of_two", file_with(one_tensor("\"BOOL\"", "[2]", "[0,2]"), "\x01\x02"),
       "tensor \"a\" is BOOL and holds a byte other than 0 and 1"},
  };
}

// Names that would break the line, drive the terminal or fill the screen: the message must show
// them tamely (the test above looks at every character).
std::vector<BadFile> bad_names() {
  const auto named = [](const std::string& name) {
    return file_with("{\"" + name + "\":{\"dtype\":\"F33\",\"shape\":[0],\"data_offsets\":[0,0]}}");
  };
  return {
      {"a_newline", named("a\\nb"), "tensor \"a\\x0ab\" has the unknown dtype"},
      {"an_escape_sequence", named("\\u001b[2J"), "tensor \"\\x1b[2J\" has the unknown dtype"},
      {"a_zero", named("a\\u0000b"), "tensor \"a\\x00b\" has the unknown dtype"},
      {"quotes", named("\\\"\\\\"), "tensor \"\\\"\\\\\" has the unknown dtype"},
      {"letters_beyond_ascii", named("\xc3\xa9"), "tensor \"\\xc3\\xa9\" has the unknown dtype"},
      {"a_long_name", named(std::string(1000, 'n')), "tensor \"" + std::string(80, 'n') + "...\""},
      {"a_control_character_in_the_dtype", file_with(one_tensor("\"F\\n\"", "[0]", "[0,0]")),
       "tensor \"a\" has the unknown dtype \"F\\x0a\""},
      {"a_control_character_in_a_key", file_with(R"({"a":{"\r":1}})"),
       "tensor \"a\" has the unknown key \"\\x0d\""},
      {"a_control_character_in_metadata", file_with(R"({"__metadata__":{"\t":1}})"),
       "metadata \"\\x09\" is a number"},
  };
}

std::string case_name(const testing::TestParamInfo<BadFile>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(frame, SafetensorsRefuses, testing::ValuesIn(bad_frames()), case_name);
INSTANTIATE_TEST_SUITE_P(json, SafetensorsRefuses, testing::ValuesIn(bad_json()), case_name);
INSTANTIATE_TEST_SUITE_P(structure, SafetensorsRefuses, testing::ValuesIn(bad_structure()),
                         case_name);
INSTANTIATE_TEST_SUITE_P(size, SafetensorsRefuses, testing::ValuesIn(bad_sizes()), case_name);
INSTANTIATE_TEST_SUITE_P(name, SafetensorsRefuses, testing::ValuesIn(bad_names()), case_name);

class SafetensorsForeignDType : public testing::TestWithParam<const char*> {};

TEST_P(SafetensorsForeignDType, is_named_as_one_that_saddle_does_not_read) {
  const std::string dtype = std::string("\"") + GetParam() + "\"";

  const std::string message =
      message_of([&] { parsed(file_with(one_tensor(dtype, "[0]", "[0,0]"))); });

  EXPECT_EQ(message, "test.safetensors: tensor \"a\" has dtype " + dtype +
                         ", which Saddle does not read. Convert it to F32 and export it again.");
}

INSTANTIATE_TEST_SUITE_P(dtypes, SafetensorsForeignDType,
                         testing::Values("C64", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F6_E2M3", "F4"),
                         [](const auto& info) { return std::string(info.param); });

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

// ---- Writing ----

class SafetensorsRoundTrip : public testing::TestWithParam<DType> {};

TEST_P(SafetensorsRoundTrip, keeps_dtype_shapes_and_every_byte) {
  const DType dtype = GetParam();
  const auto size = static_cast<std::size_t>(size_of(dtype));
  std::vector<std::uint8_t> pattern(15 * size);
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    pattern[i] = static_cast<std::uint8_t>(dtype == DType::boolean ? i % 2 : 37 * i + 11);
  }
  const Bytes all = view(pattern);
  const std::vector<NamedTensor> tensors{{"matrix", dtype, {3, 5}, all},
                                         {"scalar", dtype, {}, all.first(size)},
                                         {"empty", dtype, {7, 0}, {}}};

  const SafetensorsFile file = SafetensorsFile::parse(serialize_safetensors(tensors, {}), "f");

  ASSERT_EQ(file.names(), (std::vector<std::string>{"empty", "matrix", "scalar"}));
  EXPECT_EQ(file.tensor("matrix").dtype, dtype);
  EXPECT_EQ(file.tensor("matrix").shape, (Shape{3, 5}));
  EXPECT_EQ(text_of(file.tensor("matrix").bytes), text_of(all));
  EXPECT_EQ(file.tensor("scalar").shape, Shape{});
  EXPECT_EQ(text_of(file.tensor("scalar").bytes), text_of(all.first(size)));
  EXPECT_EQ(file.tensor("empty").shape, (Shape{7, 0}));
  EXPECT_TRUE(file.tensor("empty").bytes.empty());
}

INSTANTIATE_TEST_SUITE_P(dtypes, SafetensorsRoundTrip,
                         testing::Values(DType::f64, DType::f32, DType::f16, DType::bf16,
                                         DType::i64, DType::i32, DType::u8, DType::boolean),
                         [](const auto& info) { return std::string(name_of(info.param)); });

TEST(SafetensorsWriter, writes_exactly_these_bytes) {
  const std::vector<std::uint8_t> bytes{1, 2, 3};
  const std::vector<float> row{1.f, 2.f};
  const std::vector<std::int64_t> count{5};
  const std::vector<float> bias{3.f};
  const std::vector<NamedTensor> tensors{{"z", DType::u8, {3}, view(bytes)},
                                         {"conv.weight", DType::f32, {2, 1}, view(row)},
                                         {"n", DType::i64, {}, view(count)},
                                         {"conv.bias", DType::f32, {1}, view(bias)}};

  const std::string got = text_of(serialize_safetensors(tensors, {{"saddle", "{\"a\": 1}"}}));

  const std::string header =
      R"({"__metadata__":{"format":"pt","saddle":"{\"a\": 1}"},)"
      R"("n":{"dtype":"I64","shape":[],"data_offsets":[0,8]},)"
      R"("conv.bias":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},)"
      R"("conv.weight":{"dtype":"F32","shape":[2,1],"data_offsets":[12,20]},)"
      R"("z":{"dtype":"U8","shape":[3],"data_offsets":[20,23]}})";
  const std::string padding((8 - header.size() % 8) % 8, ' ');
  const std::string data("\5\0\0\0\0\0\0\0\0\0\x40\x40\0\0\x80\x3f\0\0\0\x40\1\2\3", 23);
  EXPECT_EQ(got, file_with(header + padding, data));
}

TEST(SafetensorsWriter, gives_the_same_bytes_for_any_order_of_the_tensors) {
  const std::vector<float> values{1, 2, 3};
  const NamedTensor a{"a", DType::f32, {3}, view(values)};
  const NamedTensor b{"b", DType::u8, {12}, view(values)};
  const NamedTensor c{"c", DType::i32, {1, 3}, view(values)};
  const std::vector<NamedTensor> one_order{a, b, c};
  const std::vector<NamedTensor> other_order{c, b, a};

  EXPECT_EQ(serialize_safetensors(one_order, {}), serialize_safetensors(other_order, {}));
}

TEST(SafetensorsWriter, pads_the_header_to_a_multiple_of_eight) {
  for (std::size_t length = 1; length <= 9; ++length) {
    const std::vector<NamedTensor> tensors{{std::string(length, 'n'), DType::u8, {0}, {}}};

    const std::vector<std::byte> bytes = serialize_safetensors(tensors, {});

    std::uint64_t header = 0;
    std::memcpy(&header, bytes.data(), 8);
    EXPECT_EQ(header % 8, 0u) << "name of " << length << " letters";
    EXPECT_EQ(bytes.size(), 8 + header);
  }
}

TEST(SafetensorsWriter, keeps_names_and_metadata_that_need_escapes) {
  const std::string name = "a\"\\\n\x01\xc3\xa9";
  const std::vector<NamedTensor> tensors{{name, DType::u8, {0}, {}}};

  const SafetensorsFile file =
      SafetensorsFile::parse(serialize_safetensors(tensors, {{name, "line\nline\t\"\x7f"}}), "f");

  EXPECT_TRUE(file.contains(name));
  EXPECT_EQ(file.metadata(), (Metadata{{"format", "pt"}, {name, "line\nline\t\"\x7f"}}));
}

TEST(SafetensorsWriter, leaves_a_format_that_the_caller_names) {
  const std::vector<std::byte> bytes = serialize_safetensors({}, {{"format", "np"}});

  EXPECT_EQ(SafetensorsFile::parse(bytes, "f").metadata(), (Metadata{{"format", "np"}}));
}

TEST(SafetensorsWriter, refuses_two_tensors_of_one_name) {
  const std::vector<NamedTensor> tensors{{"a", DType::u8, {0}, {}}, {"a", DType::f32, {0}, {}}};

  EXPECT_EQ(message_of([&] { serialize_safetensors(tensors, {}); }),
            "safetensors: two tensors are called \"a\". Give each its own name.");
}

TEST(SafetensorsWriter, refuses_the_name_of_the_metadata) {
  const std::vector<NamedTensor> tensors{{"__metadata__", DType::u8, {0}, {}}};

  EXPECT_EQ(message_of([&] { serialize_safetensors(tensors, {}); }),
            "safetensors: a tensor cannot be called __metadata__. Rename it.");
}

TEST(SafetensorsWriter, refuses_bytes_that_do_not_fit_the_shape) {
  const std::vector<float> values{1, 2, 3};
  const std::vector<NamedTensor> tensors{{"a", DType::f32, {2, 2}, view(values)}};

  EXPECT_EQ(message_of([&] { serialize_safetensors(tensors, {}); }),
            "safetensors: tensor \"a\" is F32 [2, 2], 16 bytes, but 12 are given. "
            "Pass the whole buffer.");
}

TEST(SafetensorsWriter, refuses_a_truth_value_of_two) {
  const std::vector<std::uint8_t> values{1, 2};
  const std::vector<NamedTensor> tensors{{"a", DType::boolean, {2}, view(values)}};

  EXPECT_EQ(message_of([&] { serialize_safetensors(tensors, {}); }),
            "safetensors: tensor \"a\" is BOOL and holds a byte other than 0 and 1. "
            "Write 0 or 1.");
}

TEST(SafetensorsWriter, refuses_text_that_is_not_utf8) {
  const std::vector<NamedTensor> tensors{{"a\xff", DType::u8, {0}, {}}};

  EXPECT_EQ(message_of([&] { serialize_safetensors(tensors, {}); }),
            "safetensors: \"a\\xff\" is not UTF-8 and cannot stand in the header. Rename it.");
}

// ---- Files ----

class SafetensorsOnDisk : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "saddle-safetensors-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { fs::remove_all(directory_); }

  fs::path directory_;
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
