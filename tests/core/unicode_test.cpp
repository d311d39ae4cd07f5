#include "core/unicode.h"

#include <gtest/gtest.h>

namespace saddle {
namespace {

TEST(unicode, reads_characters_of_one_to_four_bytes_and_writes_them_back) {
  const std::string text = "a\xc3\x9f\xe2\x82\xac\xf0\x9f\x90\xb1";

  EXPECT_EQ(characters_of(text), U"a\u00df\u20ac\U0001f431");
  EXPECT_EQ(utf8_of(characters_of(text)), text);
  EXPECT_EQ(utf8_of(U"\u07ff\u0800\uffff\U00010000\U0010ffff"),
            "\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf");
}

TEST(unicode, replaces_each_byte_that_is_not_utf8) {
  EXPECT_EQ(characters_of("a\xff"
                          "b"),
            U"a\ufffdb");
  EXPECT_EQ(characters_of("\xe2\x82"), U"\ufffd\ufffd");            // cut off
  EXPECT_EQ(characters_of("\xc0\x80"), U"\ufffd\ufffd");            // overlong
  EXPECT_EQ(characters_of("\xe0\x9f\xbf"), U"\ufffd\ufffd\ufffd");  // overlong
  EXPECT_EQ(characters_of("\xed\xa0\x80"), U"\ufffd\ufffd\ufffd");  // a surrogate
  EXPECT_EQ(characters_of("\xf4\x90\x80\x80"), U"\ufffd\ufffd\ufffd\ufffd");
}

TEST(unicode, tells_a_replaced_byte_from_the_character_itself) {
  EXPECT_FALSE(first_character("\xff").valid);
  EXPECT_TRUE(first_character("\xef\xbf\xbd").valid);
  EXPECT_EQ(first_character("\xef\xbf\xbd").code, kReplacement);
}

TEST(unicode, knows_general_categories) {
  EXPECT_EQ(category_of(U'A'), "Lu");
  EXPECT_EQ(category_of(U'\u00bd'), "No");
  EXPECT_EQ(category_of(U'\u2167'), "Nl");
  EXPECT_EQ(category_of(U'\u0301'), "Mn");
  EXPECT_EQ(category_of(U'\u093f'), "Mc");
  EXPECT_EQ(category_of(U'\u200d'), "Cf");
  EXPECT_EQ(category_of(U'\ue000'), "Co");
  EXPECT_EQ(category_of(U'\u0378'), "Cn");
  EXPECT_EQ(category_of(U'\u2014'), "Pd");
}

TEST(unicode, knows_white_space) {
  int count = 0;
  for (char32_t code = 0; code < 0x110000; ++code) count += is_white_space(code) ? 1 : 0;

  EXPECT_EQ(count, 25);  // PropList.txt
  EXPECT_FALSE(is_white_space(0x1c));
  EXPECT_FALSE(is_white_space(0x200b));
}

TEST(unicode, maps_case_without_context) {
  EXPECT_EQ(to_lower(U'\u03a3'), U'\u03c3');
  EXPECT_EQ(to_lower(U'\u1e9e'), U'\u00df');
  EXPECT_EQ(to_upper(U'\u00df'), U'\u00df');  // "SS" is two characters
  EXPECT_EQ(to_lower(U'1'), U'1');
  EXPECT_EQ(to_upper(U'\u00e9'), U'\u00c9');
}

TEST(unicode, decomposes_letters_and_hangul_and_orders_marks) {
  EXPECT_EQ(canonical_decomposition(U"\u00e9"), U"e\u0301");
  EXPECT_EQ(canonical_decomposition(U"\u1e69"), U"s\u0323\u0307");
  EXPECT_EQ(canonical_decomposition(U"q\u0307\u0323"), U"q\u0323\u0307");
  EXPECT_EQ(canonical_decomposition(U"\ud55c"), U"\u1112\u1161\u11ab");
  EXPECT_EQ(canonical_decomposition(U"\uf900"), U"\u8c48");
  EXPECT_EQ(canonical_decomposition(U"\ufb01\u00bd"), U"\ufb01\u00bd");  // compatibility ones stay
  EXPECT_EQ(canonical_decomposition(U""), U"");
}

}  // namespace
}  // namespace saddle
