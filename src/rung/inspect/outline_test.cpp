#include "rung/inspect/outline.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "rung/graph/builder.h"

namespace rung {
namespace {

// Two networks and a skip between them:
//
//   a/x ── a/l1(conv, relu) ── a/l2(conv, relu) ══wire══ b/l1(conv) ── [skip1] ── b/l2(conv) ── y
//                   └────────────────skip───────────────────────────────┘
Graph joined() {
  Builder b;
  Value x = b.input("a/x", {1, 3, 8, 8});
  const auto layer = [&](const std::string& name, Value v) {
    const auto scope = b.scope(name);
    return b.relu("relu", b.conv("conv", v, {.out = 4, .padding = {1}}));
  };
  const Value a1 = layer("a/l1", x), a2 = layer("a/l2", a1);
  const Value b1 = layer("b/l1", a2);
  Graph graph = b.graph();
  const NodeId sum =
      graph.add("b/skip1.add", ops::Binary{.fn = ops::BinaryFn::kAdd}, {b1, a1}, "skip1");
  graph.add_skip_note({.name = "skip1",
                       .from = "a/l1",
                       .to = "b/l1",
                       .merge = "add",
                       .text = "",
                       .source = a1,
                       .adapted = a1,
                       .target = b1,
                       .merged = {sum, 0}});
  Builder rest(std::move(graph));
  rest.output("y", rest.conv("b/l2.conv", {sum, 0}, {.out = 4, .padding = {1}}));
  return rest.graph();
}

const Box& box_named(const Outline& out, const std::string& name) {
  const auto found = std::find_if(out.boxes.begin(), out.boxes.end(),
                                  [&](const Box& box) { return box.name == name; });
  if (found == out.boxes.end()) throw std::runtime_error("no box " + name);
  return *found;
}

std::string arrows_text(const Outline& out) {
  std::string text;
  for (const auto& arrow : out.arrows) {
    const char* kind = arrow.kind == Arrow::Kind::kFlow   ? "->"
                       : arrow.kind == Arrow::Kind::kWire ? "=>"
                                                          : "~>";
    const auto full = [&](size_t i) {
      const Box& box = out.boxes[i];
      return (box.lane < 0 ? "" : out.lanes[static_cast<size_t>(box.lane)] + "/") + box.name;
    };
    text += full(arrow.from) + kind + full(arrow.to) + "\n";
  }
  return text;
}

TEST(Outline, LayersAreBoxesAndASkipIsOne) {
  const Outline out = outline(joined(), {.depth = 1});
  EXPECT_EQ(out.lanes, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(arrows_text(out),
            "a/x->a/l1\n"
            "a/l1->a/l2\n"
            "a/l1~>b/skip1\n"
            "a/l2=>b/l1\n"
            "b/l1->b/skip1\n"
            "b/skip1->b/l2\n"
            "b/l2->b/y\n");
  EXPECT_EQ(box_named(out, "skip1").kind, Box::Kind::kSkip);
  EXPECT_EQ(box_named(out, "skip1").detail, "add");
  EXPECT_EQ(box_named(out, "l2").shape, "f32[N, 4, 8, 8]");
}

TEST(Outline, CountsWeightsOnce) {
  const Outline out = outline(joined(), {.depth = 1});
  EXPECT_EQ(out.boxes[1].name, "l1");
  EXPECT_EQ(out.boxes[1].detail, "Conv, relu · 112 weights");  // 3·4·9 + 4
}

TEST(Outline, DepthOpensLayers) {
  const Outline out = outline(joined(), {.depth = 2});
  EXPECT_EQ(box_named(out, "l1.conv").detail, "Conv · 112 weights");
  EXPECT_EQ(outline(joined()).boxes.size(), out.boxes.size()) << "few boxes: shown by themselves";
}

TEST(Outline, OpensTheLayersThatHoldTheEndsOfASkip) {
  Builder b;
  const Value conv = b.conv("net.deep.conv", b.input("x", {1, 3, 8, 8}), {.out = 3, .kernel = {1}});
  const Value relu = b.relu("net.deep.relu", conv);
  Graph graph = b.graph();
  graph.add_skip_note({.name = "s",
                       .from = "net.deep.conv",
                       .to = "net.deep.relu@in",
                       .merge = "add",
                       .text = "",
                       .source = conv,
                       .adapted = conv,
                       .target = conv,
                       .merged = relu});
  const Outline out = outline(graph, {.depth = 1});
  EXPECT_NO_THROW(box_named(out, "net.deep.conv"));
  EXPECT_NO_THROW(box_named(out, "net.deep.relu"));
}

TEST(Outline, AHugeGraphIsGathered) {
  Builder b;
  Value x = b.input("x", {1, 4});
  for (int i = 0; i < 10000; ++i) x = b.relu("r" + std::to_string(i), x);
  b.output("y", x);
  const Outline out = outline(b.graph(), {.max_boxes = 40});
  EXPECT_LE(out.boxes.size(), 42u);
  EXPECT_EQ(out.arrows.size(), out.boxes.size() - 1) << "a chain stays a chain";
  EXPECT_EQ(out.boxes.front().kind, Box::Kind::kRange);
  EXPECT_EQ(out.boxes.front().detail, "251 layers");
}

TEST(Outline, AnEmptyGraphIsEmpty) {
  const Outline out = outline(Graph());
  EXPECT_TRUE(out.boxes.empty());
  EXPECT_TRUE(out.arrows.empty());
}

}  // namespace
}  // namespace rung
