// What an uncased BERT makes of characters before it looks for pieces. Answers are those of Hugging
// Face's tokenizers 0.23.3.
#include "apps/data/pre_tokens.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace saddle {
namespace {

using Tokens = std::vector<std::string>;

Tokens tokens_of(std::string_view text) {
  const PreTokens tokens = pre_tokens(text);
  Tokens list;
  for (std::size_t i = 0; i < tokens.size(); ++i) list.emplace_back(tokens[i]);
  return list;
}

TEST(pre_tokens, are_none_of_an_empty_or_blank_text) {
  EXPECT_EQ(tokens_of(""), Tokens{});
  EXPECT_EQ(tokens_of(" \t\r\n\u3000"), Tokens{});
}

TEST(pre_tokens, lose_accents_and_case) {
  EXPECT_EQ(tokens_of("Café NAÏVE Ångström"), (Tokens{"cafe", "naive", "angstrom"}));
  EXPECT_EQ(tokens_of("cafe\u0301 q\u0323\u0307\u0301"), (Tokens{"cafe", "q"}));
  EXPECT_EQ(tokens_of("Straße GROẞE"), (Tokens{"straße", "große"}));
  EXPECT_EQ(tokens_of("ﬁne Ⅷ Ø Ł"), (Tokens{"ﬁne", "ⅷ", "ø", "ł"}));
}

TEST(pre_tokens, are_lowered_without_context_or_language) {
  EXPECT_EQ(tokens_of("ΟΔΟΣ ς"), (Tokens{"οδοσ", "ς"}));
  EXPECT_EQ(tokens_of("İstanbul IĞDIR ı"), (Tokens{"istanbul", "igdir", "ı"}));
}

TEST(pre_tokens, isolate_ideographs_but_not_kana_and_hangul) {
  EXPECT_EQ(tokens_of("東京 is ok漢字ab"), (Tokens{"東", "京", "is", "ok", "漢", "字", "ab"}));
  EXPECT_EQ(tokens_of("カタカナ ひらがな"), (Tokens{"カタカナ", "ひらかな"}));
  EXPECT_EQ(tokens_of("한국어"), (Tokens{"\u1112\u1161\u11ab\u1100\u116e\u11a8\u110b\u1165"}));
}

TEST(pre_tokens, isolate_ideographs_from_2b920_and_not_from_2b820) {
  EXPECT_EQ(tokens_of("a\U0002b81fb"), (Tokens{"a", "\U0002b81f", "b"}));
  EXPECT_EQ(tokens_of("a\U0002b820b"), (Tokens{"a\U0002b820b"}));
  EXPECT_EQ(tokens_of("a\U0002b91fb"), (Tokens{"a\U0002b91fb"}));
  EXPECT_EQ(tokens_of("a\U0002b920b"), (Tokens{"a", "\U0002b920", "b"}));
}

TEST(pre_tokens, have_compatibility_ideographs_decomposed) {
  EXPECT_EQ(tokens_of("a\uf900b"), (Tokens{"a", "\u8c48", "b"}));
  EXPECT_EQ(tokens_of("a\U0002f800b"), (Tokens{"a", "\u4e3d", "b"}));
}

TEST(pre_tokens, lose_format_and_control_characters_whose_neighbours_join) {
  EXPECT_EQ(tokens_of("a\u200db\u00adc\ufeffd"), Tokens{"abcd"});
  EXPECT_EQ(tokens_of("a\x0b"
                      "b\x0c"
                      "c\u0085d"),
            Tokens{"abcd"});
  EXPECT_EQ(tokens_of(std::string_view("a\0b\x7f", 4)), Tokens{"ab"});
}

TEST(pre_tokens, are_split_at_white_space_of_all_kinds) {
  EXPECT_EQ(tokens_of("a\u00a0b\u2003c\u3000d\u2028e"), (Tokens{"a", "b", "c", "d", "e"}));
  EXPECT_EQ(tokens_of("a\tb\nc\rd\u1680e"), (Tokens{"a", "b", "c", "d", "e"}));
}

TEST(pre_tokens, have_each_punctuation_mark_by_itself) {
  EXPECT_EQ(tokens_of("it's $5.00+tax<=~^"),
            (Tokens{"it", "'", "s", "$", "5", ".", "00", "+", "tax", "<", "=", "~", "^"}));
  EXPECT_EQ(tokens_of("“quoted”—dash…"), (Tokens{"“", "quoted", "”", "—", "dash", "…"}));
  EXPECT_EQ(tokens_of("..."), (Tokens{".", ".", "."}));
}

TEST(pre_tokens, split_at_every_ascii_character_that_is_neither_letter_nor_digit) {
  EXPECT_EQ(tokens_of("a!b\"c#d$e%f&g'h(i)j*k+l,m-n.o/p:q;r<s=t>u?v@w[x\\y]z^0_1`2{3|4}5~6").size(),
            65u);
}

TEST(pre_tokens, do_not_split_at_symbols_beyond_ascii) {
  EXPECT_EQ(tokens_of("€5 ×2 °C №1 ½"), (Tokens{"€5", "×2", "°c", "№1", "½"}));
}

TEST(pre_tokens, have_punctuation_that_appears_by_decomposition) {
  EXPECT_EQ(tokens_of("a\u037eb\u1fefc"), (Tokens{"a", ";", "b", "`", "c"}));
}

TEST(pre_tokens, keep_what_is_not_assigned_and_lose_private_use) {
  EXPECT_EQ(tokens_of("u\u0378v \ue000w x\ufffdy"), (Tokens{"u\u0378v", "w", "xy"}));
}

TEST(pre_tokens, lose_nonspacing_marks_alone) {
  EXPECT_EQ(tokens_of("\u0939\u093f\u0928\u094d\u0926\u0940"),
            Tokens{"\u0939\u093f\u0928\u0926\u0940"});
  EXPECT_EQ(tokens_of("a\u20ddb"), Tokens{"a\u20ddb"});  // Me
}

// Of these Mc, U+302E has class 224 and U+1D16D 226; U+20DD, of class 0, stays where it is.
TEST(pre_tokens, have_marks_in_canonical_order) {
  EXPECT_EQ(tokens_of("a\U0001d16d\u302e"), Tokens{"a\u302e\U0001d16d"});
  EXPECT_EQ(tokens_of("a\U0001d16d\u200d\u302e"), Tokens{"a\u302e\U0001d16d"});
  EXPECT_EQ(tokens_of("a\U0001d16d\x07\u302e"), Tokens{"a\u302e\U0001d16d"});
  EXPECT_EQ(tokens_of("a\U0001d16d\u034f\u302e"), Tokens{"a\U0001d16d\u302e"});
  EXPECT_EQ(tokens_of("\U0001d16d\u20dd\u302e"), Tokens{"\U0001d16d\u20dd\u302e"});
  EXPECT_EQ(tokens_of("\U0001d16d \u302e"), (Tokens{"\U0001d16d", "\u302e"}));
}

TEST(pre_tokens, lose_bytes_that_are_not_utf8) {
  EXPECT_EQ(tokens_of("a\xff"
                      "b\xe2\x82"
                      "c \xed\xa0\x80"),
            Tokens{"abc"});
}

TEST(pre_tokens, of_long_texts_take_no_longer_a_byte) {
  constexpr std::size_t kBytes = 1 << 20;
  std::string marks;
  while (marks.size() < kBytes) marks += "\u302e\u302f\u0301\u0323";

  EXPECT_EQ(tokens_of(std::string(kBytes, '[')).size(), kBytes);
  EXPECT_EQ(tokens_of(std::string(kBytes, 'A')), Tokens{std::string(kBytes, 'a')});
  EXPECT_EQ(tokens_of(std::string(kBytes, '\xff')), Tokens{});
  EXPECT_EQ(tokens_of(marks).size(), 1u);
}

}  // namespace
}  // namespace saddle
