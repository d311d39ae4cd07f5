// Plot: curves over a common axis as a picture, with ticks and a legend.
//
// Made for robust accuracy over the radius of an attack: y is a percentage where nothing else is
// said, x starts at 0.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "apps/common/canvas.h"

namespace saddle {

struct Curve {
  std::string name;          // for the legend
  std::vector<double> x, y;  // equally many points, x ascending and not negative
};

// What the y axis shows; what lies outside is drawn at its ends.
struct PlotRange {
  double low = 0, high = 100;
};
// From the least to the largest y, with a little room.
PlotRange range_of(const std::vector<Curve>& curves);

// Axes from 0 to the largest x and over the range, a marker at each point of a curve of at most
// kMostMarkers. Throws Error where there is no curve, a curve has no points, or x and y differ in
// number or are not finite.
inline constexpr std::size_t kMostMarkers = 40;
Canvas plot_curves(const std::string& title, const std::string& x_label, const std::string& y_label,
                   const std::vector<Curve>& curves, const PlotRange& range = {});

// The pixel of a point in the picture that plot_curves() makes where the largest x is `largest_x`:
// (line from the top, column).
struct PlotPoint {
  std::int64_t y, x;
};
PlotPoint plot_point(double x, double y, double largest_x, const PlotRange& range = {});

}  // namespace saddle
