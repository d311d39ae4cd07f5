#include "attacks/text/wordnet_line.h"

#include <algorithm>
#include <charconv>

#include "core/error.h"
#include "core/printable.h"

namespace saddle {
namespace {

bool is_visible(char c) { return c > ' ' && c < 0x7f; }

// The number that all of `field` is; false where it is none.
bool read_number(std::string_view field, int base, std::uint32_t& number) {
  const char* end = field.data() + field.size();
  const auto [rest, error] = std::from_chars(field.data(), end, number, base);
  return error == std::errc() && rest == end;
}

}  // namespace

std::string_view WordNetLine::field(const char* what) {
  const std::size_t size = std::min(rest_.find(' '), rest_.size());
  const std::string_view found = rest_.substr(0, size);
  if (found.empty() || !std::ranges::all_of(found, is_visible)) {
    refuse(what, found, "visible ASCII characters between single blanks");
  }
  rest_.remove_prefix(std::min(size + 1, rest_.size()));
  return found;
}

std::uint32_t WordNetLine::decimal(const char* what, std::size_t digits) {
  const std::string_view found = field(what);
  std::uint32_t number = 0;
  const bool fits = digits == 0 ? found.size() <= 9 : found.size() == digits;
  if (!fits || !read_number(found, 10, number)) {
    refuse(what, found, digits == 0 ? "1 to 9 digits" : std::to_string(digits) + " digits");
  }
  return number;
}

std::uint32_t WordNetLine::hexadecimal(const char* what, std::size_t digits) {
  const std::string_view found = field(what);
  std::uint32_t number = 0;
  if (found.size() != digits || !read_number(found, 16, number)) {
    refuse(what, found, std::to_string(digits) + " hexadecimal digits");
  }
  return number;
}

WordClass WordNetLine::word_class(const char* what) {
  const std::string_view found = field(what);
  if (found == "n") return WordClass::noun;
  if (found == "v") return WordClass::verb;
  if (found == "a" || found == "s") return WordClass::adj;
  if (found == "r") return WordClass::adv;
  refuse(what, found, "n, v, a, s or r");
}

void WordNetLine::refuse(const char* what, std::string_view found,
                         std::string_view expected) const {
  fail(lines_->where(), ": ", what, " is '", printable(found, 60), "', expected ", expected,
       kWordNetMend);
}

}  // namespace saddle
