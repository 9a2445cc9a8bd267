#include "rung/blocks/unet.h"

#include <gtest/gtest.h>

#include "support/networks.h"

namespace rung::blocks {
namespace {

using rung::testing::at_shape;
using rung::testing::output_shape;
using rung::testing::tap_shape;

TEST(UNet, GivesAMapOfTheImagesSize) {
  const Model model = unet({.classes = 3});
  EXPECT_EQ(output_shape(model.graph), (Shape{1, 3, 128, 128}));
  EXPECT_EQ(tap_shape(model, "stage5"), (Shape{1, 512, 8, 8}));
  EXPECT_EQ(tap_shape(model, "up4"), (Shape{1, 256, 16, 16}));
  EXPECT_EQ(tap_shape(model, "up1"), (Shape{1, 32, 128, 128}));
}

TEST(UNet, TakesAnySize) {
  const Model model = unet({.base = 8});
  for (const Shape& shape : {Shape{1, 3, 225, 319}, Shape{2, 3, 1, 1}, Shape{1, 3, 17, 33}}) {
    EXPECT_EQ(output_shape(at_shape(model, shape)), (Shape{shape[0], 1, shape[2], shape[3]}));
  }
}

}  // namespace
}  // namespace rung::blocks
