#include "rung/inspect/graph_svg.h"

#include <gtest/gtest.h>

#include "rung/base/rng.h"
#include "rung/graph/builder.h"
#include "rung/inspect/placement.h"
#include "rung/inspect/svg_testing.h"

namespace rung {
namespace {

Graph chain(int length, const std::string& prefix) {
  Builder b;
  Value x = b.input("x", {1, 4});
  for (int i = 0; i < length; ++i) x = b.relu(prefix + std::to_string(i), x);
  b.output("y", x);
  return b.graph();
}

void expect_clean(const std::string& svg) {
  EXPECT_EQ(svg::xml_problem(svg), "");
  for (const char* bad : {"nan", "inf", "clickable"}) EXPECT_EQ(svg.find(bad), svg.npos) << bad;
}

TEST(GraphSvg, NamesMayHoldAnything) {
  const auto svg = graph_svg(chain(2, "<b> & \"q\"\x01"), {.title = "a < b"});
  expect_clean(svg);
  EXPECT_NE(svg.find("&lt;b&gt; &amp; &quot;q&quot;"), svg.npos);
}

TEST(GraphSvg, EmptyAndHugeGraphsDraw) {
  expect_clean(graph_svg(Graph()));
  const auto svg = graph_svg(chain(10000, "r"));
  expect_clean(svg);
  EXPECT_LT(svg.size(), 100000u);
}

TEST(GraphSvg, TheSameGraphGivesTheSameBytes) {
  EXPECT_EQ(graph_svg(chain(30, "r")), graph_svg(chain(30, "r")));
}

// Random outlines: arrows in every direction, between any lanes, circles among them.
TEST(GraphSvg, PlacesAnyOutline) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Rng rng(seed);
    Outline outline;
    const auto lanes = rng.integer(0, 4);
    for (int64_t i = 0; i < lanes; ++i) outline.lanes.push_back("lane" + std::to_string(i));
    const auto boxes = rng.integer(1, 40);
    std::vector<Area> sizes;
    for (int64_t i = 0; i < boxes; ++i) {
      outline.boxes.push_back({.name = "b", .lane = static_cast<int>(rng.integer(-1, lanes - 1))});
      sizes.push_back({.width = rng.uniform(40, 300), .height = rng.uniform(20, 60)});
    }
    const auto arrows = rng.integer(0, 80);
    for (int64_t i = 0; i < arrows; ++i) {
      Arrow arrow{.from = static_cast<size_t>(rng.integer(0, boxes - 1)),
                  .to = static_cast<size_t>(rng.integer(0, boxes - 1)),
                  .kind = static_cast<Arrow::Kind>(rng.integer(0, 2))};
      if (arrow.from != arrow.to) outline.arrows.push_back(arrow);
    }
    const Placement placement = place(outline, sizes);
    ASSERT_EQ(placement.arrows.size(), outline.arrows.size());
    for (const auto& area : placement.boxes) {
      EXPECT_GE(area.x, 0) << seed;
      EXPECT_GE(area.y, 0) << seed;
      EXPECT_LE(area.x + area.width, placement.width + 0.01) << seed;
      EXPECT_LE(area.y + area.height, placement.height + 0.01) << seed;
    }
    for (size_t a = 0; a < sizes.size(); ++a) {
      for (size_t b = a + 1; b < sizes.size(); ++b) {
        const Area &p = placement.boxes[a], &q = placement.boxes[b];
        const bool apart = p.x + p.width <= q.x + 1 || q.x + q.width <= p.x + 1 ||
                           p.y + p.height <= q.y + 1 || q.y + q.height <= p.y + 1;
        EXPECT_TRUE(apart) << "boxes " << a << " and " << b << " overlap, seed " << seed;
      }
    }
  }
}

}  // namespace
}  // namespace rung
