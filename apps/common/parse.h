// Parse: numbers and lists as users write them, on a command line or within an attack's spec, and
// what they are told of wrong ones.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/error.h"

namespace saddle {

// "0.031", "1e-3", "8/255", "0.5/255". Throws UsageError for anything else, a zero denominator, and
// what is not finite.
double parse_number(const std::string& text);
// Decimal digits with an optional sign. Throws UsageError for anything else and beyond 64 bits.
std::int64_t parse_integer(const std::string& text);
// The same; throws UsageError also for what is below `least`.
std::int64_t parse_integer_from(const std::string& text, std::int64_t least);

// "a,b" -> "a" and "b"; "" is one empty word.
std::vector<std::string> split_at_commas(const std::string& list);
// Numbers with commas between them. Throws as parse_number.
std::vector<double> parse_numbers(const std::string& list);

// Throws UsageError with the message unless `ok`.
inline void usage(bool ok, const std::string& message) {
  if (!ok) throw UsageError(message);
}

// What `read` returns; what it throws becomes a UsageError that begins with the flag's name.
template <class Read>
auto for_flag(const std::string& flag, const Read& read) {
  try {
    return read();
  } catch (const Error& error) {
    throw UsageError(text(flag, ": ", error.what()));
  }
}

}  // namespace saddle
