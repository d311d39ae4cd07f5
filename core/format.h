// Format: numbers as printf writes them, as a string.
#pragma once

#include <string>

namespace saddle {

// formatted("%.2f %%", 12.5) is "12.50 %".
[[gnu::format(printf, 1, 2)]] std::string formatted(const char* format, ...);

}  // namespace saddle
