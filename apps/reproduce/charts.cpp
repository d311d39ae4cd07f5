#include "apps/reproduce/charts.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace saddle::reproduce {
namespace {

constexpr double kWidth = 680, kHeight = 340, kLeft = 50, kTop = 30, kBottom = 45, kRight = 190;
// Okabe and Ito 2008.
constexpr const char* kColours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                    "#e69f00", "#56b4e9", "#000000", "#8c8c8c"};

struct Series {
  std::string name;
  std::vector<double> x, y;
  std::vector<std::string> labels;  // at the points; empty: none
};

struct Range {
  double low, high;
};

struct Axes {
  std::string x_label, y_label;
  Range x, y;
};

// Pixels with a tenth, so that equal reports are equal texts.
std::string pixel(double value) { return formatted("%.1f", value); }

std::string label(double x, double y, const std::string& said, const char* anchor) {
  return text("<text x=\"", pixel(x), "\" y=\"", pixel(y), "\" text-anchor=\"", anchor, "\">",
              escaped(said), "</text>");
}

class Chart {
 public:
  Chart(const Axes& axes, const std::vector<Series>& series) : axes_(axes), series_(series) {}

  std::string svg(SvgPlace place) const {
    std::string made =
        text("<svg ", place == SvgPlace::file ? "xmlns=\"http://www.w3.org/2000/svg\" " : "",
             "viewBox=\"0 0 ", kWidth, " ", kHeight, "\" width=\"", kWidth,
             "\" role=\"img\" font-family=\"sans-serif\" font-size=\"12\"><rect width=\"", kWidth,
             "\" height=\"", kHeight, "\" fill=\"#fff\"/>");
    for (int i = 0; i <= 4; ++i) {
      const double x = axes_.x.low + (axes_.x.high - axes_.x.low) * i / 4,
                   y = axes_.y.low + (axes_.y.high - axes_.y.low) * i / 4;
      made += text("<path stroke=\"#ddd\" d=\"M", pixel(kLeft), " ", pixel(at_y(y)), "H",
                   pixel(kWidth - kRight), "\"/>") +
              label(kLeft - 6, at_y(y) + 4, formatted("%.3g", y), "end") +
              label(at_x(x), kHeight - kBottom + 18, formatted("%.3g", x), "middle");
    }
    made += label((kLeft + kWidth - kRight) / 2, kHeight - 8, axes_.x_label, "middle") +
            label(kLeft, kTop - 12, axes_.y_label, "start");
    for (std::size_t i = 0; i < series_.size(); ++i) made += drawn(i);
    return made + "</svg>\n";
  }

 private:
  double at_x(double x) const {
    return kLeft + (x - axes_.x.low) / (axes_.x.high - axes_.x.low) * (kWidth - kRight - kLeft);
  }
  double at_y(double y) const {
    return kHeight - kBottom -
           (y - axes_.y.low) / (axes_.y.high - axes_.y.low) * (kHeight - kBottom - kTop);
  }
  std::string drawn(std::size_t i) const {
    const Series& s = series_[i];
    const char* colour = kColours[i % std::size(kColours)];
    std::string points, dots;
    for (std::size_t k = 0; k < s.x.size(); ++k) {
      const std::string x = pixel(at_x(s.x[k])), y = pixel(at_y(s.y[k]));
      points += text(x, ",", y, " ");
      dots += text("<circle cx=\"", x, "\" cy=\"", y, "\" r=\"3\" fill=\"", colour, "\"/>");
      if (!s.labels.empty())
        dots += label(at_x(s.x[k]) + 5, at_y(s.y[k]) - 5, s.labels[k], "start");
    }
    // Beyond eight colours dashes tell apart.
    const char* dash = i < std::size(kColours) ? "" : " stroke-dasharray=\"5 3\"";
    const double legend = kTop + 16 * static_cast<double>(i);
    return text("<g stroke=\"", colour, "\" stroke-width=\"2\" fill=\"none\"", dash,
                "><polyline points=\"", points, "\"/><path d=\"M", pixel(kWidth - kRight + 8), " ",
                pixel(legend - 4), "h18\"/></g>", dots) +
           label(kWidth - kRight + 32, legend, s.name, "start");
  }

  const Axes& axes_;
  const std::vector<Series>& series_;
};

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
Range around(const std::vector<Series>& series, std::vector<double> Series::*values, double step) {
  Range range{INFINITY, -INFINITY};
  for (const Series& s : series) {
    for (const double value : s.*values) {
      range.low = std::min(range.low, std::floor(value / step) * step);
      range.high = std::max(range.high, std::ceil(value / step) * step);
    }
  }
  if (range.low >= range.high) range.high = range.low + step;
  return range;
}

// "SAM 0.1" -> "SAM" and "0.1"; "AT l2 128/255" -> "AT l2" and "128/255"; "SGD" -> "SGD" and "".
std::pair<std::string, std::string> family_of(const std::string& name) {
  const std::size_t space = name.find_last_of(' ');
  if (space == std::string::npos) return {name, ""};
  const std::string end = name.substr(space + 1);
  if (end.find_first_not_of("0123456789./") != std::string::npos) return {name, ""};
  return {name.substr(0, space), end};
}

// The column that stands for robustness.
std::pair<std::string, std::string> robust_column(const PaperTable& table) {
  if (!table.average.empty()) return {"average", "average robustness"};
  const auto found = std::ranges::find(table.columns, "autoattack-l2", &TableColumn::key);
  const TableColumn& column = found != table.columns.end() ? *found : table.columns.back();
  return {column.key, column.title};
}

}  // namespace

std::string escaped(const std::string& text) {
  std::string made;
  for (const char c : text) {
    switch (c) {
      case '<': made += "&lt;"; break;
      case '>': made += "&gt;"; break;
      case '&': made += "&amp;"; break;
      case '"': made += "&quot;"; break;
      default: made += c;
    }
  }
  return made;
}

std::string training_chart(const Report& report, SvgPlace place) {
  const auto series = series_of(report, [](const MeasuredRun& run, Series& s) {
    for (std::size_t i = 0; i < run.training.test_accuracy.size(); ++i) {
      s.x.push_back(static_cast<double>(i + 1));
      s.y.push_back(run.training.test_accuracy[i]);
    }
  });
  const Axes axes{"epoch", "test accuracy, %", around(series, &Series::x, 1),
                  around(series, &Series::y, 10)};
  return Chart(axes, series).svg(place);
}

std::string robustness_chart(const Report& report, SvgPlace place) {
  const auto series = series_of(report, [](const MeasuredRun& run, Series& s) {
    for (const double eps : run.curve.eps) s.x.push_back(255 * eps);
    s.y = run.curve.robust_accuracy;
  });
  const Axes axes{"eps of PGD-10 in l-infinity, in 255ths",
                  "accuracy, %",
                  around(series, &Series::x, 1),
                  {0, 100}};
  return Chart(axes, series).svg(place);
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
  const Axes axes{"natural accuracy, %", title + ", %", around(series, &Series::x, 2),
                  around(series, &Series::y, 10)};
  return Chart(axes, series).svg(place);
}

}  // namespace saddle::reproduce
