#include "rung/graph/cut.h"

#include "rung/base/expect_error.h"
#include "rung/blocks/zoo.h"
#include "rung/graph/builder.h"
#include "rung/graph/rewrite.h"

namespace rung {
namespace {

std::vector<std::string> names(const Graph& graph) {
  std::vector<std::string> out;
  for (const auto& node : graph.nodes()) out.push_back(node.name);
  return out;
}

// x ── a ──┬── b ── y
// z ───────┴ (sum)
Model pair() {
  Builder b;
  const Value x = b.input("x", {DType::kF32, {1, 3}, vector_roles()});
  const Value z = b.input("z", {DType::kF32, {1, 2}, vector_roles()});
  const Value sum = b.sum("sum", b.linear("a", x, 2), z);
  b.output("y", b.linear("b", sum, 4));
  Model model = std::move(b).finish();
  draw_missing(model, 1);
  return model;
}

TEST(Cut, OutputsAreTheTapsAndWhatTheyDoNotNeedGoes) {
  const Model whole = pair(), part = cut(whole, {.at = {"a"}});
  EXPECT_EQ(names(part.graph), (std::vector<std::string>{"x", "a.weight", "a.bias", "a"}));
  ASSERT_EQ(part.graph.outputs().size(), 1u);
  EXPECT_EQ(part.graph.outputs()[0].name, "a");
  ASSERT_EQ(part.weights.size(), 2u);
  EXPECT_EQ(part.weights.at("a.weight").data(), whole.weights.at("a.weight").data()) << "copied";
}

// x ── block.wide ─┬─ block.pool ── up ── y     up takes the sizes of block.wide alone
//                  └──────────────┘
TEST(Cut, AValueThatIsOnlyMeasuredIsNoResultOfItsLayer) {
  Builder b;
  const Value x = b.input("x", Shape{1, 2, 8, 8});
  Value wide, small;
  {
    const auto block = b.scope("block");
    wide = b.relu("wide", x);
    small = b.max_pool("pool", wide, 2, 2);
  }
  b.output("y", b.add("up", ops::ResizeLike{.axes = {2, 3}, .like_axes = {2, 3}}, {small, wide}));
  const Model part = cut(std::move(b).finish(), {.at = {"block"}});
  EXPECT_EQ(names(part.graph), (std::vector<std::string>{"x", "block.wide", "block.pool"}));
}

TEST(Cut, TapsAreAddedBehindTheOutputs) {
  const Model part = cut(pair(), {.at = {"a", "b@in"}, .keep_outputs = true});
  ASSERT_EQ(part.graph.outputs().size(), 3u);
  EXPECT_EQ(part.graph.outputs()[0].name, "y");
  EXPECT_EQ(part.graph.outputs()[2].name, "b@in");
  EXPECT_EQ(part.graph.size(), pair().graph.size());
}

TEST(Cut, ATapBecomesAnInput) {
  const Model part = cut(pair(), {.at = {}, .from = {"sum"}});
  EXPECT_EQ(names(part.graph), (std::vector<std::string>{"sum", "b.weight", "b.bias", "b"}));
  const auto inputs = part.graph.inputs();
  ASSERT_EQ(inputs.size(), 1u);
  EXPECT_EQ(to_string(part.graph.type({inputs[0], 0})), "f32[N, 2]");
  EXPECT_EQ(part.weights.size(), 2u);
}

TEST(Cut, OnlyTheLayerOfAnEntryReadsTheNewInput) {
  // x ─┬─ relu ── y      relu@in alone is given; the sum goes on reading x
  //    └─ sum(x, relu)
  Builder b;
  const Value x = b.input("x", {DType::kF32, {1, 2}, vector_roles()});
  b.output("y", b.sum("sum", x, b.relu("relu", x)));
  const Model part = cut(std::move(b).finish(), {.at = {}, .from = {"relu@in"}});
  EXPECT_EQ(names(part.graph), (std::vector<std::string>{"relu.in", "x", "relu", "sum"}));
  const auto& sum = part.graph.nodes().back();
  EXPECT_EQ(part.graph.node(sum.inputs[0].node).name, "x");
}

TEST(Cut, SizesThatTheNetworkHoldsAreHeldBehindTheCut) {
  Graph graph;
  const NodeId x = graph.add(
      "x",
      ops::Input{
          .type = {DType::kF32, {1, 6, 4}, sequence_roles()}, .fixed = {1}, .why = "a chunk"},
      {});
  const NodeId a = graph.add("a", ops::Unary{}, {{x, 0}});
  graph.add_output("y", {graph.add("b", ops::Unary{}, {{a, 0}}), 0});
  const Model part = cut({.graph = graph}, {.at = {}, .from = {"a"}});
  const auto& input = std::get<ops::Input>(part.graph.node(part.graph.inputs().at(0)).op);
  EXPECT_EQ(input.fixed, (std::vector<int64_t>{1}));
  EXPECT_EQ(input.why, "a chunk");
}

TEST(Cut, PartsOfANetworkMakeTheWhole) {
  const Model whole = zoo("resnet18", {{"size", "64"}});
  const Model front = cut(whole, {.at = {"layer2"}});
  const Model back = cut(whole, {.at = {}, .from = {"layer2"}});
  EXPECT_EQ(front.graph.size() + back.graph.size(), whole.graph.size() + 1);
  EXPECT_EQ(back.graph.type(back.graph.outputs()[0].value),
            whole.graph.type(whole.graph.outputs()[0].value));
}

TEST(Cut, Mistakes) {
  EXPECT_NE(user_error([] { cut(pair(), {.at = {"c"}}); }).find("unknown tap 'c'"),
            std::string::npos);
  EXPECT_NE(user_error([] {
              cut(pair(), {.at = {"a", "a"}});
            }).find("two outputs"),
            std::string::npos);
  EXPECT_NE(user_error([] { cut(pair(), {.at = {"a"}, .from = {"sum"}}); }).find("cuts nothing"),
            std::string::npos);
}

TEST(ResizeInputs, NamesWhatDoesNotFit) {
  const Model model = zoo("resnet18", {{"size", "64"}});
  const Graph larger = resize_inputs(model.graph, {{"", {2, 3, 65, 97}}});
  EXPECT_EQ(larger.type({larger.inputs()[0], 0}).shape, (Shape{2, 3, 65, 97}));
  EXPECT_NE(user_error([&] {
              resize_inputs(model.graph, {{"", {1, 3}}});
            }).find("input 'input' is f32[N, 3, 64, 64], and the sizes [1, 3] are given"),
            std::string::npos);
  EXPECT_NE(user_error([&] {
              resize_inputs(model.graph, {{"x", {1, 3}}});
            }).find("there is no input 'x'; the inputs are 'input'"),
            std::string::npos);
  EXPECT_NE(user_error([&] {
              resize_inputs(pair().graph, {{"", {1, 3}}});
            }).find("for which input? the network has 'x', 'z'"),
            std::string::npos);
}

}  // namespace
}  // namespace rung
