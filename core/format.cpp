#include "core/format.h"

#include <cstdarg>
#include <cstdio>

namespace saddle {

std::string formatted(const char* format, ...) {
  std::va_list values, again;
  va_start(values, format);
  va_copy(again, values);
  std::string made(static_cast<std::size_t>(std::vsnprintf(nullptr, 0, format, values)), '\0');
  std::vsnprintf(made.data(), made.size() + 1, format, again);
  va_end(again);
  va_end(values);
  return made;
}

std::string joined(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : ", ") + word;
  return line;
}

}  // namespace saddle
