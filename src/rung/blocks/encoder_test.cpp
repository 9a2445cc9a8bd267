#include "rung/blocks/encoder.h"

#include <gtest/gtest.h>

#include "support/networks.h"

namespace rung::blocks {
namespace {

using rung::testing::at_shape;
using rung::testing::output_shape;
using rung::testing::tap_shape;

TEST(Encoder, HalvesAndDoubles) {
  const Model model = encoder({.in = 1, .base = 16, .stages = 3, .size = {64, 48}});
  EXPECT_EQ(tap_shape(model, "stage1"), (Shape{1, 16, 64, 48}));
  EXPECT_EQ(tap_shape(model, "stage2"), (Shape{1, 32, 32, 24}));
  EXPECT_EQ(output_shape(model.graph), (Shape{1, 64, 16, 12}));
}

TEST(Encoder, RoundsUpWhereASizeIsOdd) {
  EXPECT_EQ(output_shape(at_shape(encoder(), {2, 3, 225, 319})), (Shape{2, 256, 29, 40}));
  EXPECT_EQ(output_shape(at_shape(encoder(), {1, 3, 1, 1})), (Shape{1, 256, 1, 1}));
}

}  // namespace
}  // namespace rung::blocks
