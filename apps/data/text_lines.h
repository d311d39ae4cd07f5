// TextLines: what the readers of text files share: encodings, lines, and white space at the ends.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/file.h"

namespace saddle {

// The bytes as letters, without the mark (EF BB BF) that some editors put in front.
std::string_view letters_of(Bytes bytes);

// Throws Error, which `name` begins, with the first line that is not UTF-8 or holds a zero byte: no
// text has one, but what has come through UTF-16 or is no text at all.
void require_utf8(std::string_view text, const std::string& name);

bool is_utf8(std::string_view text);

// Every byte is the character of its number.
std::string utf8_of_latin1(std::string_view bytes);

// Without their ends, "\n" or "\r\n"; nothing follows the last end.
std::vector<std::string_view> lines_in(std::string_view text);

// UTF-8 without white space at both ends.
std::string_view stripped(std::string_view text);

}  // namespace saddle
