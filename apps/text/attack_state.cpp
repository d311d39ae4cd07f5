#include "apps/text/attack_state.h"

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "apps/text/outcome_json.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json_text.h"

namespace saddle {
namespace {

using Json = nlohmann::json;

constexpr std::int64_t kMostBytes = std::int64_t{1} << 31;

void read_result(const Json& json, std::span<const TextExample> examples, Compat compat,
                 std::int64_t classes, WordAttackResult& result) {
  result.seconds = json.at("seconds").get<double>();
  require(std::isfinite(result.seconds) && result.seconds >= 0, "seconds are none");
  for (const Json& each : json.at("outcomes")) {
    const auto index = each.at("index").get<std::int64_t>();
    require(index >= 0 && index < std::ssize(examples), "there is no example ", index);
    require(result.outcomes.empty() || result.outcomes.back().index < index, "example ", index,
            " is out of order");
    result.outcomes.push_back(
        outcome_of(each, examples[static_cast<std::size_t>(index)], compat, classes));
  }
}

}  // namespace

void save_text_state(const std::filesystem::path& path, const Command& command,
                     const std::vector<WordAttackResult>& results) {
  nlohmann::ordered_json json{{"command", Json::object()}, {"attacks", Json::array()}};
  for (const auto& [name, value] : command) json["command"][name] = value;
  for (const WordAttackResult& result : results) {
    nlohmann::ordered_json outcomes = Json::array();
    for (const TextOutcome& outcome : result.outcomes) outcomes.push_back(outcome_json(outcome));
    json["attacks"].push_back({{"seconds", result.seconds}, {"outcomes", std::move(outcomes)}});
  }
  write_file_atomically(path, std::string_view(json_text(json)));
}

void load_text_state(const std::filesystem::path& path, const Command& command,
                     std::span<const TextExample> examples, Compat compat, std::int64_t classes,
                     std::vector<WordAttackResult>& results) {
  const std::vector<std::byte> bytes = read_file(path, kMostBytes);
  const Json json = readable(path, [&] { return parse_json(bytes); });
  check_command(
      command,
      readable(path, [&] { return json.at("command").get<std::map<std::string, std::string>>(); }),
      path.string());
  readable(path, [&] {
    const Json& attacks = json.at("attacks");
    require(attacks.size() == results.size(), "of ", attacks.size(), " attacks");
    for (std::size_t i = 0; i < results.size(); ++i) {
      read_result(attacks.at(i), examples, compat, classes, results[i]);
    }
  });
}

}  // namespace saddle
