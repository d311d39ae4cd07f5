#include "core/printable.h"

#include <gtest/gtest.h>

namespace saddle {
namespace {

TEST(printable, leaves_text_as_it_is) {
  EXPECT_EQ(printable("runs/sam: 3 epochs, \"a\\b\" ~"), "runs/sam: 3 epochs, \"a\\b\" ~");
  EXPECT_EQ(printable("Stra\xc3\x9f"
                      "e \xe2\x82\xac \xf0\x9f\x90\xb1"),
            "Stra\xc3\x9f"
            "e \xe2\x82\xac \xf0\x9f\x90\xb1");
  EXPECT_EQ(printable(""), "");
}

TEST(printable, escapes_what_drives_a_terminal) {
  EXPECT_EQ(printable("a\x1b[2Jb"), "a\\x1b[2Jb");
  EXPECT_EQ(printable("a\rb\nc\td"), "a\\rb\\nc\\td");
  EXPECT_EQ(printable(std::string_view("\0\x07\x7f", 3)), "\\x00\\x07\\x7f");
  EXPECT_EQ(printable("\xc2\x9b"
                      "2J"),
            "\\xc2\\x9b2J");  // CSI, as one C1 character
}

TEST(printable, escapes_separators_of_lines_and_turns_of_direction) {
  EXPECT_EQ(printable("\xe2\x80\xa8"), "\\xe2\\x80\\xa8");
  EXPECT_EQ(printable("a\xe2\x80\xae"
                      "b"),
            "a\\xe2\\x80\\xae"
            "b");
  EXPECT_EQ(printable("\xe2\x81\xa6"), "\\xe2\\x81\\xa6");
}

TEST(printable, escapes_what_is_not_utf_8) {
  EXPECT_EQ(printable("\xff"), "\\xff");
  EXPECT_EQ(printable("\x9b"), "\\x9b");  // C1 in Latin-1
  EXPECT_EQ(printable("\xc3"), "\\xc3");  // cut short
  EXPECT_EQ(printable("\xc3(\xe2\x82"), "\\xc3(\\xe2\\x82");
  EXPECT_EQ(printable("\xc0\x8a"), "\\xc0\\x8a");  // an overlong line break
  EXPECT_EQ(printable("\xe0\x80\x8a"), "\\xe0\\x80\\x8a");
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // half a surrogate pair
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // beyond U+10FFFF
}

TEST(printable_lines, keeps_line_breaks_alone) {
  EXPECT_EQ(printable_lines("| a |\n\x1b[2J\r\n\nb"), "| a |\n\\x1b[2J\\r\n\nb");
  EXPECT_EQ(printable_lines("b\n"), "b\n");
  EXPECT_EQ(printable_lines(""), "");
}

TEST(printable, keeps_both_ends_of_what_is_too_long) {
  const std::string long_one = "begin" + std::string(1'000'000, 'x') + "end";

  const std::string shown = printable(long_one, 100);

  EXPECT_TRUE(shown.starts_with("beginxxx"));
  EXPECT_TRUE(shown.ends_with("xxxend"));
  EXPECT_NE(shown.find("x [... 999908 bytes ...] x"), std::string::npos) << shown;
  EXPECT_EQ(printable(std::string(100, 'x'), 100), std::string(100, 'x'));
}

TEST(printable, does_not_cut_a_character_in_two) {
  std::string euros;
  for (int i = 0; i < 100; ++i) euros += "\xe2\x82\xac";

  EXPECT_EQ(printable(euros, 20).find('\\'), std::string::npos) << printable(euros, 20);
  EXPECT_EQ(printable(euros, 21).find('\\'), std::string::npos) << printable(euros, 21);
}

}  // namespace
}  // namespace saddle
