#include "attacks/text/tag_file.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "attacks/text/numbered_lines.h"
#include "core/error.h"
#include "core/json_text.h"
#include "core/printable.h"

namespace saddle {
namespace {

constexpr std::int64_t kMaxTagBytes = std::int64_t{1} << 30;

constexpr const char* kShape = R"(, expected {"index": 0, "tags": ["DET", "NOUN", ...]})";

nlohmann::json parse_line(std::string_view line, const std::string& where) {
  try {
    return parse_json(line);
  } catch (const Error& error) {
    fail(where, ": ", error.what(), kShape);
  }
}

std::vector<PartOfSpeech> read_tags(const nlohmann::json& list, const std::string& where) {
  std::vector<PartOfSpeech> tags;
  for (const nlohmann::json& item : list) {
    require(item.is_string(), where, " has a tag that is no string", kShape);
    const std::string& name = item.get_ref<const std::string&>();
    const std::optional<PartOfSpeech> tag = part_of_speech(name);
    require(tag.has_value(), where, " has the tag '", printable(name, 60),
            "', expected one of Universal Dependencies such as NOUN, PROPN, AUX");
    tags.push_back(*tag);
  }
  return tags;
}

}  // namespace

TagsOfExample parse_tag_file(Bytes bytes, const std::string& name) {
  TagsOfExample examples;
  NumberedLines lines(bytes, name);
  while (const auto line = lines.next()) {
    if (line->find_first_not_of(" \t") == std::string_view::npos) continue;
    const std::string where = lines.where();
    const nlohmann::json tree = parse_line(*line, where);
    const bool fits = tree.is_object() && tree.contains("index") &&
                      tree["index"].is_number_unsigned() && tree.contains("tags") &&
                      tree["tags"].is_array();
    require(fits, where, " is something else", kShape);
    const auto index = tree["index"].get<std::int64_t>();
    require(index >= 0, where, " has an index beyond all data sets", kShape);
    const bool is_new = examples.emplace(index, read_tags(tree["tags"], where)).second;
    require(is_new, where, " has example ", index, " a second time. Remove one");
  }
  require(!examples.empty(), name, " is empty", kShape);
  return examples;
}

TagsOfExample load_tag_file(const std::filesystem::path& file) {
  return parse_tag_file(read_file(file, kMaxTagBytes), file.string());
}

}  // namespace saddle
