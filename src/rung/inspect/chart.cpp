#include "rung/inspect/chart.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "rung/base/error.h"
#include "rung/inspect/svg.h"

namespace rung {
namespace {

constexpr double kWidth = 560, kHeight = 380;
constexpr size_t kLongestLabel = 28;
constexpr double kLeft = 68, kRight = 20, kTop = 56, kBottom = 52;
constexpr std::string_view kAxisColor = "#64748b", kGridColor = "#e2e8f0";
// Beyond these a curve's range is drawn cut: coordinates stay far from overflow.
constexpr double kLargest = 1e300;

// One axis: values (or their logarithms) to pixels.
struct Scale {
  double low = 0, high = 1;    // of the value, or of its log10
  double first = 0, last = 0;  // pixels
  bool log = false;

  bool accepts(double value) const {
    return std::isfinite(value) && std::abs(value) < kLargest && (!log || value > 0);
  }
  double position(double value) const {
    const double v = log ? std::log10(value) : value;
    return first + (v - low) / (high - low) * (last - first);
  }
};

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void add(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  bool empty() const { return low > high; }
};

// The step between ticks: 1, 2 or 5 times a power of ten.
double round_step(double span, int count) {
  const double raw = span / std::max(count, 1);
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (raw <= factor * power * 1.0000001) return factor * power;
  }
  return 10 * power;
}

// The range widened to whole steps, so that the outer ticks end the axis.
Scale value_scale(Range range, double first, double last) {
  if (range.empty()) return {.low = 0, .high = 1, .first = first, .last = last};
  if (range.high - range.low <= 1e-12 * std::max(std::abs(range.low), 1e-290)) {
    const double room = range.low == 0 ? 1 : std::abs(range.low) * 0.5;
    range.low -= room;
    range.high += room;
  }
  const double step = round_step(range.high - range.low, 5);
  return {.low = std::floor(range.low / step + 1e-9) * step,
          .high = std::ceil(range.high / step - 1e-9) * step,
          .first = first,
          .last = last};
}

Scale log_scale(const Range& range, double first, double last) {
  Scale scale{.low = -1, .high = 1, .first = first, .last = last, .log = true};
  if (!range.empty()) {
    scale.low = std::floor(std::log10(range.low) + 1e-9);
    scale.high = std::max(std::ceil(std::log10(range.high) - 1e-9), scale.low + 1);
  }
  return scale;
}

std::vector<double> ticks_of(const Scale& scale) {
  if (!scale.log) return round_ticks(scale.low, scale.high, 5);
  std::vector<double> ticks;
  const double step = std::max(1.0, std::ceil((scale.high - scale.low) / 8));
  for (double p = scale.low; p <= scale.high + 1e-9; p += step) ticks.push_back(std::pow(10, p));
  return ticks;
}

std::string tick_text(double value) { return fmt::format("{:.6g}", value); }

void draw_title(svg::Writer& out, const Scale& x, std::string_view title) {
  out.text((x.first + x.last) / 2, 24, title,
           {.size = 14, .anchor = svg::Anchor::kMiddle, .bold = true});
}

// Ticks and grid lines of y, and its label.
void draw_y_axis(svg::Writer& out, const Scale& x, const Scale& y, std::string_view label) {
  for (const double tick : ticks_of(y)) {
    const double at = y.position(tick);
    out.line(x.first, at, x.last, at, {.stroke = kGridColor});
    out.text(x.first - 7, at + 4, tick_text(tick),
             {.size = 11, .color = kAxisColor, .anchor = svg::Anchor::kEnd});
  }
  out.text(18, (y.first + y.last) / 2, label,
           {.size = 12, .anchor = svg::Anchor::kMiddle, .rotate = -90});
}

void draw_x_axis(svg::Writer& out, const Scale& x, const Scale& y, std::string_view label) {
  for (const double tick : ticks_of(x)) {
    const double at = x.position(tick);
    out.line(at, y.first, at, y.first + 5, {.stroke = kAxisColor});
    out.text(at, y.first + 18, tick_text(tick),
             {.size = 11, .color = kAxisColor, .anchor = svg::Anchor::kMiddle});
  }
  out.line(x.first, y.first, x.last, y.first, {.stroke = kAxisColor});
  out.line(x.first, y.first, x.first, y.last, {.stroke = kAxisColor});
  out.text((x.first + x.last) / 2, kHeight - 12, label,
           {.size = 12, .anchor = svg::Anchor::kMiddle});
}

void draw_series(svg::Writer& out, const Series& series, const Scale& x, const Scale& y,
                 std::string_view color) {
  std::string path;
  bool pen_down = false;
  size_t drawn = 0;
  for (size_t i = 0; i < series.x.size(); ++i) {
    if (!x.accepts(series.x[i]) || !y.accepts(series.y[i])) {
      pen_down = false;
      continue;
    }
    path += fmt::format("{}{:.2f} {:.2f}", pen_down ? "L" : "M", x.position(series.x[i]),
                        y.position(series.y[i]));
    pen_down = true;
    ++drawn;
  }
  if (drawn == 0) return;
  out.tooltip(series.name);
  out.path(path, {.stroke = color, .width = 2});
  // Few points: each is marked, so that a line of one point is seen as well.
  if (drawn > 40) return;
  for (size_t i = 0; i < series.x.size(); ++i) {
    if (x.accepts(series.x[i]) && y.accepts(series.y[i])) {
      out.tooltip(fmt::format("{}: {:.6g}, {:.6g}", series.name, series.x[i], series.y[i]));
      out.circle(x.position(series.x[i]), y.position(series.y[i]), 2.6, {.fill = color});
    }
  }
}

// A row under the title, where no curve runs.
void draw_legend(svg::Writer& out, const std::vector<Series>& series, const Scale& x) {
  constexpr double kSwatch = 22, kGap = 18;
  double width = -kGap;
  for (const auto& s : series) width += kSwatch + svg::text_width(s.name, 11) + kGap;
  double left = std::max(x.first, (x.first + x.last - width) / 2);
  for (size_t i = 0; i < series.size(); ++i) {
    out.line(left, 40, left + kSwatch - 6, 40, {.stroke = svg::color(i), .width = 2.5});
    out.text(left + kSwatch, 44, series[i].name, {.size = 11});
    left += kSwatch + svg::text_width(series[i].name, 11) + kGap;
  }
}

svg::Writer draw(const LineChart& chart) {
  Range x_range, y_range;
  const Scale accepted{.log = chart.log_y};
  for (const auto& series : chart.series) {
    if (series.x.size() != series.y.size()) {
      fail_user("chart '{}': series '{}' has {} values of x and {} of y", chart.title, series.name,
                series.x.size(), series.y.size());
    }
    for (size_t i = 0; i < series.x.size(); ++i) {
      if (!Scale{}.accepts(series.x[i]) || !accepted.accepts(series.y[i])) continue;
      x_range.add(series.x[i]);
      y_range.add(series.y[i]);
    }
  }
  const double bottom = kHeight - kBottom;
  const Scale x = value_scale(x_range, kLeft, kWidth - kRight);
  const Scale y =
      chart.log_y ? log_scale(y_range, bottom, kTop) : value_scale(y_range, bottom, kTop);

  svg::Writer out;
  draw_title(out, x, chart.title);
  draw_y_axis(out, x, y, chart.y_label);
  draw_x_axis(out, x, y, chart.x_label);
  if (y_range.empty()) {
    out.text((kLeft + kWidth - kRight) / 2, kHeight / 2, "no data",
             {.size = 14, .color = kAxisColor, .anchor = svg::Anchor::kMiddle});
  }
  for (size_t i = 0; i < chart.series.size(); ++i) {
    draw_series(out, chart.series[i], x, y, svg::color(i));
  }
  if (chart.series.size() > 1) draw_legend(out, chart.series, x);
  return out;
}

void draw_bar(svg::Writer& out, const Bar& bar, const Scale& y, double center, double width,
              std::string_view color) {
  const double zero = y.position(0);
  out.text(center, kHeight - kBottom + 18, svg::shorten(bar.label, kLongestLabel),
           {.size = 11, .anchor = svg::Anchor::kMiddle});
  if (!y.accepts(bar.value)) {
    out.text(center, zero - 6, "n/a",
             {.size = 11, .color = kAxisColor, .anchor = svg::Anchor::kMiddle});
    return;
  }
  const double end = y.position(bar.value);
  out.rect(center - width / 2, std::min(zero, end), width, std::abs(end - zero),
           {.fill = color, .radius = 2});
  double top = std::min(zero, end);
  if (bar.spread > 0 && std::isfinite(bar.spread)) {
    const double low = y.position(bar.value - bar.spread),
                 high = y.position(bar.value + bar.spread);
    out.line(center, low, center, high, {.stroke = "#1f2933", .width = 1.5});
    for (const double at : {low, high}) {
      out.line(center - 6, at, center + 6, at, {.stroke = "#1f2933", .width = 1.5});
    }
    top = std::min(top, high);
  }
  out.text(center, top - 6, fmt::format("{:.4g}", bar.value),
           {.size = 11, .anchor = svg::Anchor::kMiddle, .bold = true});
}

}  // namespace

std::vector<double> round_ticks(double low, double high, int count) {
  if (!std::isfinite(low) || !std::isfinite(high) || !(high > low)) return {low};
  const double step = round_step(high - low, count);
  std::vector<double> ticks;
  const double first = std::ceil(low / step - 1e-9);
  for (int i = 0; i <= 4 * std::max(count, 1); ++i) {
    const double tick = (first + i) * step;
    if (tick > high + 1e-9 * step) break;
    ticks.push_back(std::abs(tick) < 1e-9 * step ? 0 : tick);
  }
  return ticks;
}

std::string line_charts_svg(std::span<const LineChart> charts) {
  svg::Writer out;
  for (size_t i = 0; i < charts.size(); ++i) {
    out.place(draw(charts[i]), kWidth * static_cast<double>(i), 0);
  }
  const double width = kWidth * static_cast<double>(std::max<size_t>(charts.size(), 1));
  return out.finish(width, kHeight, charts.empty() ? "no charts" : charts.front().title);
}

std::string bar_chart_svg(const BarChart& chart) {
  Range range;
  range.add(0);
  for (const auto& bar : chart.bars) {
    if (!Scale{}.accepts(bar.value)) continue;
    const double spread = Scale{}.accepts(bar.spread) ? std::max(bar.spread, 0.0) : 0;
    range.add(bar.value - spread);
    range.add(bar.value + spread);
  }
  double slot = std::max(84.0, (kWidth - kLeft - kRight) /
                                   static_cast<double>(std::max<size_t>(chart.bars.size(), 1)));
  for (const auto& bar : chart.bars) {
    slot = std::max(slot, svg::text_width(svg::shorten(bar.label, kLongestLabel), 11) + 16);
  }
  const double right = kLeft + slot * static_cast<double>(std::max<size_t>(chart.bars.size(), 1));
  const Scale x{.first = kLeft, .last = right};
  const Scale y = value_scale(range, kHeight - kBottom, kTop + 12);

  svg::Writer out;
  draw_title(out, x, chart.title);
  draw_y_axis(out, x, y, chart.y_label);
  const double zero = y.position(0);
  out.line(x.first, zero, x.last, zero, {.stroke = kAxisColor});
  for (size_t i = 0; i < chart.bars.size(); ++i) {
    draw_bar(out, chart.bars[i], y, kLeft + slot * (static_cast<double>(i) + 0.5), slot * 0.55,
             svg::color(i));
  }
  return out.finish(right + kRight, kHeight, chart.title);
}

}  // namespace rung
