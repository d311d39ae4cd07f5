#include "apps/common/chart.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/format.h"

namespace saddle {
namespace {

constexpr double kWidth = 680, kFrameWidth = 440, kLeft = 50, kFrameTop = 30, kFrameHeight = 265,
                 kBelow = 45, kTitleHeight = 24, kLetterWidth = 6.5;
constexpr std::size_t kMostMarkers = 40;
// Dark enough for white ground and apart from each other also for most colour-blind readers
// (Okabe and Ito 2008).
constexpr const char* kColours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                    "#e69f00", "#56b4e9", "#000000", "#8c8c8c"};

// Pixels with a tenth, so that equal charts are equal texts.
std::string pixel(double value) { return formatted("%.1f", value); }

std::string label(double x, double y, const std::string& said, const char* anchor) {
  return text("<text x=\"", pixel(x), "\" y=\"", pixel(y), "\" text-anchor=\"", anchor, "\">",
              escaped(said), "</text>");
}

std::string opening(SvgPlace place, double width, double height) {
  return text("<svg ", place == SvgPlace::file ? "xmlns=\"http://www.w3.org/2000/svg\" " : "",
              "viewBox=\"0 0 ", width, " ", height, "\" width=\"", width,
              "\" role=\"img\" font-family=\"sans-serif\" font-size=\"12\"><rect width=\"", width,
              "\" height=\"", height, "\" fill=\"#fff\"/>");
}

void check(const Chart& chart) {
  require(!chart.series.empty(), "chart: there is nothing to draw");
  require(chart.x.low < chart.x.high && chart.y.low < chart.y.high, "chart: the axes from ",
          chart.x.low, " to ", chart.x.high, " and from ", chart.y.low, " to ", chart.y.high,
          " must have a length");
  for (const Series& series : chart.series) {
    const auto finite = [](double value) { return std::isfinite(value); };
    require(!series.x.empty() && series.x.size() == series.y.size(), "chart: '", series.name,
            "' has ", series.x.size(), " x and ", series.y.size(), " y");
    require(std::ranges::all_of(series.x, finite) && std::ranges::all_of(series.y, finite),
            "chart: '", series.name, "' has points that are not finite");
  }
}

class Drawing {
 public:
  explicit Drawing(const Chart& chart)
      : chart_(chart), top_(kFrameTop + (chart.title.empty() ? 0 : kTitleHeight)) {
    std::size_t letters = 0;
    for (const Series& series : chart.series) letters = std::max(letters, series.name.size());
    width_ = std::max(kWidth, kLegendText + kLetterWidth * static_cast<double>(letters));
  }

  std::string svg(SvgPlace place) const {
    const double height = top_ + kFrameHeight + kBelow;
    std::string made = opening(place, width_, height);
    if (!chart_.title.empty()) made += label(kLeft, 18, chart_.title, "start");
    for (int i = 0; i <= 4; ++i) {
      const double x = chart_.x.low + (chart_.x.high - chart_.x.low) * i / 4,
                   y = chart_.y.low + (chart_.y.high - chart_.y.low) * i / 4;
      made += text("<path stroke=\"#ddd\" d=\"M", pixel(kLeft), " ", pixel(at_y(y)), "H",
                   pixel(kLeft + kFrameWidth), "\"/>") +
              label(kLeft - 6, at_y(y) + 4, formatted("%.4g", y), "end") +
              label(at_x(x), height - kBelow + 18, formatted("%.4g", x), "middle");
    }
    made += label(kLeft + kFrameWidth / 2, height - 8, chart_.x.label, "middle") +
            label(kLeft, top_ - 12, chart_.y.label, "start");
    for (std::size_t i = 0; i < chart_.series.size(); ++i) made += drawn(i);
    return made + "</svg>\n";
  }

 private:
  static constexpr double kLegendText = kLeft + kFrameWidth + 32;

  double at_x(double x) const {
    const double share = (x - chart_.x.low) / (chart_.x.high - chart_.x.low);
    return kLeft + std::clamp(share, 0., 1.) * kFrameWidth;
  }
  double at_y(double y) const {
    const double share = (y - chart_.y.low) / (chart_.y.high - chart_.y.low);
    return top_ + kFrameHeight - std::clamp(share, 0., 1.) * kFrameHeight;
  }
  std::string drawn(std::size_t i) const {
    const Series& s = chart_.series[i];
    const char* colour = kColours[i % std::size(kColours)];
    std::string points, dots;
    for (std::size_t k = 0; k < s.x.size(); ++k) {
      const std::string x = pixel(at_x(s.x[k])), y = pixel(at_y(s.y[k]));
      points += text(x, ",", y, " ");
      if (s.x.size() <= kMostMarkers) {
        dots += text("<circle cx=\"", x, "\" cy=\"", y, "\" r=\"3\" fill=\"", colour, "\"/>");
      }
      if (!s.labels.empty()) {
        dots += label(at_x(s.x[k]) + 5, at_y(s.y[k]) - 5, s.labels[k], "start");
      }
    }
    // Beyond eight colours dashes tell apart.
    const char* dash = i < std::size(kColours) ? "" : " stroke-dasharray=\"5 3\"";
    const double legend = top_ + 16 * static_cast<double>(i);
    return text("<g stroke=\"", colour, "\" stroke-width=\"2\" fill=\"none\"", dash,
                "><polyline points=\"", points, "\"/><path d=\"M", pixel(kLegendText - 24), " ",
                pixel(legend - 4), "h18\"/></g>", dots) +
           label(kLegendText, legend, s.name, "start");
  }

  const Chart& chart_;
  double top_, width_ = kWidth;
};

}  // namespace

Axis round_axis(const std::string& label, double low, double high) {
  require(std::isfinite(low) && std::isfinite(high) && low <= high, "chart: no axis goes from ",
          low, " to ", high);
  if (low == high) high = low + 1;
  const double power = std::pow(10, std::floor(std::log10((high - low) / 4)));
  for (const double factor : {1., 1.5, 2., 2.5, 3., 4., 5., 7.5, 10., 15., 20.}) {
    const double step = factor * power, begin = std::floor(low / step + 1e-9) * step;
    if (begin + 4 * step >= high - 1e-9 * step) return {label, begin, begin + 4 * step};
  }
  return {label, low, high};
}

Axis round_axis(const std::string& label, const std::vector<Series>& series,
                std::vector<double> Series::*values) {
  double low = INFINITY, high = -INFINITY;
  for (const Series& s : series) {
    for (const double value : s.*values) {
      low = std::min(low, value);
      high = std::max(high, value);
    }
  }
  return round_axis(label, low, high);
}

std::string svg_of(const Chart& chart, SvgPlace place) {
  check(chart);
  return Drawing(chart).svg(place);
}

std::string svg_of_plane(const std::string& title, std::size_t side,
                         const std::vector<double>& values, double largest) {
  require(values.size() == side * side && side > 0, "chart: ", values.size(),
          " values are no square of ", side);
  constexpr double kCell = 16, kTop = 30;
  const double extent = kCell * static_cast<double>(side);
  std::string made = opening(SvgPlace::file,
                             std::max(extent, 8 + kLetterWidth * static_cast<double>(title.size())),
                             kTop + extent) +
                     label(4, 18, title, "start");
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double share =
        std::isfinite(values[i]) ? std::clamp(values[i] / std::max(largest, 1e-12), 0., 1.) : 1;
    const auto part = [&](double dark, double light) {
      return std::lround(dark + share * (light - dark));
    };
    made += text("<rect x=\"", kCell * static_cast<double>(i % side), "\" y=\"",
                 kTop + kCell * static_cast<double>(i / side), "\" width=\"", kCell, "\" height=\"",
                 kCell, "\" fill=\"rgb(", part(20, 250), ",", part(40, 240), ",", part(110, 200),
                 ")\"/>");
  }
  return made + "</svg>\n";
}

std::string escaped(const std::string& text) {
  std::string made;
  for (const char c : text) {
    switch (c) {
      case '<': made += "&lt;"; break;
      case '>': made += "&gt;"; break;
      case '&': made += "&amp;"; break;
      case '"': made += "&quot;"; break;
      case '\'': made += "&#39;"; break;
      default: made += c;
    }
  }
  return made;
}

}  // namespace saddle
