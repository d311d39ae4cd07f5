// Format: numbers as printf writes them, and lists, as a string.
#pragma once

#include <string>
#include <vector>

namespace saddle {

// formatted("%.2f %%", 12.5) is "12.50 %".
[[gnu::format(printf, 1, 2)]] std::string formatted(const char* format, ...);

// joined({"a", "b"}) is "a, b".
std::string joined(const std::vector<std::string>& words);

}  // namespace saddle
