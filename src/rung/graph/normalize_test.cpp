#include "rung/graph/normalize.h"

#include <gtest/gtest.h>

#include "rung/base/expect_error.h"
#include "rung/blocks/zoo.h"
#include "rung/graph/builder.h"
#include "rung/graph/rewrite.h"

namespace rung {
namespace {

Model picture_net(const TensorType& type) {
  Builder b;
  const Value x = b.input("x", type);
  b.output("y", b.add("y", ops::Unary{.fn = ops::UnaryFn::kAbs}, {x}));
  return std::move(b).finish();
}

const TensorType kFirst = {DType::kF32, {1, 3, 4, 5}, map_roles(4)};

TEST(Normalize, InsertsOrdinaryOpsBehindTheInput) {
  const Graph graph = normalized(picture_net(kFirst).graph, imagenet_normalization());
  ASSERT_TRUE(graph.find("normalize.scale") && graph.find("normalize.shift"));
  const Node& y = graph.node(*graph.find("y"));
  EXPECT_EQ(graph.node(y.inputs[0].node).name, "normalize.shift");
  const auto& shift =
      std::get<ops::Constant>(graph.node(*graph.find("normalize.shift_by")).op).value;
  EXPECT_EQ(shift.shape(), (Shape{3, 1, 1}));
  EXPECT_FLOAT_EQ(static_cast<float>(shift.at(0)), static_cast<float>(-0.485 / 0.229));
  EXPECT_EQ(graph.type(graph.outputs()[0].value).roles, kFirst.roles);
}

TEST(Normalize, WhatChangesNothingIsLeftOut) {
  const Graph graph = picture_net(kFirst).graph;
  EXPECT_EQ(normalized(graph, {}).size(), graph.size());
  EXPECT_FALSE(normalized(graph, {.scale = 255}).find("normalize.shift"));
  const Graph all = normalized(graph, {.reversed = true, .size = {{8, 6}}});
  EXPECT_EQ(all.type(all.outputs()[0].value).shape, (Shape{1, 3, 8, 6}));
  EXPECT_TRUE(all.find("normalize.reverse"));
}

TEST(Normalize, FollowsTheChannelsOfAnyLayout) {
  const TensorType last = {
      DType::kF32, {1, 4, 5, 3}, {Role::kBatch, Role::kSpace, Role::kSpace, Role::kChannel}};
  const Graph graph = normalized(picture_net(last).graph, imagenet_normalization());
  EXPECT_EQ(std::get<ops::Constant>(graph.node(*graph.find("normalize.scale_by")).op).value.shape(),
            (Shape{3}));
}

TEST(Normalize, SaysWhatDoesNotFit) {
  const Graph graph = picture_net(kFirst).graph;
  EXPECT_EQ(user_error([&] {
              normalized(graph, {.mean = {1, 2}});
            }),
            "normalize.mean has 2 numbers, and the input has 3 channels");
  EXPECT_EQ(user_error([&] { normalized(graph, {.std = {0}}); }),
            "normalize.std holds 0; it is above 0");
  EXPECT_EQ(user_error([&] { normalized(graph, {}, "z"); }),
            "there is no input 'z' to normalise; the inputs are x");
  const Graph twice = normalized(graph, {.scale = 2});
  EXPECT_EQ(user_error([&] { normalized(twice, {.scale = 2}); }),
            "the network normalises its input 'x' already");
  const TensorType numbers = {DType::kF32, {1, 4}, {Role::kBatch, Role::kFeature}};
  EXPECT_NE(user_error([&] {
              normalized(picture_net(numbers).graph, {.scale = 2});
            }).find("cannot be normalised"),
            std::string::npos);
}

TEST(Normalize, NamesStayUnderTheNetworksOwn) {
  Model net = zoo("resnet18");
  net.graph = with_prefix(net.graph, "enc/");
  EXPECT_TRUE(normalized(net.graph, imagenet_normalization()).find("enc/normalize.scale"));
}

}  // namespace
}  // namespace rung
