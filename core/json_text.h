// JSON text: the one place where Saddle makes a tree of text, which a stranger may have written,
// and text of a tree. The library compiles slowly; what only reads or writes includes this alone.
//
// The depth is counted before any tree is built: nlohmann's trees are copied, compared and printed
// by recursion, so a few hundred thousand brackets in a file would overflow the stack.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
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

// The tree's text: in one line, or indented by so many spaces a level. A string of it may come from
// a file's name, which need not be UTF-8: what is none becomes U+FFFD.
constexpr int kOneLine = -1;
std::string json_text(const nlohmann::json& tree, int indent = kOneLine);
std::string json_text(const nlohmann::ordered_json& tree, int indent = kOneLine);

// The string as JSON would keep it: what is no UTF-8 becomes U+FFFD.
std::string valid_utf8(const std::string& string);

}  // namespace saddle
