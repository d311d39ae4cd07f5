// What a plan's finished runs add up to: the paper's table beside what was measured here, as
// Markdown, JSON and one HTML page that needs nothing else (attacked texts have pages of their own,
// to which it has links).
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "apps/reproduce/plan.h"
#include "apps/reproduce/results.h"

namespace saddle::reproduce {

// Mean over the seeds and their deviation (of n - 1); NaN where there are too few.
struct Cell {
  double mean, deviation;
  std::int64_t count;
};
Cell cell_of(const std::vector<double>& values);

// What a row has more than another on the same examples, in points, and its standard error.
struct Difference {
  double mean, error;  // NaN where it is not known
};
// Of each seed's outcomes of the examples, whose mean is a score as a part of 1. Two sources of
// error are added as variances: the examples (the deviation of the examples' differences, means
// over the seeds, over the root of their number) and the trainings (the deviation of the seeds'
// differences over the root of theirs; of one seed it is not known and left out). Throws Error
// where the examples differ in number.
using Outcomes = std::vector<double>;
Difference paired_difference(const std::vector<Outcomes>& row, const std::vector<Outcomes>& base);

// What a table of differences shows.
std::string about_differences(Task task);

struct MeasuredRow {
  std::string name;
  std::map<std::string, Cell> cells;  // by column key, and "average"
  std::map<std::string, double> paper;
  // Against the row of plain training with the same model; empty where that is this row or not
  // there. Means over the seeds that both have.
  std::string base;
  std::map<std::string, Difference> differences;
  bool doubtful = false;  // there are doubts about its numbers
};

struct MeasuredRun {
  const PlannedRun* run;
  TrainingResult training;
  std::map<std::string, AttackResult> attacks;  // by column key
  std::map<std::string, Outcomes> outcomes;     // of each example, and their "average"
  CurveResult curve;                            // empty where the task has none
  // By column key, and "average": percent. The natural score is of all test examples after the last
  // epoch, an attack's of those that its command names.
  std::map<std::string, double> values;
  // Orders that the numbers break, and what the programs warned of, where it is not the same of
  // every run: a line each.
  std::vector<std::string> doubts = {};
};

struct Report {
  const Plan* plan;
  std::vector<MeasuredRow> rows;  // those with a finished run
  std::vector<MeasuredRun> runs;
  std::vector<std::string> missing;  // runs that have not finished
  std::vector<std::string> doubts;   // those of every run, then each run's, with the run in front
  std::vector<std::string> remarks;  // what the reader must know before he looks at a number
};

// Reads what finished runs left. Throws Error for a file that is damaged, and for attacks of one
// run upon different networks.
Report make_report(const Plan& plan);

// The columns' keys and titles, the average last where there is one.
std::vector<std::pair<std::string, std::string>> columns_of(const PaperTable& table);

std::string markdown_of(const Report& report);
nlohmann::json json_of(const Report& report);
std::string html_of(const Report& report);

// "87.5", or "87.5 ± 0.4" of several seeds; "-" where there is none.
std::string cell_text(const Cell& cell);
std::string number_text(double percent);
// Behind the name of a row of which there are doubts, and what it stands for.
inline constexpr const char* kDoubtMark = " †";
inline constexpr const char* kAboutDoubts =
    "† There are doubts about the row's numbers, see below.";
// Text within a cell or an item of a list: on one line, with nothing that Markdown or HTML would
// take for its own.
std::string markdown_text(const std::string& text);
std::string difference_text(const Difference& difference);  // "+8.0 ± 2.4"

// tableN.md, .json, .html, and the charts tableN-robustness.svg (where the task has a curve) and
// tableN-trade-off.svg, in the plan's directory; each file whole or not at all.
void save_report(const Report& report);

// Standard Base64 with padding (RFC 4648), for pictures within a page.
std::string base64(const std::string& bytes);

}  // namespace saddle::reproduce
