// The HTML form of a report: one page, with curves as SVG and pictures within it.
#include <algorithm>
#include <cmath>

#include "apps/reproduce/report.h"
#include "core/error.h"
#include "core/file.h"

namespace saddle {
namespace {

namespace fs = std::filesystem;

constexpr double kWidth = 620, kHeight = 330, kLeft = 50, kTop = 20, kBottom = 45, kRight = 170;
// Okabe and Ito 2008.
constexpr const char* kColours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                    "#e69f00", "#56b4e9", "#000000", "#8c8c8c"};

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

std::string number(double value, const char* format = "%.1f") {
  if (std::isnan(value)) return "–";
  char digits[32];
  std::snprintf(digits, sizeof digits, format, value);
  return digits;
}

struct Series {
  std::string name;
  std::vector<double> x, y;
};

// Axes from 0 (or `least_y`) to what there is, and lines or, of single points, dots.
class Chart {
 public:
  Chart(std::string x_label, std::string y_label, const std::vector<Series>& series, double least_y)
      : x_label_(std::move(x_label)), y_label_(std::move(y_label)), series_(series), low_(least_y) {
    for (const Series& s : series) {
      for (const double x : s.x) right_ = std::max(right_, x);
      for (const double y : s.y) high_ = std::max(high_, y);
    }
    if (right_ <= left_) right_ = left_ + 1;
    if (high_ <= low_) high_ = low_ + 1;
  }
  void start_x_at(double x) { left_ = x; }

  std::string svg() const {
    std::string made = text("<svg viewBox=\"0 0 ", kWidth, " ", kHeight, "\" width=\"", kWidth,
                            "\" role=\"img\">");
    for (int i = 0; i <= 4; ++i) {
      const double y = low_ + (high_ - low_) * i / 4, x = left_ + (right_ - left_) * i / 4;
      made += line(kLeft, at_y(y), kWidth - kRight, at_y(y), "#ddd") +
              label(kLeft - 6, at_y(y) + 4, number(y, "%.3g"), "end") +
              label(at_x(x), kHeight - kBottom + 18, number(x, "%.3g"), "middle");
    }
    made += label((kLeft + kWidth - kRight) / 2, kHeight - 8, x_label_, "middle") +
            label(kLeft, kTop - 6, y_label_, "start");
    for (std::size_t i = 0; i < series_.size(); ++i) made += drawn(i);
    return made + "</svg>";
  }

 private:
  double at_x(double x) const {
    return kLeft + (x - left_) / (right_ - left_) * (kWidth - kRight - kLeft);
  }
  double at_y(double y) const {
    return kHeight - kBottom - (y - low_) / (high_ - low_) * (kHeight - kBottom - kTop);
  }
  static std::string line(double x1, double y1, double x2, double y2, const char* colour) {
    return text("<line x1=\"", x1, "\" y1=\"", y1, "\" x2=\"", x2, "\" y2=\"", y2, "\" stroke=\"",
                colour, "\"/>");
  }
  static std::string label(double x, double y, const std::string& said, const char* anchor) {
    return text("<text x=\"", x, "\" y=\"", y, "\" text-anchor=\"", anchor, "\">", escaped(said),
                "</text>");
  }
  std::string drawn(std::size_t i) const {
    const Series& s = series_[i];
    const char* colour = kColours[i % std::size(kColours)];
    std::string points, dots;
    for (std::size_t k = 0; k < s.x.size(); ++k) {
      points += text(at_x(s.x[k]), ",", at_y(s.y[k]), " ");
      dots += text("<circle cx=\"", at_x(s.x[k]), "\" cy=\"", at_y(s.y[k]), "\" r=\"3\" fill=\"",
                   colour, "\"/>");
    }
    // Beyond eight colours dashes tell apart.
    const char* dash = i < std::size(kColours) ? "" : " stroke-dasharray=\"5 3\"";
    const double legend = kTop + 16 * static_cast<double>(i);
    return text("<polyline fill=\"none\" stroke=\"", colour, "\" stroke-width=\"2\"", dash,
                " points=\"", points, "\"/>", dots) +
           text("<rect x=\"", kWidth - kRight + 10, "\" y=\"", legend - 8,
                "\" width=\"10\" height=\"10\" fill=\"", colour, "\"/>") +
           label(kWidth - kRight + 26, legend + 1, s.name, "start");
  }

  std::string x_label_, y_label_;
  const std::vector<Series>& series_;
  double left_ = 0, right_ = 0, low_, high_ = 0;
};

std::string table_of(const Report& report) {
  std::string made = "<table><tr><th></th>";
  const auto& columns = report.plan->table.columns;
  std::vector<std::string> keys;
  for (const TableColumn& column : columns) {
    keys.push_back(column.key);
    made += "<th>" + escaped(column.title) + "</th>";
  }
  if (!report.plan->table.average.empty()) {
    keys.push_back("average");
    made += "<th>average robustness</th>";
  }
  made += "</tr>";
  for (const MeasuredRow& row : report.rows) {
    made += "<tr><th>" + escaped(row.name) + "</th>";
    for (const std::string& key : keys) {
      const Cell& cell = row.cells.at(key);
      const auto paper = row.paper.find(key);
      made += "<td>" + number(cell.mean) +
              (cell.count > 1 ? " ± " + number(cell.deviation) : std::string()) + "<br><small>" +
              (paper == row.paper.end() ? "–" : number(paper->second)) + "</small></td>";
    }
    made += "</tr>";
  }
  return made + "</table>";
}

// A series for each row's first seed.
template <class Of>
std::vector<Series> series_of(const Report& report, const Of& of) {
  std::vector<Series> all;
  for (const MeasuredRun& run : report.runs) {
    if (run.run->seed != 0) continue;
    Series series{run.run->row, {}, {}};
    of(run, series);
    if (!series.x.empty()) all.push_back(series);
  }
  return all;
}

std::string charts_of(const Report& report) {
  const auto training = series_of(report, [](const MeasuredRun& run, Series& series) {
    for (std::size_t i = 0; i < run.test_accuracy.size(); ++i) {
      series.x.push_back(static_cast<double>(i + 1));
      series.y.push_back(run.test_accuracy[i]);
    }
  });
  const auto curves = series_of(report, [](const MeasuredRun& run, Series& series) {
    series.x = {0};
    series.y = {run.values.at("natural")};
    for (std::size_t i = 0; i < run.radii.size(); ++i) {
      series.x.push_back(255 * run.radii[i]);
      series.y.push_back(run.robustness[i]);
    }
  });
  const std::string key =
      report.plan->table.average.empty() ? report.plan->table.columns.back().key : "average";
  double least = 100;
  const auto trade = series_of(report, [&](const MeasuredRun& run, Series& series) {
    series.x = {run.values.at("natural")};
    series.y = {run.values.at(key)};
    least = std::min(least, series.x[0]);
  });
  Chart against("natural accuracy, %", key + ", %", trade, 0);
  against.start_x_at(std::floor(least) - 1);
  return "<h2>Training</h2>" + Chart("epoch", "test accuracy, %", training, 0).svg() +
         "<h2>Robustness against the radius</h2><p>PGD-10 in l-infinity.</p>" +
         Chart("eps in 255ths", "accuracy, %", curves, 0).svg() +
         "<h2>Natural accuracy and robustness</h2>" + against.svg();
}

std::string pictures_of(const Report& report) {
  std::string made = "<h2>Adversarial pictures</h2>";
  for (const MeasuredRun& run : report.runs) {
    const fs::path path = run.run->directory / "images.png";
    if (run.run->seed != 0 || !fs::exists(path)) continue;
    const std::vector<std::byte> bytes = read_file(path, std::int64_t{1} << 26);
    made += "<details><summary>" + escaped(run.run->row) +
            "</summary><img alt=\"clean, perturbed\" src=\"data:image/png;base64," +
            base64({reinterpret_cast<const char*>(bytes.data()), bytes.size()}) + "\"></details>";
  }
  return made;
}

std::string runs_of(const Report& report) {
  std::string made = "<h2>Where each number is from</h2>";
  for (const MeasuredRun& run : report.runs) {
    made += "<details><summary>" + escaped(run.run->row) + ", seed " +
            std::to_string(run.run->seed) + "</summary><pre>" + escaped(run.environment.dump()) +
            "\n";
    const auto commands = commands_of(*run.run);
    for (const char* name : {"train", "attack", "curve"}) {
      for (const auto& word : commands.at(name)) made += escaped(word.get<std::string>()) + " ";
      made += "\n";
    }
    made += "</pre></details>";
  }
  return made;
}

}  // namespace

std::string base64(const std::string& bytes) {
  constexpr const char* kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string made;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t word = 0;
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    for (std::size_t k = 0; k < 3; ++k) {
      word = word << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      made += k <= count ? kLetters[word >> (18 - 6 * k) & 63u] : '=';
    }
  }
  return made;
}

std::string html_of(const Report& report) {
  const Plan& plan = *report.plan;
  std::string notes;
  for (const std::string& note : plan.table.notes) notes += "<p>" + escaped(note) + "</p>";
  for (const std::string& doubt : report.doubts) {
    notes += "<p><b>Order that does not hold:</b> " + escaped(doubt) + "</p>";
  }
  return text("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Table ",
              plan.table.number,
              "</title><style>body{font:15px sans-serif;max-width:1000px;margin:2em auto}"
              "table{border-collapse:collapse}td,th{padding:.3em .7em;border-bottom:1px solid #ccc;"
              "text-align:right}small{color:#777}svg text{font:12px sans-serif}img{max-width:100%}"
              "pre{white-space:pre-wrap}</style></head><body><h1>Table ",
              plan.table.number, ": ", escaped(plan.table.title), "</h1><p>Preset ",
              escaped(plan.preset), ": ", escaped(plan.about), ". Data set ", escaped(plan.dataset),
              ". Accuracies in percent; small: the paper's, of ", escaped(plan.table.dataset),
              " with its recipe.</p>") +
         table_of(report) + notes + charts_of(report) + pictures_of(report) + runs_of(report) +
         "</body></html>\n";
}

}  // namespace saddle
