#include "apps/reproduce/results.h"

#include <nlohmann/json.hpp>
#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <numeric>

#include "apps/segment/confusion.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json_text.h"
#include "core/safetensors.h"

namespace saddle::reproduce {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

[[noreturn]] void refuse(const fs::path& path, const std::exception& error) {
  fail(path.string(), " is not what a run writes: ", error.what(), ". Remove it and run again");
}

template <class Read>
void reading(const fs::path& path, const Read& read) {
  const std::vector<std::byte> bytes = read_file(path, std::int64_t{1} << 26);
  try {
    read(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  } catch (const std::exception& error) {
    refuse(path, error);
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

// In percent; a state that no run writes is an error.
double score_of(const Json& json, const char* key) {
  const double score = json.at(key);
  require(score >= 0 && score <= 100, key, " is ", score);
  return score;
}

const char* test_score(Task task) {
  return task == Task::segmentation ? "test_miou" : "test_accuracy";
}

double clean_score_of(const Json& json, Task task) {
  return task == Task::segmentation ? score_of(json.at("clean"), "miou")
                                    : score_of(json, "clean_accuracy");
}

double attack_score_of(const Json& attack, Task task) {
  if (task == Task::text) return score_of(attack, "success_rate");
  return score_of(attack, task == Task::segmentation ? "miou" : "robust_accuracy");
}

std::int64_t attacked_of(const Json& attack, std::int64_t examples, Task task) {
  if (task != Task::text) return attack.value("attacked", examples);
  return attack.at("succeeded").get<std::int64_t>() + attack.at("failed").get<std::int64_t>();
}

// saddle-segment writes its JSON file when all is done.
void require_finished(const Json& json, Task task) {
  require(task == Task::segmentation || json.at("finished").get<bool>(),
          "the attack has not finished");
}

std::vector<double> outcomes_of_csv(const std::string& text) {
  std::vector<double> outcomes;
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
  return outcomes;
}

// The counts of each image under the file's first attack.
std::vector<Confusion> confusions_of(const SafetensorsFile& file) {
  const FileTensor& tensor = file.tensor("attacks");  // [attacks, images, classes, classes]
  require(tensor.dtype == DType::i64 && tensor.shape.rank() == 4 && tensor.shape[0] >= 1 &&
              tensor.shape[1] >= 1 && tensor.shape[2] == tensor.shape[3],
          "attacks holds no counts");
  const std::int64_t classes = tensor.shape[2];
  std::vector<std::int64_t> counts(static_cast<std::size_t>(classes * classes));
  const std::size_t bytes = counts.size() * sizeof(std::int64_t);
  std::vector<Confusion> images;
  for (std::int64_t i = 0; i < tensor.shape[1]; ++i) {
    if (bytes > 0) {
      std::memcpy(counts.data(), tensor.bytes.data() + static_cast<std::size_t>(i) * bytes, bytes);
    }
    require(std::ranges::all_of(counts, [](std::int64_t n) { return n <= INT32_MAX; }),
            "an image has more pixels than there can be");
    images.emplace_back(classes, counts);
  }
  return images;
}

// As read_outcomes says.
std::vector<double> pseudo_values(const std::vector<Confusion>& images) {
  const auto n = static_cast<double>(images.size());
  const Confusion sum = sum_of(images);
  const double miou = miou_of(sum);
  require(!std::isnan(miou), "no pixel has a class");
  std::vector<double> values;
  for (const Confusion& image : images) {
    std::vector<std::int64_t> rest = sum.counts();
    for (std::size_t i = 0; i < rest.size(); ++i) rest[i] -= image.counts()[i];
    const double without = miou_of(Confusion(sum.classes(), std::move(rest)));
    values.push_back(std::isnan(without) ? miou : n * miou - (n - 1) * without);
  }
  const double moved = miou - std::accumulate(values.begin(), values.end(), 0.) / n;
  for (double& value : values) value += moved;
  return values;
}

// What became of each text, in the order of their numbers: the lines may have another.
enum class Fate { skipped, failed, succeeded };

std::vector<Fate> fates_of(const std::string& lines) {
  std::map<std::int64_t, Fate> fates;
  reading_lines(lines, [&](const std::string& line) {
    const Json json = parse_json(line);
    const std::int64_t index = json.at("index");
    const std::string status = json.at("status");
    require(status == "skipped" || status == "failed" || status == "succeeded", "text ", index,
            " is '", status, "'");
    const Fate fate = status == "skipped"  ? Fate::skipped
                      : status == "failed" ? Fate::failed
                                           : Fate::succeeded;
    require(fates.emplace(index, fate).second, "text ", index, " is there twice");
  });
  require(
      !fates.empty() && fates.begin()->first == 0 && fates.rbegin()->first == std::ssize(fates) - 1,
      "texts are missing");
  std::vector<Fate> in_order;
  for (const auto& [index, fate] : fates) in_order.push_back(fate);
  return in_order;
}

// As read_outcomes says. Of N texts with M attacked ones, S of them with success, the rate r = S /
// M is (S - x) / (M - 1) without an attacked one (x is 1 or 0), and the pseudo-value N r - (N - 1)
// (S - x) / (M - 1) = r + (x - r) (N - 1) / (M - 1). Their mean is r.
std::vector<double> pseudo_values(const std::vector<Fate>& fates) {
  const auto succeeded = static_cast<double>(std::ranges::count(fates, Fate::succeeded));
  const auto attacked =
      static_cast<double>(std::ssize(fates) - std::ranges::count(fates, Fate::skipped));
  const double rate = attacked > 0 ? succeeded / attacked : 0;
  std::vector<double> values(fates.size(), rate);
  if (attacked < 2) return values;
  const double weight = static_cast<double>(std::ssize(fates) - 1) / (attacked - 1);
  for (std::size_t i = 0; i < fates.size(); ++i) {
    if (fates[i] == Fate::skipped) continue;
    values[i] += weight * ((fates[i] == Fate::succeeded ? 1 : 0) - rate);
  }
  return values;
}

}  // namespace

TrainingResult read_training(const fs::path& directory, Task task) {
  TrainingResult result;
  reading(directory / "metrics.jsonl", [&](const std::string& text) {
    reading_lines(text, [&](const std::string& line) {
      const Json epoch = parse_json(line);
      ++result.epochs;
      result.iterations = epoch.value("iteration", std::int64_t{0});
      // Long trainings are not tested after every epoch.
      if (epoch.contains(test_score(task))) {
        result.scores.emplace_back(result.epochs, score_of(epoch, test_score(task)));
      }
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

AttackResult read_attack(const fs::path& path, Task task) {
  AttackResult result;
  reading(path, [&](const std::string& text) {
    const Json json = parse_json(text);
    const Json& attack = json.at("attacks").at(0);
    require_finished(json, task);
    result.examples = json.at("examples");
    result.attacked = attacked_of(attack, result.examples, task);
    result.clean_score = clean_score_of(json, task);
    result.score = attack_score_of(attack, task);
    result.device = json.at("device");
    for (const Json& file : json.value("resources", Json::array())) {
      result.resources += (result.resources.empty() ? "" : " and ") +
                          file.at("kind").get<std::string>() + " " +
                          file.at("sha256").get<std::string>().substr(0, 12);
    }
    result.warnings = warnings_of(attack);
    result.model_warnings = warnings_of(json);
    for (const Json& each : json.at("attacks")) result.seconds += each.at("seconds").get<double>();
  });
  return result;
}

CurveResult read_curve(const fs::path& path, Task task) {
  CurveResult result;
  reading(path, [&](const std::string& text) {
    const Json json = parse_json(text);
    require_finished(json, task);
    result.model_warnings = warnings_of(json);
    result.eps = {0};
    result.robust = {clean_score_of(json, task)};
    for (const Json& attack : json.at("attacks")) {
      for (const std::string& warning : warnings_of(attack)) result.warnings.push_back(warning);
      if (task == Task::segmentation) {  // an attack a radius
        result.eps.push_back(attack.at("eps"));
        result.robust.push_back(attack_score_of(attack, task));
      }
    }
    if (task == Task::classification) {
      const Json& curve = json.at("eps_curves").at(0);
      for (const double eps : curve.at("eps")) result.eps.push_back(eps);
      for (const double robust : curve.at("robust_accuracy")) result.robust.push_back(robust);
    }
    require(result.eps.size() == result.robust.size(), "eps and robust_accuracy differ");
  });
  return result;
}

std::vector<double> read_outcomes(const fs::path& file, Task task) {
  std::vector<double> outcomes;
  if (task != Task::segmentation) {
    reading(file, [&](const std::string& lines) {
      outcomes = task == Task::text ? pseudo_values(fates_of(lines)) : outcomes_of_csv(lines);
    });
    return outcomes;
  }
  try {
    return pseudo_values(confusions_of(SafetensorsFile::load(file, std::int64_t{1} << 30)));
  } catch (const std::exception& error) {
    refuse(file, error);
  }
}

}  // namespace saddle::reproduce
