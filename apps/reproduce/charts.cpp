#include "apps/reproduce/charts.h"

#include <algorithm>
#include <cmath>

#include "apps/reproduce/wording.h"
#include "core/error.h"

namespace saddle::reproduce {
namespace {

// A series for each row's first seed.
template <class Of>
std::vector<Series> series_of(const Report& report, const Of& of) {
  std::vector<Series> all;
  for (const MeasuredRun& run : report.runs) {
    if (run.run->seed != 0) continue;
    Series series{run.run->row, {}, {}, {}};
    of(run, series);
    all.push_back(series);
  }
  return all;
}

// Multiples of `step` around the values, at least one step.
Axis around(const std::string& label, const std::vector<Series>& series,
            std::vector<double> Series::*values, double step) {
  Axis axis{label, INFINITY, -INFINITY};
  for (const Series& s : series) {
    for (const double value : s.*values) {
      axis.low = std::min(axis.low, std::floor(value / step) * step);
      axis.high = std::max(axis.high, std::ceil(value / step) * step);
    }
  }
  if (axis.low >= axis.high) axis.high = axis.low + step;
  return axis;
}

// "SAM 0.1" -> "SAM" and "0.1"; "AT l2 128/255" -> "AT l2" and "128/255"; "SGD" -> "SGD" and "".
std::pair<std::string, std::string> family_of(const std::string& name) {
  const std::size_t space = name.find_last_of(' ');
  if (space == std::string::npos) return {name, ""};
  const std::string end = name.substr(space + 1);
  if (end.find_first_not_of("0123456789./") != std::string::npos) return {name, ""};
  return {name.substr(0, space), end};
}

std::string percent_of_score(const Report& report) {
  return text(wording_of(report.plan->table.task).score, ", %");
}

// The column that stands for robustness.
std::pair<std::string, std::string> robust_column(const PaperTable& table) {
  if (!table.average.empty()) return {"average", "average robustness"};
  const auto found = std::ranges::find(table.columns, "autoattack-l2", &TableColumn::key);
  const TableColumn& column = found != table.columns.end() ? *found : table.columns.back();
  return {column.key, column.title};
}

}  // namespace

std::string training_chart(const Report& report, SvgPlace place) {
  const auto series = series_of(report, [](const MeasuredRun& run, Series& s) {
    for (const auto& [epoch, score] : run.training.scores) {
      s.x.push_back(static_cast<double>(epoch));
      s.y.push_back(score);
    }
  });
  const Chart chart{"", around("epoch", series, &Series::x, 1),
                    around("test " + percent_of_score(report), series, &Series::y, 10), series};
  return svg_of(chart, place);
}

std::string robustness_chart(const Report& report, SvgPlace place) {
  const auto series = series_of(report, [](const MeasuredRun& run, Series& s) {
    for (const double eps : run.curve.eps) s.x.push_back(255 * eps);
    s.y = run.curve.robust;
  });
  const Axis score{percent_of_score(report), 0, 100};
  const Chart chart{"", around("eps of PGD-10 in l-infinity, in 255ths", series, &Series::x, 1),
                    score, series};
  return svg_of(chart, place);
}

std::string trade_off_chart(const Report& report, SvgPlace place) {
  const auto [key, title] = robust_column(report.plan->table);
  std::vector<Series> series;
  for (const MeasuredRow& row : report.rows) {
    const auto [family, radius] = family_of(row.name);
    auto found = std::ranges::find(series, family, &Series::name);
    if (found == series.end()) found = series.insert(series.end(), {family, {}, {}, {}});
    found->x.push_back(row.cells.at("natural").mean);
    found->y.push_back(row.cells.at(key).mean);
    found->labels.push_back(radius);
  }
  for (Series& s : series) {
    if (s.x.size() > 1) continue;
    if (!s.labels.front().empty()) s.name += " " + s.labels.front();
    s.labels.clear();
  }
  const Chart chart{"", around("natural " + percent_of_score(report), series, &Series::x, 2),
                    around(title + ", %", series, &Series::y, 10), series};
  return svg_of(chart, place);
}

}  // namespace saddle::reproduce
