#include "rung/inspect/diff.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "rung/blocks/zoo.h"
#include "rung/graph/builder.h"
#include "rung/graph/rewrite.h"
#include "rung/inspect/match_graphs.h"

namespace rung {
namespace {

struct Names {
  std::string x = "x", a = "a", act = "act", b = "b", y = "y";
};

// x ── a ── act ── b ── y
Model line(const Names& n = {}, ops::UnaryFn act = ops::UnaryFn::kRelu, int64_t width = 4) {
  Builder b;
  const Value x = b.input(n.x, {DType::kF32, {1, 3}, vector_roles()});
  b.output(n.y, b.linear(n.b, b.unary(n.act, act, b.linear(n.a, x, width)), 2));
  Model model = std::move(b).finish();
  // Numbers that do not depend on the names.
  float next = 0.5;
  for (const NodeId id : model.graph.params()) {
    Tensor tensor(DType::kF32, model.graph.type({id, 0}).shape);
    for (float& value : tensor.as<float>()) value = next += 0.25F;
    model.weights[model.graph.node(id).name] = tensor;
  }
  return model;
}

TEST(Diff, ANetworkIsTheSameAsItself) {
  const ModelDiff d = diff(line(), line());
  EXPECT_TRUE(d.same());
  EXPECT_EQ(d.same_nodes, 4u);  // x, a, act, b
  EXPECT_EQ(d.same_weights, 4u);
  EXPECT_EQ(d.identical_weights, 4u);
  EXPECT_TRUE(d.renamed.empty());
}

TEST(Diff, OtherNamesAreMatchedByStructure) {
  const ModelDiff d = diff(line(), line({"in", "fc1", "relu", "fc2", "out"}));
  EXPECT_TRUE(d.same()) << to_text(d);
  EXPECT_EQ(d.renamed.size(), 9u);  // 4 nodes, 4 weights, 1 output
  EXPECT_EQ(d.identical_weights, 4u);
}

TEST(Diff, WhatStandsBehindADifferenceIsMatchedToo) {
  const ModelDiff d = diff(line(), line({"in", "fc1", "tanh", "fc2", "out"}, ops::UnaryFn::kTanh));
  ASSERT_EQ(d.graph.size(), 3u) << to_text(d);  // relu is gone, tanh is new, and fc2 reads it
  EXPECT_EQ(d.graph[0].kind, NodeDifference::Kind::kRemoved);
  EXPECT_EQ(d.graph[0].a, "relu");
  EXPECT_EQ(d.graph[1].what, "reads");
  EXPECT_EQ(d.graph[2].kind, NodeDifference::Kind::kAdded);
  EXPECT_EQ(d.identical_weights, 4u);
}

TEST(Diff, AnotherOpAnotherInputAndAnotherOutputAreNamed) {
  ModelDiff d = diff(line(), line({}, ops::UnaryFn::kTanh));
  ASSERT_EQ(d.graph.size(), 1u);
  EXPECT_EQ(d.graph[0].name, "act");
  EXPECT_EQ(d.graph[0].what, "op");
  EXPECT_EQ(d.graph[0].b, "tanh");
  Model other = line();
  other.graph.clear_outputs();
  other.graph.add_output("y", {*other.graph.find("act"), 0});
  other.graph.add_output("z", {*other.graph.find("b"), 0});
  d = diff(line(), other);
  ASSERT_EQ(d.graph.size(), 2u);
  EXPECT_EQ(d.graph[0].what, "output");
  EXPECT_EQ(d.graph[0].a, "b");
  EXPECT_EQ(d.graph[0].b, "act");
  EXPECT_EQ(d.graph[1].kind, NodeDifference::Kind::kAdded);
}

TEST(Diff, SizesThatFollowFromAnotherAreCounted) {
  Model other = line();
  other.graph = resize_inputs(other.graph, {{"", {7, 3}}});
  const ModelDiff d = diff(line(), other);
  ASSERT_EQ(d.graph.size(), 1u);
  EXPECT_EQ(d.graph[0].name, "x");
  EXPECT_EQ(d.retyped, 3u);
}

TEST(Diff, WeightsDifferByNumbers) {
  Model other = line();
  other.weights["a.weight"] = other.weights.at("a.weight").clone();
  other.weights["a.weight"].set(0, 0.75 + 0.5);
  const double largest = line().weights.at("a.weight").at(11);
  const ModelDiff d = diff(line(), other);
  ASSERT_EQ(d.weights.size(), 1u);
  EXPECT_EQ(d.weights[0].name, "a.weight");
  EXPECT_DOUBLE_EQ(*d.weights[0].absolute, 0.5);
  EXPECT_DOUBLE_EQ(*d.weights[0].relative, 0.5 / largest);
  EXPECT_FALSE(diff(line(), other, {.absolute = 0.49}).same());
  EXPECT_TRUE(diff(line(), other, {.absolute = 0.5}).same());
  EXPECT_FALSE(diff(line(), other, {.relative = 0.49 / largest}).same());
  EXPECT_TRUE(diff(line(), other, {.relative = 0.5 / largest}).same());
  EXPECT_EQ(diff(line(), other, {.absolute = 0.5}).identical_weights, 3u);
}

TEST(Diff, NaNIsSameOnlyAsNaN) {
  Model a = line(), b = line();
  a.weights.at("a.bias").set(0, std::nan(""));
  ModelDiff d = diff(a, b, {.absolute = 1e30, .relative = 1e30});
  ASSERT_EQ(d.weights.size(), 1u);
  EXPECT_EQ(*d.weights[0].absolute, std::numeric_limits<double>::infinity());
  EXPECT_EQ(nlohmann::json::parse(to_json(d))["weights"][0]["difference"], "infinite");
  b.weights.at("a.bias").set(0, std::nan(""));
  EXPECT_TRUE(diff(a, b).same());
}

TEST(Diff, WeightsOfOtherShapesAndUndrawnOnes) {
  Model undrawn = line();
  undrawn.weights.erase("b.bias");
  ModelDiff d = diff(line(), undrawn);
  ASSERT_EQ(d.weights.size(), 1u);
  EXPECT_EQ(d.weights[0].b, "f32[2], not drawn");
  EXPECT_FALSE(d.weights[0].absolute);
  Model both = line();
  both.weights.erase("b.bias");
  EXPECT_TRUE(diff(undrawn, both).same());
  d = diff(line(), line({}, ops::UnaryFn::kRelu, 5));
  ASSERT_EQ(d.weights.size(), 4u);  // and b.bias has other numbers
  EXPECT_EQ(d.weights[0].b, "f32[5, 3]");
  EXPECT_FALSE(d.weights[0].absolute);
  EXPECT_TRUE(d.weights[3].absolute);
  EXPECT_TRUE(d.graph.empty());
}

TEST(Diff, WeightsWithoutAGraph) {
  Weights a = line().weights, b = line().weights;
  b.erase("a.bias");
  b["c"] = Tensor::f32({1}, {1});
  const ModelDiff d = diff(a, b);
  ASSERT_EQ(d.weights.size(), 2u);
  EXPECT_EQ(d.weights[0].b, "");
  EXPECT_EQ(d.weights[1].a, "");
  EXPECT_EQ(d.identical_weights, 3u);
}

TEST(Diff, EveryNetworkOfTheZooUnderAPrefix) {
  for (const auto& network : zoo_networks()) {
    const Model model = zoo(network.name);
    const Model other{.graph = with_prefix(model.graph, "net/")};
    const ModelDiff d = diff(model, other);
    EXPECT_TRUE(d.same()) << network.name << "\n" << to_text(d);
    size_t constants = 0;
    for (const auto& node : model.graph.nodes()) {
      constants += std::holds_alternative<ops::Constant>(node.op) ? 1 : 0;
    }
    EXPECT_EQ(d.renamed.size(), model.graph.size() + model.graph.outputs().size())
        << network.name << ", constants " << constants;
  }
}

}  // namespace
}  // namespace rung
