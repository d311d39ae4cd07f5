#include "apps/reproduce/report.h"

#include <nlohmann/json.hpp>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <string_view>

#include "apps/reproduce/charts.h"
#include "core/error.h"
#include "core/file.h"
#include "core/format.h"
#include "core/json_text.h"

namespace saddle::reproduce {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr const char* kAverage = "average";

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.) / static_cast<double>(values.size());
}

double standard_error(const Cell& cell) {
  return cell.deviation / std::sqrt(static_cast<double>(cell.count));
}

// The result of the column's attack.
const Stage& stage_of(const PlannedRun& run, const TableColumn& column) {
  return *std::ranges::find(run.stages, slug(column.attack), &Stage::name);
}

MeasuredRun read_run(const Plan& plan, const PlannedRun& run) {
  MeasuredRun found{&run, read_training(run.directory), {}, {}, {}, {}};
  require(!found.training.test_accuracy.empty(), run.directory.string(),
          "/metrics.jsonl has no epoch, but attacks lie beside it. Remove the directory");
  found.curve = read_curve(run.stages.back().result);
  const double clean = found.curve.robust_accuracy.front();
  for (const TableColumn& column : plan.table.columns) {
    if (column.attack.empty()) {
      found.values[column.key] = found.training.test_accuracy.back();
      continue;
    }
    const fs::path path = stage_of(run, column).result;
    const AttackResult& attack = found.attacks[column.key] = read_attack(path);
    found.values[column.key] = attack.robust_accuracy;
    require(attack.clean_accuracy == clean, path.string(), " finds a clean accuracy of ",
            attack.clean_accuracy, " %, curve.json beside it ", clean,
            " %: they attacked different networks. Remove both and run again");
    fs::path csv = path;
    found.outcomes[column.key] = read_outcomes(csv.replace_extension(".csv"));
    const Outcomes& outcomes = found.outcomes[column.key];
    require(static_cast<std::int64_t>(outcomes.size()) == attack.examples &&
                std::abs(100 * mean_of(outcomes) - attack.robust_accuracy) < 1e-6,
            csv.string(), " is not of the same attack as ", path.filename().string(),
            ". Remove both and run again");
  }
  if (!plan.table.average.empty()) {
    Outcomes& average = found.outcomes[kAverage];
    average.assign(found.outcomes.at(plan.table.average.front()).size(), 0);
    for (const std::string& key : plan.table.average) {
      for (std::size_t i = 0; i < average.size(); ++i) {
        average[i] += found.outcomes.at(key)[i] / static_cast<double>(plan.table.average.size());
      }
    }
    found.values[kAverage] = 100 * mean_of(average);
  }
  return found;
}

// No attack leaves more than there was, and a weaker one not less than a stronger one at the same
// radius and norm. All on the same images.
void add_doubts(MeasuredRun& run) {
  std::vector<std::string>& doubts = run.doubts;
  // The same network is warned of by each attack upon it: once is enough.
  const auto add = [&](const std::string& doubt) {
    if (std::ranges::find(doubts, doubt) == doubts.end()) doubts.push_back(doubt);
  };
  const auto beyond = [&](const char* strong, const char* weak, double slack) {
    const auto a = run.attacks.find(strong), b = run.attacks.find(weak);
    if (a == run.attacks.end() || b == run.attacks.end()) return;
    const double left = a->second.robust_accuracy, right = b->second.robust_accuracy;
    if (left <= right + slack) return;
    add(text(strong, " leaves ", left, " %, ", weak, " ", right, " %"));
  };
  beyond("autoattack-l2", "pgd-l2", 0);
  beyond("autoattack-l2", "fab", 0);
  beyond("pgd-linf", "fgsm", 0.5);
  for (const auto& [key, attack] : run.attacks) {
    if (attack.robust_accuracy > attack.clean_accuracy) {
      add(text(key, " leaves ", attack.robust_accuracy, " %, no attack ", attack.clean_accuracy,
               " %"));
    }
    for (const std::string& warning : attack.warnings) add(key + ": " + warning);
    for (const std::string& warning : attack.model_warnings) add(warning);
  }
  for (const std::string& warning : run.curve.warnings) add("curve: " + warning);
  for (const std::string& warning : run.curve.model_warnings) add(warning);
  for (const std::string& warning : run.training.warnings) add("training: " + warning);
}

// An attack that breaks every network compares none.
void add_saturated(const Report& report, std::vector<std::string>& remarks) {
  for (const TableColumn& column : report.plan->table.columns) {
    if (column.attack.empty() || report.runs.empty()) continue;
    if (std::ranges::all_of(report.runs, [&](const MeasuredRun& run) {
          return run.attacks.at(column.key).robust_accuracy <= 1;
        })) {
      remarks.push_back(
          column.title +
          " breaks every row (1 % or less is left): the column compares nothing here.");
    }
  }
}

// Where the runs differ in what should be one for all.
void add_differences(const Report& report, std::vector<std::string>& remarks) {
  std::map<std::string, std::set<std::string>> found;
  for (const MeasuredRun& run : report.runs) {
    const TrainingEnvironment& environment = run.training.environment;
    found["trainings differ in version"].insert(environment.version);
    found["trainings differ in device"].insert(environment.device);
    found["trainings differ in threads"].insert(text(environment.threads));
    for (const auto& [key, attack] : run.attacks) {
      found["attacks differ in device"].insert(attack.device);
    }
  }
  for (const auto& [what, values] : found) {
    if (values.size() < 2) continue;
    std::string all;
    for (const std::string& value : values) all += (all.empty() ? "" : ", ") + value;
    remarks.push_back("The " + what + ": " + all + ".");
  }
}

std::vector<std::string> remarks_of(const Report& report) {
  const Plan& plan = *report.plan;
  std::vector<std::string> remarks = {
      text("Preset ", plan.preset, ": ", plan.about, ". Data set ", plan.dataset, ", ", plan.seeds,
           plan.seeds == 1 ? " seed." : " seeds (mean ± deviation).")};
  if (plan.dataset != plan.table.dataset || plan.preset != "paper") {
    remarks.push_back(text("The paper's numbers are of ", plan.table.dataset,
                           " with its own recipe: to be compared in tendency alone."));
  }
  if (!report.runs.empty()) {
    // A share of n images has the deviation sqrt(p (1 - p) / n), the largest at p = 1/2.
    const auto images = static_cast<double>(report.runs.front().attacks.begin()->second.examples);
    remarks.push_back(text("Natural accuracy is of all test images, the attacks' of ", images,
                           ": a standard error of up to ", number_text(50 / std::sqrt(images)),
                           " points."));
  }
  add_saturated(report, remarks);
  add_differences(report, remarks);
  return remarks;
}

// The row of plain training that another is to be compared with; null: there is none.
const TableRow* base_of(const PaperTable& table, const TableRow& row) {
  const std::vector<std::string> sgd = {"--optimizer", "sgd"};
  for (const TableRow& other : table.rows) {
    if (other.model != row.model || other.name == row.name) continue;
    if (other.flags.size() >= sgd.size() &&
        std::equal(sgd.begin(), sgd.end(), other.flags.begin())) {
      return &other;
    }
  }
  return nullptr;
}

void compare(const Report& report, const std::string& base, MeasuredRow& row) {
  std::vector<double> natural;
  std::map<std::string, std::pair<std::vector<Outcomes>, std::vector<Outcomes>>> outcomes;
  for (const MeasuredRun& run : report.runs) {
    for (const MeasuredRun& other : report.runs) {
      if (run.run->row != row.name || other.run->row != base || run.run->seed != other.run->seed) {
        continue;
      }
      natural.push_back(run.values.at("natural") - other.values.at("natural"));
      for (const auto& [key, of_images] : run.outcomes) {
        outcomes[key].first.push_back(of_images);
        outcomes[key].second.push_back(other.outcomes.at(key));
      }
    }
  }
  if (natural.empty()) return;
  row.base = base;
  const Cell cell = cell_of(natural);
  row.differences["natural"] = {cell.mean, standard_error(cell)};
  for (const auto& [key, both] : outcomes) {
    row.differences[key] = paired_difference(both.first, both.second);
  }
}

double paper_of(const MeasuredRow& row, const std::string& key) {
  const auto found = row.paper.find(key);
  return found == row.paper.end() ? kNone : found->second;
}

std::string markdown_head(const PaperTable& table) {
  std::string head = "| |", rule = "|---|";
  for (const auto& [key, title] : columns_of(table)) {
    head += " " + markdown_text(title) + " |";
    rule += "---:|";
  }
  return head + "\n" + rule + "\n";
}

std::string markdown_of_differences(const Report& report) {
  std::string rows;
  for (const MeasuredRow& row : report.rows) {
    if (row.base.empty()) continue;
    rows += "| " + markdown_text(row.name) + (row.doubtful ? kDoubtMark : "") + " |";
    for (const auto& [key, title] : columns_of(report.plan->table)) {
      rows += " " + difference_text(row.differences.at(key)) + " |";
    }
    rows += "\n";
  }
  if (rows.empty()) return "";
  return "\n" + std::string(kAboutDifferences) + "\n\n" + markdown_head(report.plan->table) + rows;
}

std::string list_of(const std::string& title, const std::vector<std::string>& items) {
  if (items.empty()) return "";
  std::string made = "\n" + title + "\n\n";
  for (const std::string& item : items) made += "* " + markdown_text(item) + "\n";
  return made;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> columns_of(const PaperTable& table) {
  std::vector<std::pair<std::string, std::string>> columns;
  for (const TableColumn& column : table.columns) columns.emplace_back(column.key, column.title);
  if (!table.average.empty()) columns.emplace_back(kAverage, "average robustness");
  return columns;
}

std::string markdown_text(const std::string& text) {
  constexpr std::string_view kMeaning = "\\`*_[]|~";
  std::string made;
  for (const char c : text) {
    if (c == '<' || c == '>' || c == '&') {
      made += c == '<' ? "&lt;" : c == '>' ? "&gt;" : "&amp;";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      made += ' ';
    } else {
      if (kMeaning.find(c) != std::string_view::npos) made += '\\';
      made += c;
    }
  }
  return made;
}

std::string number_text(double percent) {
  return std::isnan(percent) ? "-" : formatted("%.1f", percent);
}

std::string cell_text(const Cell& cell) {
  return number_text(cell.mean) + (cell.count > 1 ? " ± " + number_text(cell.deviation) : "");
}

std::string difference_text(const Difference& difference) {
  return formatted("%+.1f", difference.mean) +
         (std::isnan(difference.error) ? "" : " ± " + number_text(difference.error));
}

Cell cell_of(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  if (values.empty()) return {kNone, kNone, 0};
  const double mean = mean_of(values);
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return {mean, n > 1 ? std::sqrt(squares / (n - 1)) : kNone,
          static_cast<std::int64_t>(values.size())};
}

Difference paired_difference(const std::vector<Outcomes>& row, const std::vector<Outcomes>& base) {
  Outcomes images(base.front().size(), 0), seeds;
  for (std::size_t seed = 0; seed < base.size(); ++seed) {
    require(row[seed].size() == images.size() && base[seed].size() == images.size(),
            "the rows attack ", row[seed].size(), " and ", base[seed].size(), " images");
    for (std::size_t i = 0; i < images.size(); ++i) {
      images[i] += 100 * (row[seed][i] - base[seed][i]) / static_cast<double>(base.size());
    }
    seeds.push_back(100 * (mean_of(row[seed]) - mean_of(base[seed])));
  }
  const double training = seeds.size() > 1 ? standard_error(cell_of(seeds)) : 0;
  return {mean_of(seeds), std::hypot(standard_error(cell_of(images)), training)};
}

Report make_report(const Plan& plan) {
  Report report{&plan, {}, {}, {}, {}, {}};
  for (const PlannedRun& run : plan.runs) {
    if (!is_finished(run)) {
      report.missing.push_back(text(run.row, ", seed ", run.seed));
      continue;
    }
    report.runs.push_back(read_run(plan, run));
    add_doubts(report.runs.back());
    for (const std::string& doubt : report.runs.back().doubts) {
      report.doubts.push_back(text(run.row, ", seed ", run.seed, ": ", doubt));
    }
  }
  for (const TableRow& row : plan.table.rows) {
    MeasuredRow measured{row.name, {}, row.paper, {}, {}};
    for (const auto& [key, title] : columns_of(plan.table)) {
      std::vector<double> values;
      for (const MeasuredRun& run : report.runs) {
        if (run.run->row != row.name) continue;
        values.push_back(run.values.at(key));
        measured.doubtful = measured.doubtful || !run.doubts.empty();
      }
      measured.cells[key] = cell_of(values);
    }
    if (const TableRow* base = base_of(plan.table, row)) compare(report, base->name, measured);
    if (measured.cells.begin()->second.count > 0) report.rows.push_back(measured);
  }
  report.remarks = remarks_of(report);
  return report;
}

std::string markdown_of(const Report& report) {
  const PaperTable& table = report.plan->table;
  std::string made = text("## Table ", table.number, ": ", markdown_text(table.title), "\n");
  for (const std::string& remark : report.remarks) made += "\n" + markdown_text(remark);
  made += " Accuracies in percent, here / in the paper.\n\n" + markdown_head(table);
  for (const MeasuredRow& row : report.rows) {
    made += "| " + markdown_text(row.name) + (row.doubtful ? kDoubtMark : "") + " |";
    for (const auto& [key, title] : columns_of(table)) {
      const double paper = paper_of(row, key);
      made += " " + cell_text(row.cells.at(key)) +
              (std::isnan(paper) ? "" : " / " + number_text(paper)) + " |";
    }
    made += "\n";
  }
  if (std::ranges::any_of(report.rows, &MeasuredRow::doubtful)) {
    made += "\n" + std::string(kAboutDoubts) + "\n";
  }
  for (const std::string& note : table.notes) made += "\n" + markdown_text(note) + "\n";
  made += markdown_of_differences(report);
  return made + list_of("Doubts:", report.doubts) + list_of("Not finished:", report.missing);
}

Json json_of(const Report& report) {
  const Plan& plan = *report.plan;
  Json json = {
      {"table", plan.table.number}, {"title", plan.table.title}, {"preset", plan.preset},
      {"dataset", plan.dataset},    {"seeds", plan.seeds},       {"notes", plan.table.notes},
      {"remarks", report.remarks},  {"doubts", report.doubts},   {"missing", report.missing},
      {"rows", Json::array()},      {"runs", Json::array()}};
  for (const MeasuredRow& row : report.rows) {
    Json cells;
    for (const auto& [key, cell] : row.cells) {
      cells[key] = {{"mean", cell.mean}, {"deviation", cell.deviation}, {"count", cell.count}};
    }
    Json differences = Json::object();
    for (const auto& [key, difference] : row.differences) {
      differences[key] = {{"mean", difference.mean}, {"error", difference.error}};
    }
    json["rows"].push_back({{"name", row.name},
                            {"cells", cells},
                            {"paper", row.paper},
                            {"base", row.base},
                            {"differences", differences},
                            {"doubtful", row.doubtful}});
  }
  for (const MeasuredRun& run : report.runs) {
    const TrainingEnvironment& environment = run.training.environment;
    Json commands;
    for (const Stage& stage : run.run->stages) {
      commands[stage.name] = recorded_command(*run.run, stage);
    }
    json["runs"].push_back({{"row", run.run->row},
                            {"seed", run.run->seed},
                            {"directory", run.run->directory.filename().string()},
                            {"commands", commands},
                            {"environment",
                             {{"version", environment.version},
                              {"device", environment.device},
                              {"threads", environment.threads}}},
                            {"doubts", run.doubts},
                            {"values", run.values}});
  }
  return json;
}

void save_report(const Report& report) {
  const std::string name =
      (report.plan->directory / ("table" + std::to_string(report.plan->table.number))).string();
  const auto save = [&](const char* ending, const std::string& text) {
    write_file_atomically(name + ending, std::string_view(text));
  };
  save(".md", markdown_of(report));
  save(".json", json_text(json_of(report), 1) + "\n");
  save(".html", html_of(report));
  save("-robustness.svg", robustness_chart(report, SvgPlace::file));
  save("-trade-off.svg", trade_off_chart(report, SvgPlace::file));
}

}  // namespace saddle::reproduce
