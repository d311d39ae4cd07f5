#include "apps/reproduce/report.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/error.h"
#include "core/file.h"

namespace saddle {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr const char* kAverage = "average";

std::string contents(const fs::path& path) {
  const std::vector<std::byte> bytes = read_file(path, std::int64_t{1} << 28);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

template <class Read>
void reading(const fs::path& path, const Read& read) {
  try {
    read(contents(path));
  } catch (const std::exception& error) {
    fail(path.string(), " is not what a run writes: ", error.what());
  }
}

MeasuredRun read_run(const Plan& plan, const PlannedRun& run) {
  MeasuredRun found{&run, {}, {}, {}, {}, {}};
  reading(run.directory / "attacks.json", [&](const std::string& text) {
    const Json json = Json::parse(text);
    std::size_t attack = 0;
    for (const TableColumn& column : plan.table.columns) {
      found.values[column.key] =
          column.attack.empty()
              ? json.at("clean_accuracy").get<double>()
              : json.at("attacks").at(attack++).at("robust_accuracy").get<double>();
    }
  });
  if (!plan.table.average.empty()) {
    double sum = 0;
    for (const std::string& key : plan.table.average) sum += found.values.at(key);
    found.values[kAverage] = sum / static_cast<double>(plan.table.average.size());
  }
  reading(run.directory / "metrics.jsonl", [&](const std::string& text) {
    std::size_t first = 0;
    for (std::size_t end; (end = text.find('\n', first)) != std::string::npos; first = end + 1) {
      found.test_accuracy.push_back(
          Json::parse(text.substr(first, end - first)).at("test_accuracy").get<double>());
    }
  });
  reading(run.directory / "config.json", [&](const std::string& text) {
    const Json json = Json::parse(text);
    for (const char* key : {"version", "device", "threads"}) {
      found.environment[key] = json.at("environment").at(key);
    }
  });
  reading(run.directory / "curve.json", [&](const std::string& text) {
    const Json curve = Json::parse(text).at("eps_curves").at(0);
    found.radii = curve.at("eps").get<std::vector<double>>();
    found.robustness = curve.at("robust_accuracy").get<std::vector<double>>();
  });
  return found;
}

// A weaker attack must not leave less than a stronger one at the same radius and norm.
void add_doubts(const MeasuredRun& run, std::vector<std::string>& doubts) {
  const auto beyond = [&](const char* strong, const char* weak, double slack) {
    const auto a = run.values.find(strong), b = run.values.find(weak);
    if (a == run.values.end() || b == run.values.end() || a->second <= b->second + slack) return;
    doubts.push_back(text(run.run->row, ", seed ", run.run->seed, ": ", strong, " leaves ",
                          a->second, " %, ", weak, " ", b->second, " %"));
  };
  beyond("autoattack-l2", "pgd-l2", 0);
  beyond("autoattack-l2", "fab", 0);
  beyond("pgd-linf", "fgsm", 0.5);
  for (const auto& [key, value] : run.values) beyond(key.c_str(), "natural", 0);
}

std::string number(double value) {
  if (std::isnan(value)) return "-";
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.1f", value);
  return digits;
}

std::string cell_text(const Cell& cell) {
  return number(cell.mean) + (cell.count > 1 ? " ± " + number(cell.deviation) : "");
}

// The keys and titles of the columns, the average last where there is one.
std::vector<std::pair<std::string, std::string>> columns_of(const Plan& plan) {
  std::vector<std::pair<std::string, std::string>> columns;
  for (const TableColumn& column : plan.table.columns)
    columns.emplace_back(column.key, column.title);
  if (!plan.table.average.empty()) columns.emplace_back(kAverage, "average robustness");
  return columns;
}

double paper_of(const MeasuredRow& row, const std::string& key) {
  const auto found = row.paper.find(key);
  return found == row.paper.end() ? kNone : found->second;
}

bool same_data(const Plan& plan) {
  return plan.dataset == plan.table.dataset && plan.preset == "paper";
}

// What the reader must know before he looks at a number.
std::string setting(const Plan& plan) {
  std::string said =
      text("Preset `", plan.preset, "`: ", plan.about, ". Data set ", plan.dataset, ", ",
           plan.seeds, plan.seeds == 1 ? " seed." : " seeds (mean ± deviation).");
  if (!same_data(plan)) {
    said += text(" The paper's numbers are of ", plan.table.dataset,
                 " with its own recipe: to be compared in tendency alone.");
  }
  return said;
}

}  // namespace

Cell cell_of(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  if (values.empty()) return {kNone, kNone, 0};
  const double mean = std::accumulate(values.begin(), values.end(), 0.) / n;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return {mean, n > 1 ? std::sqrt(squares / (n - 1)) : kNone,
          static_cast<std::int64_t>(values.size())};
}

Report make_report(const Plan& plan) {
  Report report{&plan, {}, {}, {}};
  for (const PlannedRun& run : plan.runs) {
    if (!is_finished(run)) continue;
    report.runs.push_back(read_run(plan, run));
    add_doubts(report.runs.back(), report.doubts);
  }
  for (const TableRow& row : plan.table.rows) {
    MeasuredRow measured{row.name, {}, row.paper};
    for (const auto& [key, title] : columns_of(plan)) {
      std::vector<double> values;
      for (const MeasuredRun& run : report.runs) {
        if (run.run->row == row.name) values.push_back(run.values.at(key));
      }
      measured.cells[key] = cell_of(values);
    }
    if (measured.cells.begin()->second.count > 0) report.rows.push_back(measured);
  }
  return report;
}

std::string markdown_of(const Report& report) {
  const Plan& plan = *report.plan;
  std::string made = text("## Table ", plan.table.number, ": ", plan.table.title, "\n\n",
                          setting(plan), " Accuracies in percent, here / in the paper.\n\n| |");
  for (const auto& [key, title] : columns_of(plan)) made += " " + title + " |";
  made += "\n|---|";
  for (std::size_t i = 0; i < columns_of(plan).size(); ++i) made += "---:|";
  for (const MeasuredRow& row : report.rows) {
    made += "\n| " + row.name + " |";
    for (const auto& [key, title] : columns_of(plan)) {
      made += " " + cell_text(row.cells.at(key)) + " / " + number(paper_of(row, key)) + " |";
    }
  }
  made += "\n";
  for (const std::string& note : plan.table.notes) made += "\n" + note + "\n";
  if (!report.doubts.empty()) made += "\nOrders that do not hold as they should:\n\n";
  for (const std::string& doubt : report.doubts) made += "* " + doubt + "\n";
  return made;
}

Json json_of(const Report& report) {
  const Plan& plan = *report.plan;
  Json json = {
      {"table", plan.table.number}, {"title", plan.table.title}, {"preset", plan.preset},
      {"dataset", plan.dataset},    {"seeds", plan.seeds},       {"notes", plan.table.notes},
      {"doubts", report.doubts},    {"rows", Json::array()},     {"runs", Json::array()}};
  for (const MeasuredRow& row : report.rows) {
    Json cells;
    for (const auto& [key, cell] : row.cells) {
      cells[key] = {{"mean", cell.mean}, {"deviation", cell.deviation}, {"count", cell.count}};
    }
    json["rows"].push_back({{"name", row.name}, {"cells", cells}, {"paper", row.paper}});
  }
  for (const MeasuredRun& run : report.runs) {
    json["runs"].push_back({{"row", run.run->row},
                            {"seed", run.run->seed},
                            {"directory", run.run->directory.filename().string()},
                            {"commands", commands_of(*run.run)},
                            {"environment", run.environment},
                            {"values", run.values}});
  }
  return json;
}

void save_report(const fs::path& directory, const Report& report) {
  write_file_atomically(directory / "report.md", std::string_view(markdown_of(report)));
  write_file_atomically(directory / "report.json",
                        std::string_view(json_of(report).dump(1) + "\n"));
  write_file_atomically(directory / "report.html", std::string_view(html_of(report)));
}

}  // namespace saddle
