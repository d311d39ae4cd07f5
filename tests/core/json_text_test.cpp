#include "core/json_text.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "core/error.h"

namespace saddle {
namespace {

std::string nested(int depth) {
  return std::string(static_cast<std::size_t>(depth), '[') +
         std::string(static_cast<std::size_t>(depth), ']');
}

std::string refusal(std::string_view text) {
  try {
    parse_json(text);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(json_text, reads_what_the_library_reads) {
  const std::string text = R"({"a": [1, 2.5, "\"[{\\"], "b": null})";

  EXPECT_EQ(parse_json(text), nlohmann::json::parse(text));
  EXPECT_EQ(parse_json(std::as_bytes(std::span(text))), nlohmann::json::parse(text));
}

TEST(json_text, keeps_the_order_of_keys_where_asked) {
  EXPECT_EQ(parse_ordered_json(R"({"b":1,"a":2})").dump(), R"({"b":1,"a":2})");
}

TEST(json_text, takes_the_greatest_depth_and_refuses_the_next) {
  EXPECT_EQ(refusal(nested(kMaxJsonDepth)), "");
  EXPECT_EQ(refusal(nested(kMaxJsonDepth + 1)), "JSON nested deeper than 64 levels at byte 64");
}

TEST(json_text, refuses_a_stack_overflow_of_lists_or_objects) {
  std::string objects;
  for (int i = 0; i < 300'000; ++i) objects += "{\"a\":";

  EXPECT_EQ(refusal(nested(300'000)), "JSON nested deeper than 64 levels at byte 64");
  EXPECT_EQ(refusal(objects), "JSON nested deeper than 64 levels at byte 320");
  EXPECT_THROW(parse_ordered_json(nested(300'000)), Error);
}

TEST(json_text, does_not_count_brackets_in_strings) {
  EXPECT_EQ(refusal("\"" + std::string(1000, '[') + "\""), "");
  EXPECT_EQ(refusal("\"\\\"" + std::string(1000, '{') + "\\\\\""), "");
}

TEST(json_text, counts_after_a_string_that_ends_in_a_backslash) {
  EXPECT_EQ(refusal("[\"\\\\\"," + nested(300'000) + "]"),
            "JSON nested deeper than 64 levels at byte 69");
}

TEST(json_text, lists_side_by_side_are_not_deep) {
  std::string text = "[[]";
  for (int i = 0; i < 1000; ++i) text += ",[{}]";

  EXPECT_EQ(refusal(text + "]"), "");
}

TEST(json_text, names_the_byte_where_the_text_is_not_json) {
  EXPECT_EQ(refusal(""), "not JSON at byte 0");
  EXPECT_EQ(refusal("[1, x]"), "not JSON at byte 4");
  EXPECT_EQ(refusal("[1] 2"), "not JSON at byte 4");
  EXPECT_EQ(refusal(std::string_view("[1]\0[2]", 7)), "not JSON at byte 3");
  EXPECT_EQ(refusal("\"\xff\""), "not JSON at byte 1");
}

TEST(json_text, refuses_a_number_that_no_double_holds) {
  EXPECT_EQ(refusal("1e999"), "JSON with a number that is out of range");
}

}  // namespace
}  // namespace saddle
