#include "core/json_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"

namespace saddle {
namespace {

// Up to the first byte that is not JSON this sees the brackets that the parser will see; behind it
// the parser does not look.
void check_depth(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;  // what follows does not end the string
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxJsonDepth) {
        fail("JSON nested deeper than ", kMaxJsonDepth, " levels at byte ", i);
      }
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
}

template <class Json>
Json parsed(std::string_view text) {
  // The library takes a zero byte for the end of its input and would not look behind it.
  const std::size_t zero = text.find('\0');
  require(zero == std::string_view::npos, "not JSON at byte ", zero);
  check_depth(text);
  try {
    return Json::parse(text);
  } catch (const nlohmann::json::parse_error& error) {
    fail("not JSON at byte ", std::max<std::size_t>(error.byte, 1) - 1);
  } catch (const nlohmann::json::exception&) {
    fail("JSON with a number that is out of range");
  }
}

}  // namespace

nlohmann::json parse_json(std::string_view text) { return parsed<nlohmann::json>(text); }

nlohmann::json parse_json(Bytes text) {
  return parse_json(std::string_view(reinterpret_cast<const char*>(text.data()), text.size()));
}

nlohmann::ordered_json parse_ordered_json(std::string_view text) {
  return parsed<nlohmann::ordered_json>(text);
}

std::string json_text(const nlohmann::json& tree, int indent) {
  return tree.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string json_text(const nlohmann::ordered_json& tree, int indent) {
  return tree.dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string valid_utf8(const std::string& string) {
  return parse_json(json_text(nlohmann::json(string))).get<std::string>();
}

}  // namespace saddle
