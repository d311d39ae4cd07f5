// Unicode: UTF-8 read character by character, and what is known of characters.
//
// "Character" here is a code point. What is known of them comes from the library utf8proc.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace saddle {

constexpr char32_t kReplacement = 0xfffd;  // stands for what is not UTF-8

struct Character {
  char32_t code;      // kReplacement where the bytes are not UTF-8
  std::size_t bytes;  // how many it takes: 1 to 4; of what is not UTF-8, 1
  bool valid;
};

// What `text`, which is not empty, begins with. Overlong forms, surrogates and what is beyond
// U+10FFFF are not UTF-8.
Character first_character(std::string_view text);

// The text's characters; each byte that is not UTF-8 becomes kReplacement.
std::u32string characters_of(std::string_view text);

void append_utf8(std::string& text, char32_t code);
std::string utf8_of(std::u32string_view characters);

// The general category, "Lu" for capital letters; "Cn" for what is not assigned.
std::string_view category_of(char32_t code);

// The property White_Space.
bool is_white_space(char32_t code);

// The simple mappings, without context or language; a character without one is its own.
char32_t to_lower(char32_t code);
char32_t to_upper(char32_t code);

// Canonical decomposition (NFD), marks in canonical order.
std::u32string canonical_decomposition(std::u32string_view characters);

}  // namespace saddle
