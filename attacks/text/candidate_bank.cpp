#include "attacks/text/candidate_bank.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/json_text.h"
#include "core/printable.h"
#include "core/unicode.h"

namespace saddle {
namespace {

constexpr std::int64_t kMaxBankBytes = std::int64_t{512} << 20;

constexpr const char* kShape =
    R"(expected {"word": {"noun": ["substitute", ...], "verb": ..., "adj": ..., "adv": ...}, ...})";

bool is_plain(const std::string& word) {
  const auto is_control = [](char32_t code) { return category_of(code) == "Cc"; };
  return !word.empty() && std::ranges::none_of(characters_of(word), is_control);
}

bool is_lower(const std::string& word) {
  return std::ranges::all_of(characters_of(word), [](char32_t c) { return to_lower(c) == c; });
}

// "FILE: the entry of 'word'"
std::string entry_of(const std::string& name, const std::string& word) {
  return text(name, ": the entry of '", printable(word, 60), "'");
}

std::vector<std::string> read_list(const nlohmann::json& list, const std::string& where) {
  require(list.is_array(), where, " has something else than a list of words, ", kShape);
  std::vector<std::string> words;
  for (const nlohmann::json& item : list) {
    require(item.is_string(), where, " has a substitute that is no string, ", kShape);
    words.push_back(item.get<std::string>());
    require(is_plain(words.back()), where,
            " has a substitute that is empty or holds a control character. Remove it");
  }
  return words;
}

CandidateBank::Substitutes read_entry(const nlohmann::json& entry, const std::string& where) {
  require(entry.is_object(), where, " is no object, ", kShape);
  CandidateBank::Substitutes substitutes;
  for (const auto& [key, list] : entry.items()) {
    const auto of = std::ranges::find(kWordClasses, key, [](WordClass c) { return name_of(c); });
    require(of != kWordClasses.end(), where, " has the key '", printable(key, 60), "', ", kShape);
    substitutes[place_of(*of)] = read_list(list, where);
  }
  return substitutes;
}

nlohmann::json parse_json_of(Bytes bytes, const std::string& name) {
  try {
    return parse_json(bytes);
  } catch (const Error& error) {
    fail(name, ": ", error.what(), ", ", kShape);
  }
}

}  // namespace

const std::vector<std::string>& CandidateBank::substitutes(std::string_view word,
                                                           WordClass of) const {
  static const std::vector<std::string> none;
  const auto found = words.find(word);
  return found == words.end() ? none : found->second[place_of(of)];
}

CandidateBank parse_candidate_bank(Bytes bytes, const std::string& name) {
  const nlohmann::json tree = parse_json_of(bytes, name);
  require(tree.is_object() && !tree.empty(), name, " holds no words, ", kShape);
  CandidateBank bank;
  std::size_t capitals = 0;
  for (const auto& [word, entry] : tree.items()) {
    const std::string where = entry_of(name, word);
    require(is_plain(word), where, ": the word is empty or holds a control character. Remove it");
    if (!is_lower(word)) ++capitals;
    bank.words.emplace(word, read_entry(entry, where));
  }
  if (capitals > 0) {
    bank.warnings.push_back(text(name, ": ", capitals, " of ", bank.words.size(),
                                 " words are not in lower case and are never looked up"));
  }
  return bank;
}

CandidateBank load_candidate_bank(const std::filesystem::path& file) {
  return parse_candidate_bank(read_file(file, kMaxBankBytes), file.string());
}

std::string candidate_bank_text(const CandidateBank& bank) {
  std::string json = "{";
  const char* before = "\n";
  for (const auto& [word, substitutes] : bank.words) {
    nlohmann::ordered_json entry = nlohmann::ordered_json::object();
    for (const WordClass of : kWordClasses) {
      const std::vector<std::string>& list = substitutes[place_of(of)];
      if (!list.empty()) entry[std::string(name_of(of))] = list;
    }
    json += before + json_text(nlohmann::json(word)) + ": " + json_text(entry);
    before = ",\n";
  }
  return json + "\n}\n";
}

}  // namespace saddle
