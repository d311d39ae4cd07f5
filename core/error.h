// Error: what every public function of Saddle throws on bad input or misuse.
//
// A message is one line that says who, what was expected, what came, and what to do:
//   "conv2d: input has 3 channels, weight expects 16. Did you pass the image instead of the stem's
//   output?"
// Programs print it after "PROGRAM: error: " and exit with 1 (it could not be done) or, for a
// UsageError, 2 (the command line is wrong).
#pragma once

#include <new>
#include <sstream>
#include <stdexcept>
#include <string>

namespace saddle {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The command line is wrong: exit code 2.
class UsageError : public Error {
 public:
  using Error::Error;
};

// Whether an exception says that the device or the host has no memory left.
inline bool is_out_of_memory(const std::exception& error) {
  return dynamic_cast<const std::bad_alloc*>(&error) != nullptr ||
         std::string(error.what()).find("out of memory") != std::string::npos;
}

// The parts, streamed one after the other: text("epoch ", 3) is "epoch 3".
template <class... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

// Throws Error with the parts joined.
template <class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  throw Error(text(parts...));
}

// Throws Error with the parts joined unless `ok`.
template <class... Parts>
void require(bool ok, const Parts&... parts) {
  if (!ok) fail(parts...);
}

}  // namespace saddle
