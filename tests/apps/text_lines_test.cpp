// TextLines: encodings, lines and white space.
#include "apps/data/text_lines.h"

#include <gtest/gtest.h>

#include "tests/apps/data_files.h"

namespace saddle {
namespace {

std::string encoding_refusal(const std::string& text) {
  return error_of([&] { require_utf8(text, "t.txt"); });
}

TEST(letters_of, drops_the_mark_in_front) {
  const Blob marked = bytes_of(
                 "\xef\xbb\xbf"
                 "a"),
             plain = bytes_of("a\xef\xbb\xbf");

  EXPECT_EQ(letters_of(marked), "a");
  EXPECT_EQ(letters_of(plain), "a\xef\xbb\xbf");
  EXPECT_EQ(letters_of({}), "");
}

TEST(require_utf8, takes_text) {
  EXPECT_NO_THROW(require_utf8("", "t.txt"));
  EXPECT_NO_THROW(require_utf8("caf\xc3\xa9\r\n\xe2\x80\x93 \xf0\x9f\x8d\x85\n", "t.txt"));
}

TEST(require_utf8, tells_the_line_that_is_broken) {
  const std::string mend = " is not UTF-8. Save the file as text in UTF-8, or download it again";

  EXPECT_EQ(encoding_refusal("a\nb\ncaf\xe9\nd\n"), "t.txt, line 3" + mend);
  EXPECT_EQ(encoding_refusal("caf\xc3"), "t.txt, line 1" + mend);
  EXPECT_EQ(encoding_refusal("\xff\nb" + std::string(1, '\0')), "t.txt, line 1" + mend);
}

TEST(require_utf8, tells_the_line_of_a_zero_byte) {
  EXPECT_EQ(
      encoding_refusal("a\nb" + std::string(1, '\0') + "\n\xff"),
      "t.txt, line 2 holds a zero byte. Save the file as text in UTF-8, or download it again");
}

TEST(is_utf8, tells_utf8_from_latin1) {
  EXPECT_TRUE(is_utf8("caf\xc3\xa9"));
  EXPECT_FALSE(is_utf8("caf\xe9"));
}

TEST(utf8_of_latin1, makes_a_character_of_each_byte) {
  EXPECT_EQ(utf8_of_latin1("caf\xe9 \x85\xff"), "caf\xc3\xa9 \xc2\x85\xc3\xbf");
}

TEST(lines_in, have_no_ends) {
  using Lines = std::vector<std::string_view>;

  EXPECT_EQ(lines_in("a\nb\r\n\nc"), (Lines{"a", "b", "", "c"}));
  EXPECT_EQ(lines_in("a\n"), (Lines{"a"}));
  EXPECT_EQ(lines_in("\n\n"), (Lines{"", ""}));
  EXPECT_EQ(lines_in("a\rb"), (Lines{"a\rb"}));
  EXPECT_EQ(lines_in(""), Lines());
}

TEST(stripped, has_no_white_space_at_its_ends) {
  EXPECT_EQ(stripped(" \t a  film \r"), "a  film");
  EXPECT_EQ(stripped("\xc2\xa0\xe3\x80\x80\xc3\xa9\xe2\x80\xa8\xc2\x85"), "\xc3\xa9");
  EXPECT_EQ(stripped(" \xe2\x80\x83\n"), "");
  EXPECT_EQ(stripped(""), "");
  EXPECT_EQ(stripped("\xf0\x9f\x8d\x85"), "\xf0\x9f\x8d\x85");
}

}  // namespace
}  // namespace saddle
