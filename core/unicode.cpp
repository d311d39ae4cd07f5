#include "core/unicode.h"

#include <utf8proc.h>

#include <algorithm>

namespace saddle {
namespace {

utf8proc_int32_t number(char32_t code) { return static_cast<utf8proc_int32_t>(code); }

// Marks that stand together in the order of their classes, those of one class as they came.
void order_marks(std::u32string& characters) {
  const auto combining = [](char32_t code) {
    return utf8proc_get_property(number(code))->combining_class;
  };
  for (auto first = characters.begin(); first != characters.end();) {
    if (combining(*first) == 0) {
      ++first;
      continue;
    }
    const auto end =
        std::find_if(first, characters.end(), [&](char32_t code) { return combining(code) == 0; });
    std::stable_sort(first, end,
                     [&](char32_t a, char32_t b) { return combining(a) < combining(b); });
    first = end;
  }
}

}  // namespace

std::string_view category_of(char32_t code) { return utf8proc_category_string(number(code)); }

bool is_white_space(char32_t code) {
  if (code < 0x80) return code == ' ' || (code >= '\t' && code <= '\r');
  return code == 0x85 || code == 0xa0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200a) ||
         code == 0x2028 || code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000;
}

char32_t to_lower(char32_t code) { return static_cast<char32_t>(utf8proc_tolower(number(code))); }

char32_t to_upper(char32_t code) {
  if (code == 0xdf) return code;  // the library has a capital of it, which Unicode does not map to
  return static_cast<char32_t>(utf8proc_toupper(number(code)));
}

std::u32string canonical_decomposition(std::u32string_view characters) {
  std::u32string decomposed;
  decomposed.reserve(characters.size());
  bool marks = false;
  for (char32_t code : characters) {
    if (code < 0xc0) {  // nothing below is decomposed, or a mark
      decomposed += code;
      continue;
    }
    utf8proc_int32_t parts[8];  // the longest canonical decomposition has 4
    const utf8proc_ssize_t count =
        utf8proc_decompose_char(number(code), parts, 8, UTF8PROC_DECOMPOSE, nullptr);
    for (utf8proc_ssize_t i = 0; i < count; ++i) {
      decomposed += static_cast<char32_t>(parts[i]);
    }
    marks = true;
  }
  if (marks) order_marks(decomposed);
  return decomposed;
}

}  // namespace saddle
