#include "rung/blocks/sequence.h"

#include <gtest/gtest.h>

#include "support/networks.h"

namespace rung::blocks {
namespace {

TEST(Lstm, ForecastsFromItsLastStep) {
  const Model model = lstm({.in = 4, .hidden = 8, .layers = 2, .out = 3, .time = 20});
  EXPECT_EQ(rung::testing::output_shape(model.graph), (Shape{1, 3}));
  EXPECT_EQ(rung::testing::tap_shape(model, "lstm:0"), (Shape{1, 20, 8}));
  EXPECT_EQ(rung::testing::tap_shape(model, "lstm:1"), (Shape{2, 1, 8}));
  EXPECT_EQ(rung::testing::output_shape(rung::testing::at_shape(model, {5, 1, 4})), (Shape{5, 3}));
}

}  // namespace
}  // namespace rung::blocks
