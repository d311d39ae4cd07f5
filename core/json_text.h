// JSON from outside: the one place where Saddle makes a tree of text that a stranger may have
// written.
//
// The depth is counted before any tree is built: nlohmann's trees are copied, compared and printed
// by recursion, so a few hundred thousand brackets in a file would overflow the stack.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "core/file.h"

namespace saddle {

constexpr int kMaxJsonDepth = 64;  // lists and objects inside each other; ours have below 10

// The text's value. Throws Error ("not JSON at byte 17", without the file's name) for what is not
// JSON, is nested deeper than kMaxJsonDepth, or holds a number beyond double's range. Include
// <nlohmann/json.hpp> to use the result.
nlohmann::json parse_json(std::string_view text);
nlohmann::json parse_json(Bytes text);

// The same; objects keep the order of their keys.
nlohmann::ordered_json parse_ordered_json(std::string_view text);

}  // namespace saddle
