#include "rung/blocks/skip_connection.h"

#include <gtest/gtest.h>

#include <map>

#include "support/networks.h"

namespace rung::blocks {
namespace {

using rung::testing::at_shape;
using rung::testing::output_shape;

std::map<std::string, Shape> weight_shapes(const Model& model) {
  std::map<std::string, Shape> out;
  for (const NodeId id : model.graph.params()) {
    out[model.graph.node(id).name] = model.graph.type({id, 0}).shape;
  }
  return out;
}

//  x ─ conv1 ─ relu ─ conv2 ─ add ─ relu_2
//   └───── skip_projection ────┘
TEST(SkipConnectionBlock, HasThePromisedShapeAndWeights) {
  const Model model = skip_connection_block({.in = 64, .out = 128});
  EXPECT_EQ(output_shape(model.graph), (Shape{1, 128, 32, 32}));
  const std::map<std::string, Shape> want = {
      {"conv1.weight", {128, 64, 3, 3}},           {"conv1.bias", {128}},
      {"conv2.weight", {128, 128, 3, 3}},          {"conv2.bias", {128}},
      {"skip_projection.weight", {128, 64, 1, 1}}, {"skip_projection.bias", {128}}};
  EXPECT_EQ(weight_shapes(model), want);
}

TEST(SkipConnectionBlock, ProjectsEqualWidthsToo) {
  const auto weights = weight_shapes(skip_connection_block({.in = 8, .out = 8}));
  EXPECT_EQ(weights.at("skip_projection.weight"), (Shape{8, 8, 1, 1}));
}

//  x ─ conv1 ─ relu ─ conv2 ─ concat ─ concat_projection ─ relu_2
//   └───────────────────────────┘
TEST(SkipConnectionBlockConcat, HasThePromisedShapeAndWeights) {
  const Model model = skip_connection_block_concat({.in = 64, .out = 128});
  EXPECT_EQ(output_shape(model.graph), (Shape{1, 128, 32, 32}));
  const std::map<std::string, Shape> want = {{"conv1.weight", {64, 64, 3, 3}},
                                             {"conv1.bias", {64}},
                                             {"conv2.weight", {64, 64, 3, 3}},
                                             {"conv2.bias", {64}},
                                             {"concat_projection.weight", {128, 128, 1, 1}},
                                             {"concat_projection.bias", {128}}};
  EXPECT_EQ(weight_shapes(model), want);
}

TEST(SkipConnectionBlockConcat, WorksForEveryPairOfWidths) {
  for (int64_t in = 1; in <= 9; ++in) {
    for (int64_t out = 1; out <= 9; ++out) {
      const Model model = skip_connection_block_concat({.in = in, .out = out});
      EXPECT_EQ(output_shape(model.graph), (Shape{1, out, 32, 32})) << in << " -> " << out;
      const int64_t half = std::max<int64_t>(out / 2, 1);
      EXPECT_EQ(weight_shapes(model).at("concat_projection.weight"), (Shape{out, half + in, 1, 1}));
    }
  }
}

//  x ─ lstm ─ sequence_projection ─ append
//        └ last ─ linear ─────────────┘
TEST(SkipConnectionRnn, HasThePromisedShapeAndWeights) {
  const Model model = skip_connection_rnn({.input = 10, .hidden = 20, .time = 100});
  EXPECT_EQ(output_shape(model.graph), (Shape{1, 101, 10}));
  const std::map<std::string, Shape> want = {
      {"lstm.weight_ih_l0", {80, 10}},    {"lstm.weight_hh_l0", {80, 20}},
      {"lstm.bias_ih_l0", {80}},          {"lstm.bias_hh_l0", {80}},
      {"linear.weight", {10, 20}},        {"linear.bias", {10}},
      {"sequence_projection.bias", {10}}, {"sequence_projection.weight", {10, 20}}};
  EXPECT_EQ(weight_shapes(model), want);
}

TEST(SkipConnectionRnn, ProjectsNothingWhereTheWidthsAgree) {
  const Model model = skip_connection_rnn({.input = 12, .hidden = 12, .time = 7});
  EXPECT_EQ(output_shape(model.graph), (Shape{1, 8, 12}));
  EXPECT_FALSE(model.graph.find("sequence_projection"));
}

TEST(SkipConnectionBlocks, RunAtOtherSizes) {
  EXPECT_EQ(output_shape(at_shape(skip_connection_block({.in = 3, .out = 5}), {2, 3, 225, 319})),
            (Shape{2, 5, 225, 319}));
  EXPECT_EQ(output_shape(at_shape(skip_connection_block_concat({.in = 3, .out = 5}), {2, 3, 1, 7})),
            (Shape{2, 5, 1, 7}));
  EXPECT_EQ(output_shape(at_shape(skip_connection_rnn({}), {3, 1, 10})), (Shape{3, 2, 10}));
}

}  // namespace
}  // namespace rung::blocks
