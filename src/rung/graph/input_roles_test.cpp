#include "rung/graph/input_roles.h"

#include <gtest/gtest.h>

#include "rung/base/expect_error.h"
#include "rung/graph/builder.h"

namespace rung {
namespace {

const Roles kLast{Role::kBatch, Role::kSpace, Role::kSpace, Role::kChannel};
const Roles kTimeFirst{Role::kTime, Role::kBatch, Role::kFeature};
const Roles kUnknown(4);

Roles of(Builder b, Value y) {
  b.output("y", y);
  return infer_input_roles(std::move(b).finish().graph).at("x");
}
Value input(Builder& b, Shape shape, Roles roles = {}) {
  roles.resize(shape.size());
  return b.input("x", TensorType(DType::kF32, std::move(shape), std::move(roles)));
}

// As tf2onnx writes it: x [N, H, W, C] ── scaled ── turned [N, C, H, W] ── conv
TEST(InputRoles, ATransposeInFrontOfAConvolutionMeansChannelsLast) {
  Builder b;
  Value x = input(b, {1, 9, 8, 3}, map_roles(4));  // what the numbers of the axes would say
  x = b.binary("scaled", ops::BinaryFn::kSub,
               b.binary("by", ops::BinaryFn::kMul, x, b.scalar("a", 2)), b.scalar("b", 1));
  x = b.add("turned", ops::Transpose{.order = {0, 3, 1, 2}}, {x});
  x = b.conv("conv", x, {.out = 4});
  EXPECT_EQ(of(std::move(b), x), kLast);
}

TEST(InputRoles, AConvolutionReadsAMap) {
  Builder b;
  const Value x = b.conv("conv", b.relu("relu", input(b, {1, 3, 8, 8}, kLast)), {.out = 4});
  EXPECT_EQ(of(std::move(b), x), map_roles(4));
}

TEST(InputRoles, RecurrentLayersSayWhereTheTimeIs) {
  Builder b;
  const Value x = b.lstm("lstm", input(b, {7, 2, 5}), {.hidden = 3, .batch_first = false});
  EXPECT_EQ(of(std::move(b), x), kTimeFirst);
  Builder turned;
  const Value t =
      turned.add("turned", ops::Transpose{.order = {1, 0, 2}}, {input(turned, {2, 7, 5})});
  const Value y = turned.lstm("lstm", t, {.hidden = 3, .batch_first = false});
  EXPECT_EQ(of(std::move(turned), y), sequence_roles());
}

TEST(InputRoles, ALinearLayerAndANormHaveFeaturesLast) {
  Builder b;
  const Value x = b.linear("fc", input(b, {2, 7, 5}), 3);
  EXPECT_EQ(of(std::move(b), x), sequence_roles());
  Builder map;
  Value y = map.linear("fc", map.layer_norm("norm", input(map, {2, 8, 8, 3})), 6);
  y = map.add("mean", ops::Reduce{.axes = {1, 2}}, {y});
  EXPECT_EQ(of(std::move(map), y),
            (Roles{Role::kBatch, Role::kSpace, Role::kSpace, Role::kFeature}));
}

// x ┬─ linear (features last)
//   └─ conv (channels second)
TEST(InputRoles, WhatTwoLayersSayDifferentlyIsNotKnown) {
  Builder b;
  const Value x = input(b, {1, 4, 4, 4}, map_roles(4));
  b.output("a", b.linear("fc", x, 3));
  const Roles roles = of(b, b.conv("conv", x, {.out = 2}));
  EXPECT_EQ(roles[0], Role::kBatch);
  EXPECT_EQ(roles[3], Role::kNone);
}

TEST(InputRoles, WhereNothingIsSaidTheyStay) {
  Builder b;
  const Value x = b.relu("relu", input(b, {1, 4, 4, 4}, map_roles(4)));
  EXPECT_EQ(of(std::move(b), x), map_roles(4));
}

TEST(InputRoles, CanBeStated) {
  Builder b;
  b.output("y", b.relu("relu", input(b, {1, 4, 4, 4}, kUnknown)));
  const Graph graph = std::move(b).finish().graph;
  const Graph stated = with_input_roles(graph, {{"", parse_roles("batch,space,space,channel")}});
  EXPECT_EQ(stated.type(stated.outputs()[0].value).roles, kLast);
  EXPECT_NE(user_error([&] {
              with_input_roles(graph, {{"z", kLast}});
            }).find("there is no input 'z'; the inputs are 'x'"),
            std::string::npos);
  EXPECT_NE(user_error([&] {
              with_input_roles(graph, {{"", {Role::kBatch}}});
            }).find("of 4 axes, and 1 roles are given"),
            std::string::npos);
  EXPECT_NE(user_error([] { parse_roles("batch,colour"); }).find("unknown axis role"),
            std::string::npos);
}

}  // namespace
}  // namespace rung
