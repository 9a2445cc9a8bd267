#include <cmath>

#include <gtest/gtest.h>

#include "rung/graph/builder.h"
#include "rung/graph/passes/drop_identities.h"
#include "rung/graph/passes/fold_batch_norm.h"

namespace rung {
namespace {

std::vector<std::string> computing(const Graph& graph) {
  std::vector<std::string> out;
  for (const auto& node : graph.nodes()) {
    if (!is_leaf(node.op)) out.push_back(node.name);
  }
  return out;
}
using Names = std::vector<std::string>;

Model drawn(Builder&& builder) {
  Model model = std::move(builder).finish();
  draw_missing(model, 3);
  for (auto& [name, tensor] : model.weights) {  // statistics that are not those of nothing
    if (!name.ends_with("running_var") && !name.ends_with("running_mean")) continue;
    for (int64_t i = 0; i < tensor.elements(); ++i) {
      tensor.set(i, 0.5 + 0.25 * static_cast<double>(i));
    }
  }
  return model;
}

// What x becomes for channel c.
double normalized(const Model& model, const std::string& norm, int64_t c, double x) {
  const auto at = [&](const char* what) { return model.weights.at(norm + what).at(c); };
  return (x - at(".running_mean")) / std::sqrt(at(".running_var") + 1e-5) * at(".weight") +
         at(".bias");
}

TEST(FoldBatchNorm, BehindAConvolutionWithoutBias) {
  Builder b;
  Value x = b.input("x", Shape{1, 2, 4, 4});
  x = b.conv("conv", x, {.out = 3, .kernel = {1}, .bias = false});
  b.output("y", b.relu("relu", b.batch_norm("norm", x)));
  const Model model = drawn(std::move(b)), folded = fold_batch_norm(model);
  EXPECT_EQ(computing(folded.graph), (Names{"conv", "relu"}));
  ASSERT_EQ(folded.weights.size(), 2u);
  for (int64_t c = 0; c < 3; ++c) {
    const double bias = normalized(model, "norm", c, 0);
    EXPECT_NEAR(folded.weights.at("conv.bias.folded").at(c), bias, 1e-6);
    for (int64_t i = 2 * c; i < 2 * c + 2; ++i) {
      const double one = normalized(model, "norm", c, model.weights.at("conv.weight").at(i));
      EXPECT_NEAR(folded.weights.at("conv.weight.folded").at(i), one - bias, 1e-6);
    }
  }
}

TEST(FoldBatchNorm, BehindATransposedConvolutionInGroups) {
  Builder b;
  Value x = b.input("x", Shape{1, 4, 4, 4});
  x = b.conv_transpose("up", x, {.out = 6, .kernel = {1}, .groups = 2});
  b.output("y", b.batch_norm("norm", x));
  const Model model = drawn(std::move(b)), folded = fold_batch_norm(model);
  EXPECT_EQ(computing(folded.graph), (Names{"up"}));
  const Tensor& old = model.weights.at("up.weight");  // [4, 3, 1, 1]
  for (int64_t i = 0; i < old.elements(); ++i) {
    const int64_t out = i / 3 / 2 * 3 + i % 3;
    const double change =
        normalized(model, "norm", out, old.at(i)) - normalized(model, "norm", out, 0);
    EXPECT_NEAR(folded.weights.at("up.weight.folded").at(i), change, 1e-6);
  }
}

TEST(FoldBatchNorm, InFrontOfALinear) {
  Builder b;
  const Value x = b.input("x", Shape{1, 2});
  b.output("y", b.linear("linear", b.batch_norm("norm", x), 1));
  const Model model = drawn(std::move(b)), folded = fold_batch_norm(model);
  EXPECT_EQ(computing(folded.graph), (Names{"linear"}));
  const auto apply = [](const Model& m, const std::string& suffix, double x0, double x1) {
    const Tensor& weight = m.weights.at("linear.weight" + suffix);
    return weight.at(0) * x0 + weight.at(1) * x1 + m.weights.at("linear.bias" + suffix).at(0);
  };
  EXPECT_NEAR(apply(folded, ".folded", 0.3, -2),
              apply(model, "", normalized(model, "norm", 0, 0.3), normalized(model, "norm", 1, -2)),
              1e-5);
}

TEST(FoldBatchNorm, NotWhereSomebodyElseReadsOrPaddingIsSeen) {
  Builder b;
  Value x = b.input("x", Shape{1, 2, 4, 4});
  const Value conv = b.conv("conv", x, {.out = 2, .padding = {1}});
  const Value norm = b.batch_norm("norm", conv);
  b.output("conv", conv);
  b.output("y", b.conv("padded", norm, {.out = 2, .padding = {1}}));
  const Model model = drawn(std::move(b)), folded = fold_batch_norm(model);
  EXPECT_EQ(computing(folded.graph), (Names{"conv", "norm", "padded"}));
}

TEST(FoldBatchNorm, ASharedWeightIsFoldedForEachReader) {
  Builder b;
  const Value x = b.input("x", Shape{1, 2, 4, 4});
  const Value weight = b.param("weight", {.shape = {2, 2, 1, 1}, .init = ops::InitKind::kOnes});
  for (const std::string name : {"a", "b"}) {
    b.output("y" + name, b.batch_norm(name + ".norm", b.add(name, ops::Conv{}, {x, weight})));
  }
  const Model folded = fold_batch_norm(drawn(std::move(b)));
  EXPECT_EQ(computing(folded.graph), (Names{"a", "b"}));
  EXPECT_TRUE(folded.weights.contains("weight.folded"));
  EXPECT_TRUE(folded.weights.contains("weight.folded2"));
}

TEST(DropIdentities, WhatChangesNothingGoes) {
  Builder b;
  Value x = b.input("x", Shape{1, 2, 4, 4});
  const Value unused = b.input("unused", Shape{1, 2, 4, 4});
  x = b.dropout("dropout", x, 0.5);
  x = b.add("cast", ops::Cast{DType::kF32}, {x});
  x = b.add("slice", ops::Slice{.axis = 2, .begin = 0, .end = 4}, {x});
  x = b.add("crop", ops::CropLike{.axes = {2}, .like_axes = {2}}, {x, unused});
  x = b.add("resize", ops::Resize{.size = {4, 4}}, {x});
  x = b.concat("concat", {x});
  b.output("y", b.relu("relu", x));
  b.output("same", x);
  const Model model = drop_identities(std::move(b).finish());
  EXPECT_EQ(computing(model.graph), (Names{"relu"}));
  EXPECT_EQ(model.graph.inputs().size(), 2u) << "inputs stay, read or not";
  EXPECT_EQ(model.graph.outputs()[1].value, (Value{model.graph.inputs()[0], 0}));
}

TEST(DropIdentities, PairsThatUndoEachOther) {
  Builder b;
  Value x = b.input("x", Shape{2, 3, 4});
  x = b.add("out", ops::Unsqueeze{{1}}, {x});
  x = b.add("back", ops::Squeeze{{1}}, {x});
  x = b.add("turn", ops::Transpose{{2, 0, 1}}, {x});
  x = b.add("return", ops::Transpose{{1, 2, 0}}, {x});
  x = b.flatten("flat", x);
  x = b.add("reshape", ops::Reshape{{2, 3, 4}}, {x});
  b.output("y", b.relu("relu", x));
  EXPECT_EQ(computing(drop_identities(std::move(b).finish()).graph), (Names{"relu"}));
}

TEST(DropIdentities, WhatChangesSomethingStays) {
  Builder b;
  Value x = b.input("x", Shape{1, 1, 4, 4});
  x = b.add("turn", ops::Transpose{{0, 1, 3, 2}}, {x});
  x = b.add("resize", ops::Resize{.scale = {1.1, 1.1}}, {x});
  x = b.add("cast", ops::Cast{DType::kF64}, {x});
  x = b.add("reshape", ops::Reshape{{1, 16, 1, 1}}, {x});
  b.output("y", x);
  EXPECT_EQ(computing(drop_identities(std::move(b).finish()).graph),
            (Names{"turn", "resize", "cast", "reshape"}));
}

}  // namespace
}  // namespace rung
