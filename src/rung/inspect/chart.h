#pragma once

#include <span>
#include <string>
#include <vector>

namespace rung {

/// One line of a chart. Points whose x or y is not finite are left out, and the line breaks there.
struct Series {
  std::string name;
  std::vector<double> x;
  std::vector<double> y;  ///< as many as x
};

struct LineChart {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<Series> series;
  bool log_y = false;  ///< powers of ten; values that are not positive are left out
};

struct Bar {
  std::string label;
  double value = 0;   ///< not finite: the bar says "n/a"
  double spread = 0;  ///< half the length of the whisker; 0: none
};

struct BarChart {
  std::string title;
  std::string y_label;
  std::vector<Bar> bars;
};

/// The charts as one SVG picture, side by side. Nothing to draw gives empty axes that say so.
/// Throws a user error where a series has unequal numbers of x and y.
std::string line_charts_svg(std::span<const LineChart> charts);
std::string bar_chart_svg(const BarChart& chart);

/// Round numbers that cover [low, high], about `count` of them, ascending: 0, 0.2, 0.4, …
std::vector<double> round_ticks(double low, double high, int count);

}  // namespace rung
