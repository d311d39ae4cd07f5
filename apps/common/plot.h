// Plot: curves over a common axis as a picture, with ticks and a legend.
//
// Made for robust accuracy over the radius of an attack: y is a percentage, x starts at 0.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "apps/common/canvas.h"

namespace saddle {

struct Curve {
  std::string name;            // for the legend
  std::vector<double> x, y;    // equally many points, x ascending and not negative, y in percent
};

// Axes from 0 to the largest x and from 0 to 100, a marker at each point. Throws Error where there
// is no curve, a curve has no points, or x and y differ in number or are not finite.
Canvas plot_curves(const std::string& title, const std::string& x_label,
                   const std::string& y_label, const std::vector<Curve>& curves);

// The pixel of a point in the picture that plot_curves() makes where the largest x is `largest_x`:
// (line from the top, column).
struct PlotPoint {
  std::int64_t y, x;
};
PlotPoint plot_point(double x, double y, double largest_x);

}  // namespace saddle
