#include "rung/blocks/densenet.h"

#include <gtest/gtest.h>

#include "support/networks.h"

namespace rung::blocks {
namespace {

using rung::testing::at_shape;
using rung::testing::error_of;
using rung::testing::output_shape;
using rung::testing::parameter_count;
using rung::testing::tap_shape;
using rung::testing::weight_shape;

TEST(DenseNet, HasTorchvisionsWeightsAndShapes) {
  const Model model = densenet121();
  EXPECT_EQ(parameter_count(model.graph), 7'978'856);
  EXPECT_EQ(output_shape(model.graph), (Shape{1, 1000}));
  EXPECT_EQ(tap_shape(model, "features.denseblock1"), (Shape{1, 256, 56, 56}));
  EXPECT_EQ(tap_shape(model, "features.transition3"), (Shape{1, 512, 7, 7}));
  EXPECT_EQ(tap_shape(model, "features"), (Shape{1, 1024, 7, 7}));
  EXPECT_EQ(weight_shape(model, "features.denseblock4.denselayer16.conv2.weight"),
            (Shape{32, 128, 3, 3}));
}

TEST(DenseNet, TakesOddSizes) {
  EXPECT_EQ(output_shape(at_shape(densenet121({.classes = 5}), {2, 3, 225, 319})), (Shape{2, 5}));
  EXPECT_EQ(output_shape(at_shape(densenet121({.classes = 0}), {1, 3, 29, 29})),
            (Shape{1, 1024, 1, 1}));
}

TEST(DenseNet, RefusesImagesThatItPoolsAway) {
  EXPECT_NE(error_of([] {
              at_shape(densenet121(), {1, 3, 28, 28});
            }).find("pool"),
            std::string::npos);
}

}  // namespace
}  // namespace rung::blocks
