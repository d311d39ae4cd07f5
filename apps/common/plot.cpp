#include "apps/common/plot.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/error.h"

namespace saddle {
namespace {

// The frame, in pixels; the legend stands under it.
constexpr std::int64_t kWidth = 900, kLeft = 80, kRight = 30, kTop = 50, kFrameHeight = 420,
                       kBelow = 60, kLegendLine = 22, kMarker = 9;
constexpr std::int64_t kFrameWidth = kWidth - kLeft - kRight;

// Dark enough for white ground and apart from each other also for most colour-blind readers
// (Okabe and Ito 2008).
constexpr Colour kColours[] = {{0, 114, 178}, {213, 94, 0},   {0, 158, 115}, {204, 121, 167},
                               {230, 159, 0}, {86, 180, 233}, {0, 0, 0},     {140, 140, 140}};

const Colour& colour_of(std::size_t curve) { return kColours[curve % std::size(kColours)]; }

std::string number_text(double number) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.4g", number);
  return digits;
}

// 1, 2 or 5 times a power of ten, such that about `steps` of them make `range`.
double tick_step(double range, int steps) {
  const double raw = range / steps, power = std::pow(10., std::floor(std::log10(raw)));
  for (double factor : {1., 2., 5.}) {
    if (raw <= factor * power * (1 + 1e-9)) return factor * power;
  }
  return 10 * power;
}

double largest_x_of(const std::vector<Curve>& curves) {
  double largest = 0;
  for (const Curve& curve : curves) largest = std::max(largest, curve.x.back());
  return largest > 0 ? largest : 1.;
}

void check(const std::vector<Curve>& curves) {
  require(!curves.empty(), "plot: there is no curve to draw");
  for (const Curve& curve : curves) {
    require(!curve.x.empty() && curve.x.size() == curve.y.size(), "plot: curve '", curve.name,
            "' has ", curve.x.size(), " x and ", curve.y.size(), " y");
    const auto finite = [](double value) { return std::isfinite(value); };
    require(std::ranges::all_of(curve.x, finite) && std::ranges::all_of(curve.y, finite) &&
                std::ranges::is_sorted(curve.x) && curve.x.front() >= 0,
            "plot: curve '", curve.name, "' has points that are not finite or not in order");
  }
}

std::int64_t text_width(const std::string& text, std::int64_t scale) {
  return static_cast<std::int64_t>(text.size()) * Canvas::kLetterWidth * scale;
}

void draw_axes(Canvas& canvas, double largest_x, const PlotRange& range) {
  constexpr std::int64_t kScale = 2, kHalfLetter = Canvas::kLetterHeight * kScale / 2;
  const double y_step = tick_step(range.high - range.low, 5);
  for (double i = std::ceil(range.low / y_step - 1e-9); i * y_step <= range.high + 1e-9 * y_step;
       ++i) {
    const std::int64_t y = plot_point(0, i * y_step, largest_x, range).y;
    canvas.line(static_cast<double>(y), kLeft, static_cast<double>(y), kLeft + kFrameWidth, kGrey);
    const std::string label = number_text(i * y_step + 0.);  // never -0
    canvas.text(y - kHalfLetter, kLeft - 8 - text_width(label, kScale), label, kBlack, kScale);
  }
  const double step = tick_step(largest_x, 6);
  for (int i = 0; i * step <= largest_x * (1 + 1e-9); ++i) {
    const std::int64_t x = plot_point(i * step, range.low, largest_x, range).x;
    canvas.line(kTop, static_cast<double>(x), kTop + kFrameHeight, static_cast<double>(x), kGrey);
    const std::string label = number_text(i * step);
    const std::int64_t start = x - text_width(label, kScale) / 2;
    canvas.text(kTop + kFrameHeight + 8, std::min(start, kWidth - text_width(label, kScale)), label,
                kBlack, kScale);
  }
  canvas.line(kTop, kLeft, kTop + kFrameHeight, kLeft, kBlack, 2);
  canvas.line(kTop + kFrameHeight, kLeft, kTop + kFrameHeight, kLeft + kFrameWidth, kBlack, 2);
}

// Curves on top of each other stay apart by their markers, of which every second is hollow.
void draw_curve(Canvas& canvas, const Curve& curve, const Colour& colour, double largest_x,
                const PlotRange& range, bool hollow) {
  PlotPoint previous{};
  for (std::size_t i = 0; i < curve.x.size(); ++i) {
    const PlotPoint at = plot_point(curve.x[i], curve.y[i], largest_x, range);
    if (i > 0) {
      canvas.line(static_cast<double>(previous.y), static_cast<double>(previous.x),
                  static_cast<double>(at.y), static_cast<double>(at.x), colour, 2);
    }
    previous = at;
  }
  if (curve.x.size() > kMostMarkers) return;
  for (std::size_t i = 0; i < curve.x.size(); ++i) {
    const PlotPoint at = plot_point(curve.x[i], curve.y[i], largest_x, range);
    canvas.fill(at.y - kMarker / 2, at.x - kMarker / 2, kMarker, kMarker, colour);
    if (hollow) {
      canvas.fill(at.y - kMarker / 2 + 2, at.x - kMarker / 2 + 2, kMarker - 4, kMarker - 4, kWhite);
    }
  }
}

}  // namespace

PlotRange range_of(const std::vector<Curve>& curves) {
  check(curves);
  PlotRange range{curves.front().y.front(), curves.front().y.front()};
  for (const Curve& curve : curves) {
    for (const double y : curve.y) {
      range.low = std::min(range.low, y);
      range.high = std::max(range.high, y);
    }
  }
  const double room = range.high > range.low ? 0.05 * (range.high - range.low) : 1;
  return {range.low - room, range.high + room};
}

PlotPoint plot_point(double x, double y, double largest_x, const PlotRange& range) {
  const double share =
      (std::clamp(y, range.low, range.high) - range.low) / (range.high - range.low);
  return {kTop + kFrameHeight - std::lround(share * static_cast<double>(kFrameHeight)),
          kLeft + std::lround(x / largest_x * static_cast<double>(kFrameWidth))};
}

Canvas plot_curves(const std::string& title, const std::string& x_label, const std::string& y_label,
                   const std::vector<Curve>& curves, const PlotRange& range) {
  check(curves);
  require(range.low < range.high, "plot: the range ", range.low, " to ", range.high, " is empty");
  const double largest_x = largest_x_of(curves);
  const auto lines = static_cast<std::int64_t>(curves.size());
  Canvas canvas(kWidth, kTop + kFrameHeight + kBelow + lines * kLegendLine + 10);
  canvas.text(16, kLeft, title, kBlack, 2);
  draw_axes(canvas, largest_x, range);
  canvas.text(kTop + kFrameHeight + 32, kLeft + (kFrameWidth - text_width(x_label, 2)) / 2, x_label,
              kBlack, 2);
  canvas.text_upwards(kTop + (kFrameHeight + text_width(y_label, 2)) / 2, 10, y_label, kBlack, 2);
  for (std::size_t i = 0; i < curves.size(); ++i) {
    const Colour& colour = colour_of(i);
    const bool hollow = i % 2 == 1;
    draw_curve(canvas, curves[i], colour, largest_x, range, hollow);
    const std::int64_t y =
        kTop + kFrameHeight + kBelow + static_cast<std::int64_t>(i) * kLegendLine;
    canvas.fill(y + 6, kLeft, 2, 30, colour);
    canvas.fill(y + 3, kLeft + 11, kMarker, kMarker, colour);
    if (hollow) canvas.fill(y + 5, kLeft + 13, kMarker - 4, kMarker - 4, kWhite);
    canvas.text(y, kLeft + 40, curves[i].name, kBlack, 2);
  }
  return canvas;
}

}  // namespace saddle
