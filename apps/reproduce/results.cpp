#include "apps/reproduce/results.h"

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/file.h"
#include "core/json_text.h"

namespace saddle::reproduce {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

template <class Read>
void reading(const fs::path& path, const Read& read) {
  const std::vector<std::byte> bytes = read_file(path, std::int64_t{1} << 26);
  try {
    read(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  } catch (const std::exception& error) {
    fail(path.string(), " is not what a run writes: ", error.what(), ". Remove it and run again");
  }
}

template <class Read>
void reading_lines(const std::string& text, const Read& read) {
  std::size_t first = 0;
  for (std::size_t end; (end = text.find('\n', first)) != std::string::npos; first = end + 1) {
    read(text.substr(first, end - first));
  }
}

std::vector<std::string> warnings_of(const Json& json) {
  return json.value("warnings", std::vector<std::string>());
}

// A field of a CSV line, counted from its end: the first ones are quoted and may hold commas.
std::string field_from_end(const std::string& line, int count) {
  std::size_t end = line.size(), comma = line.rfind(',');
  for (int i = 1; i < count; ++i) {
    require(comma != std::string::npos && comma > 0, "too few fields");
    end = comma;
    comma = line.rfind(',', comma - 1);
  }
  return line.substr(comma + 1, end - comma - 1);
}

}  // namespace

TrainingResult read_training(const fs::path& directory) {
  TrainingResult result;
  reading(directory / "metrics.jsonl", [&](const std::string& text) {
    reading_lines(text, [&](const std::string& line) {
      const Json epoch = parse_json(line);
      result.test_accuracy.push_back(epoch.at("test_accuracy"));
      result.seconds += epoch.at("seconds").get<double>();
    });
  });
  reading(directory / "config.json", [&](const std::string& text) {
    const Json config = parse_json(text);
    result.warnings = warnings_of(config);
    const Json& environment = config.at("environment");
    result.environment = {environment.at("version"), environment.at("device"),
                          environment.at("threads")};
  });
  return result;
}

AttackResult read_attack(const fs::path& path) {
  AttackResult result;
  reading(path, [&](const std::string& text) {
    const Json json = parse_json(text);
    const Json& attack = json.at("attacks").at(0);
    require(json.at("finished").get<bool>(), "the attack has not finished");
    result = {json.at("examples"),
              attack.at("attacked"),
              json.at("clean_accuracy"),
              attack.at("robust_accuracy"),
              0,
              json.at("device"),
              attack.at("warnings"),
              warnings_of(json)};
    for (const Json& each : json.at("attacks")) result.seconds += each.at("seconds").get<double>();
  });
  return result;
}

CurveResult read_curve(const fs::path& path) {
  CurveResult result;
  reading(path, [&](const std::string& text) {
    const Json json = parse_json(text);
    require(json.at("finished").get<bool>(), "the attack has not finished");
    const Json& curve = json.at("eps_curves").at(0);
    result.model_warnings = warnings_of(json);
    for (const Json& attack : json.at("attacks")) {
      for (const std::string& warning : warnings_of(attack)) result.warnings.push_back(warning);
    }
    result.eps = {0};
    result.robust_accuracy = {json.at("clean_accuracy")};
    for (const double eps : curve.at("eps")) result.eps.push_back(eps);
    for (const double robust : curve.at("robust_accuracy"))
      result.robust_accuracy.push_back(robust);
    require(result.eps.size() == result.robust_accuracy.size(), "eps and robust_accuracy differ");
  });
  return result;
}

std::vector<double> read_outcomes(const fs::path& csv) {
  std::vector<double> outcomes;
  reading(csv, [&](const std::string& text) {
    int attacked = 0;
    reading_lines(text, [&](const std::string& line) {
      if (attacked == 0) {  // the header
        while (field_from_end(line, ++attacked) != "attacked") {
        }
        return;
      }
      const std::string was_attacked = field_from_end(line, attacked),
                        was_broken = field_from_end(line, attacked - 1);
      require(
          (was_attacked == "0" || was_attacked == "1") && (was_broken == "0" || was_broken == "1"),
          "line ", outcomes.size() + 2);
      outcomes.push_back(was_attacked == "1" && was_broken == "0" ? 1 : 0);
    });
  });
  return outcomes;
}

}  // namespace saddle::reproduce
