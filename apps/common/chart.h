// Chart: numbers as pictures in SVG, which every browser shows and every text tool reads.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace saddle {

// A line through points, with a marker at each where they are not too many to be told apart.
struct Series {
  std::string name;                      // for the legend
  std::vector<double> x, y;              // equally many, finite
  std::vector<std::string> labels = {};  // at the points; empty: none
};

// What lies outside is drawn at the ends.
struct Axis {
  std::string label;
  double low = 0, high = 1;
};

// Ends that make four parts of round numbers, around low to high.
Axis round_axis(const std::string& label, double low, double high);
// The same around the values of all series, `x` or `y`.
Axis round_axis(const std::string& label, const std::vector<Series>& series,
                std::vector<double> Series::*values);

struct Chart {
  std::string title;  // may be empty
  Axis x, y;
  std::vector<Series> series;
};

// Where an SVG stands: within HTML, or in a file of its own, which names its language.
enum class SvgPlace { page, file };

// Throws Error where there is no series, a series has no points, or its numbers cannot be drawn.
std::string svg_of(const Chart& chart, SvgPlace place);

// side x side squares, row by row: dark at 0, light at `largest` and above.
std::string svg_of_plane(const std::string& title, std::size_t side,
                         const std::vector<double>& values, double largest);

// Text within HTML or SVG.
std::string escaped(const std::string& text);

}  // namespace saddle
