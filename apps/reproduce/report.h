// What a plan's finished runs add up to: the paper's table beside what was measured here, as
// Markdown, JSON and one HTML page that needs nothing else.
#pragma once

#include "apps/reproduce/plan.h"

namespace saddle {

// Mean over the seeds and their deviation (of n - 1); NaN where there are too few.
struct Cell {
  double mean, deviation;
  std::int64_t count;
};
Cell cell_of(const std::vector<double>& values);

struct MeasuredRow {
  std::string name;
  std::map<std::string, Cell> cells;  // by column key, and "average"
  std::map<std::string, double> paper;
};

struct MeasuredRun {
  const PlannedRun* run;
  std::map<std::string, double> values;   // by column key, and "average"
  nlohmann::json environment;             // version, device, threads
  std::vector<double> test_accuracy;      // after each epoch
  std::vector<double> radii, robustness;  // of the curve, robustness in percent
};

struct Report {
  const Plan* plan;
  std::vector<MeasuredRow> rows;  // those with a finished run
  std::vector<MeasuredRun> runs;
  std::vector<std::string> doubts;  // orders that the numbers break, in words
};

// Reads what finished runs left. Throws Error for a file that is damaged.
Report make_report(const Plan& plan);

std::string markdown_of(const Report& report);
nlohmann::json json_of(const Report& report);
std::string html_of(const Report& report);

// Markdown, JSON and HTML as report.md, report.json and report.html, each whole or not at all.
void save_report(const std::filesystem::path& directory, const Report& report);

// Standard Base64 with padding (RFC 4648), for pictures within a page.
std::string base64(const std::string& bytes);

}  // namespace saddle
