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

// A field of a CSV file (RFC 4180).
inline std::string quoted(const std::string& field) {
  std::string doubled;
  for (const char letter : field) doubled += letter == '"' ? "\"\"" : std::string(1, letter);
  return '"' + doubled + '"';
}

}  // namespace saddle
