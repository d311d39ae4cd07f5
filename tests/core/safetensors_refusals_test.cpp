// Hostile and damaged safetensors files: every check of the reader by itself.
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "tests/core/safetensors_text.h"

namespace saddle {
namespace {

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

}  // namespace
}  // namespace saddle
