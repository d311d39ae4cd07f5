#include "apps/bench/peer.h"

#include <algorithm>
#include <sstream>

#include "apps/bench/timing.h"
#include "apps/common/program_options.h"
#include "core/format.h"
#include "core/json_text.h"
#include "core/process.h"

namespace saddle::bench {

using Json = nlohmann::json;

namespace {

// "sgd,sam", as the script takes them.
std::string comma_list(const std::vector<std::string>& modes) {
  std::string list;
  for (const std::string& mode : modes) list += (list.empty() ? "" : ",") + mode;
  return list;
}

}  // namespace

std::map<std::string, Json> PeerScript::ask(const Row& row, const std::vector<std::string>& modes,
                                            const std::string& execution,
                                            const std::string& memory_format) const {
  const BenchModel& model = row.model;
  const std::vector<std::string> line = {options_.python,    options_.script,
                                         "--model",          model.name,
                                         "--width",          text(model.width),
                                         "--input",          text(model.channels),
                                         text(model.height), text(model.input_width),
                                         "--classes",        text(model.classes),
                                         "--batch",          text(row.batch),
                                         "--mode",           comma_list(modes),
                                         "--threads",        text(threads()),
                                         "--seconds",        text(seconds_),
                                         "--device",         on_cpu() ? "cpu" : device_,
                                         "--dtype",          row.precision,
                                         "--execution",      execution,
                                         "--memory-format",  memory_format};
  std::string output;
  if (!run_process(line, output).well()) {
    print_warning("saddle-bench", text(options_.python, " ", options_.script, " failed (",
                                       execution, ", ", comma_list(modes), ", batch ", row.batch,
                                       "). Does that Python have torch?"));
  }
  std::map<std::string, Json> answers;  // those before a failure count
  std::istringstream lines(output);
  for (std::string answer; std::getline(lines, answer);) {
    if (!answer.starts_with('{') || !answer.ends_with('}')) continue;  // a library's remark
    Json parsed = parse_json(answer);
    const std::string mode = parsed.at("mode");
    answers.emplace(mode, std::move(parsed));
  }
  return answers;
}

Opponent::Opponent(const Row& row, const Json& line)
    : row_(row), execution_("compile"), failed_(line.is_null()) {
  if (!failed_) lines_.push_back(line);
}

Json Opponent::line_in(const std::string& memory_format) const {
  std::map<std::string, Json> answers = script_->ask(row_, {row_.mode}, execution_, memory_format);
  return answers.contains(row_.mode) ? std::move(answers.at(row_.mode)) : Json();
}

void Opponent::take_turn() {
  if (failed_ || script_ == nullptr) return;
  Json found = line_in(memory_format_);
  // The first turn tells which order of memory PyTorch is faster with on a CPU.
  if (lines_.empty() && !found.is_null() && script_->on_cpu()) {
    Json other = line_in("contiguous");
    if (!other.is_null() && other.at("images_per_second") > found.at("images_per_second")) {
      found = std::move(other);
      memory_format_ = "contiguous";
    }
  }
  failed_ = found.is_null();
  if (!failed_) lines_.push_back(std::move(found));
}

double Opponent::rate(std::size_t round) const {
  return lines_[std::min(round, lines_.size() - 1)].at("images_per_second");
}

double Opponent::median_rate() const {
  std::vector<double> rates;
  for (std::size_t round = 0; round < lines_.size(); ++round) rates.push_back(rate(round));
  return median(rates);
}

const Json& Peers::compiled(const Row& row) {
  static const Json kFailed;
  const std::string group = text(row.model.name, ' ', row.model.height, 'x', row.model.input_width,
                                 ' ', row.precision, ' ', row.batch);
  if (group != compiled_for_) {
    compiled_ = script_.ask(row, modes_, "compile", "channels_last");
    compiled_for_ = group;
  }
  const auto found = compiled_.find(row.mode);
  return found == compiled_.end() ? kFailed : found->second;
}

std::vector<Opponent> Peers::of(const Row& row) {
  std::vector<Opponent> opponents;
  if (options_.python.empty()) return opponents;
  for (const std::string& execution : options_.executions) {
    if (execution == "compile") {
      opponents.emplace_back(row, compiled(row));
    } else {
      opponents.emplace_back(script_, row);
    }
  }
  return opponents;
}

}  // namespace saddle::bench
