#include "rung/blocks/mlp.h"

#include <gtest/gtest.h>

#include "support/networks.h"

namespace rung::blocks {
namespace {

using rung::testing::output_shape;
using rung::testing::weight_shape;

TEST(Mlp, CountsItsLayers) {
  const Model model = mlp({.in = 6, .width = 5, .hidden = 2, .out = 4, .dropout = 0.1});
  EXPECT_EQ(output_shape(model.graph), (Shape{1, 4}));
  EXPECT_EQ(weight_shape(model, "fc1.weight"), (Shape{5, 6}));
  EXPECT_EQ(weight_shape(model, "fc3.weight"), (Shape{4, 5}));
  EXPECT_TRUE(model.graph.find("dropout2"));
  EXPECT_EQ(output_shape(mlp({.in = 6, .hidden = 0, .out = 4}).graph), (Shape{1, 4}));
}

TEST(Mlp, FlattensImages) {
  const Model model = mlp({.in = 12});
  const TensorType image{DType::kF32, {5, 3, 2, 2}, map_roles(4)};
  EXPECT_EQ(output_shape(retype(model.graph, {{"input", image}})), (Shape{5, 10}));
}

}  // namespace
}  // namespace rung::blocks
