#include "rung/inspect/chart.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "rung/base/error.h"
#include "rung/inspect/svg_testing.h"

namespace rung {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

std::string one(LineChart chart) { return line_charts_svg(std::vector{std::move(chart)}); }

void expect_clean(const std::string& svg) {
  EXPECT_EQ(svg::xml_problem(svg), "") << svg;
  for (const char* bad : {"nan", "inf"}) EXPECT_EQ(svg.find(bad), std::string::npos) << svg;
}

TEST(Chart, DrawsEverySeriesWithALegend) {
  const auto svg = one({.title = "loss",
                        .x_label = "epoch",
                        .y_label = "loss",
                        .series = {{"train", {1, 2, 3}, {0.9, 0.5, 0.3}},
                                   {"valid <1>", {1, 2, 3}, {1.0, 0.7, 0.6}}}});
  expect_clean(svg);
  EXPECT_EQ(svg::count(svg, "<path "), 2u);
  EXPECT_EQ(svg::count(svg, "<circle "), 6u);
  EXPECT_NE(svg.find("valid &lt;1&gt;"), std::string::npos);
}

TEST(Chart, BreaksTheLineWhereAValueIsMissing) {
  const auto svg = one({.series = {{"a", {1, 2, 3, 4, 5}, {1, 2, kNan, kInf, 3}}}});
  expect_clean(svg);
  const size_t start = svg.find("<path d=\"") + 9;
  EXPECT_EQ(svg::count(svg.substr(start, svg.find('"', start) - start), "M"), 2u);
}

TEST(Chart, SaysWhenThereIsNothing) {
  for (const auto& svg :
       {one({}), one({.series = {{"a", {}, {}}}}), one({.series = {{"a", {1}, {kNan}}}}),
        one({.series = {{"a", {1, 2}, {-1, 0}}}, .log_y = true})}) {
    expect_clean(svg);
    EXPECT_NE(svg.find("no data"), std::string::npos);
  }
  expect_clean(line_charts_svg({}));
}

TEST(Chart, SurvivesAnyNumbers) {
  for (const double y : {0.0, 1e-320, 1e-30, -5.0, 1e250, 1e308, -1e308}) {
    expect_clean(one({.series = {{"a", {1}, {y}}}}));
    expect_clean(one({.series = {{"a", {1, 2}, {y, y + 1}}}}));
    expect_clean(one({.series = {{"a", {1, 2}, {y, -y}}}, .log_y = true}));
    expect_clean(bar_chart_svg({.bars = {{"a", y, y}, {"b", kNan}}}));
  }
}

TEST(Chart, LogAxisHasPowersOfTen) {
  const auto svg = one({.series = {{"a", {1, 2, 3}, {0.002, 0.05, 30}}}, .log_y = true});
  expect_clean(svg);
  for (const char* tick : {">0.001<", ">0.01<", ">0.1<", ">1<", ">10<", ">100<"}) {
    EXPECT_NE(svg.find(tick), std::string::npos) << tick;
  }
}

TEST(Chart, RefusesUnequalLengths) {
  try {
    one({.title = "loss", .series = {{"a", {1, 2}, {1}}}});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUser);
    EXPECT_STREQ(error.what(), "chart 'loss': series 'a' has 2 values of x and 1 of y");
  }
}

TEST(Chart, TicksAreRound) {
  EXPECT_EQ(round_ticks(0, 10, 5), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  EXPECT_EQ(round_ticks(-1, 1, 4), (std::vector<double>{-1, -0.5, 0, 0.5, 1}));
  for (const double tick : round_ticks(0.013, 0.094, 5)) EXPECT_LE(tick, 0.094 + 1e-12);
}

TEST(Chart, BarsCarryTheirValuesAndSpread) {
  const auto svg = bar_chart_svg(
      {.title = "IoU", .bars = {{"with", 0.83, 0.01}, {"without", 0.79, 0}, {"gone", kNan}}});
  expect_clean(svg.substr(0));
  EXPECT_NE(svg.find(">0.83<"), std::string::npos);
  EXPECT_NE(svg.find(">n/a<"), std::string::npos);
}

}  // namespace
}  // namespace rung
