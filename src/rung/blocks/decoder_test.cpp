#include "rung/blocks/decoder.h"

#include <gtest/gtest.h>

#include "support/networks.h"

namespace rung::blocks {
namespace {

using rung::testing::at_shape;
using rung::testing::output_shape;
using rung::testing::tap_shape;

TEST(Decoder, DoublesAtEveryLevel) {
  for (const Upsample how : {Upsample::kResize, Upsample::kTranspose}) {
    const Model model = decoder({.in = 512, .levels = 5, .classes = 2, .upsample = how});
    EXPECT_EQ(tap_shape(model, "up1"), (Shape{1, 256, 14, 14}));
    EXPECT_EQ(tap_shape(model, "up5"), (Shape{1, 16, 224, 224}));
    EXPECT_EQ(output_shape(model.graph), (Shape{1, 2, 224, 224}));
    EXPECT_EQ(output_shape(at_shape(model, {2, 512, 3, 5})), (Shape{2, 2, 96, 160}));
  }
}

TEST(Decoder, KeepsAWidthThatIsSmallFromTheStart) {
  const Model model = decoder({.in = 8, .levels = 3, .width = 4});
  EXPECT_EQ(tap_shape(model, "up3"), (Shape{1, 4, 56, 56}));
}

}  // namespace
}  // namespace rung::blocks
