// How reports write numbers, radii and fields.
#pragma once

#include <cstdlib>
#include <string>

#include "apps/attacking/spec.h"
#include "attacks/verdict.h"
#include "core/format.h"

namespace saddle {

// The shortest decimal number that is the same float.
inline double decimal(float value) { return std::strtod(exact_text(value).c_str(), nullptr); }

// "linf 0.0156863"
inline std::string ball_text(const Ball& ball) {
  return norm_name(ball.norm) + formatted(" %.6g", ball.eps);
}

// The precision in which answers to images are judged, clean and adversarial, whatever attacks
// climb in.
inline constexpr const char* kJudgedIn = "fp32";

// What is to be said of attacks that climb in this precision; empty where it is kJudgedIn.
inline std::string doubt_about_precision(const std::string& climbed_in) {
  if (climbed_in == kJudgedIn) return "";
  return text("attacks climb in ", climbed_in, ", and what they find is judged in ", kJudgedIn,
              ": rounding can make an attack weaker, so --precision ", kJudgedIn,
              " may find the model less robust");
}

// A field of a CSV file (RFC 4180).
inline std::string quoted(const std::string& field) {
  std::string doubled;
  for (const char letter : field) doubled += letter == '"' ? "\"\"" : std::string(1, letter);
  return '"' + doubled + '"';
}

}  // namespace saddle
