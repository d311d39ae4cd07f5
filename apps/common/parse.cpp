#include "apps/common/parse.h"

#include <charconv>
#include <cmath>
#include <string_view>

#include "core/error.h"

namespace saddle {

double parse_number(const std::string& text_of_number) {
  const auto parse = [&](std::string_view part) {
    double value = 0;
    if (part.starts_with('+')) part.remove_prefix(1);
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error != std::errc() || end != part.data() + part.size() || !std::isfinite(value)) {
      throw UsageError(text("'", text_of_number, "' is not a number. Write 0.031, 1e-3 or 8/255"));
    }
    return value;
  };
  const std::size_t slash = text_of_number.find('/');
  if (slash == std::string::npos) return parse(text_of_number);
  const double numerator = parse(std::string_view(text_of_number).substr(0, slash));
  const double denominator = parse(std::string_view(text_of_number).substr(slash + 1));
  if (denominator == 0 || !std::isfinite(numerator / denominator)) {
    throw UsageError(text("'", text_of_number, "' divides by zero"));
  }
  return numerator / denominator;
}

std::int64_t parse_integer(const std::string& text_of_number) {
  std::string_view digits = text_of_number;
  if (digits.starts_with('+')) digits.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error == std::errc::result_out_of_range) {
    throw UsageError(text("'", text_of_number, "' does not fit into 64 bits"));
  }
  if (error != std::errc() || end != digits.data() + digits.size()) {
    throw UsageError(text("'", text_of_number, "' is not an integer"));
  }
  return value;
}

std::int64_t parse_integer_from(const std::string& text_of_number, std::int64_t least) {
  const std::int64_t number = parse_integer(text_of_number);
  if (number < least) {
    throw UsageError(text("'", text_of_number, "' is below ", least, ", the least that works"));
  }
  return number;
}

std::vector<std::string> split_at_commas(const std::string& list) {
  std::vector<std::string> parts{""};
  for (char c : list) {
    if (c == ',') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

std::vector<double> parse_numbers(const std::string& list) {
  std::vector<double> numbers;
  for (const std::string& part : split_at_commas(list)) numbers.push_back(parse_number(part));
  return numbers;
}

}  // namespace saddle
