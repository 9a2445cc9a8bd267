#include "rung/blocks/resnet.h"

#include <gtest/gtest.h>

#include <cmath>

#include "support/networks.h"

namespace rung::blocks {
namespace {

using rung::testing::at_shape;
using rung::testing::error_of;
using rung::testing::output_shape;
using rung::testing::parameter_count;
using rung::testing::tap_shape;
using rung::testing::weight_shape;

TEST(ResNet, HasTorchvisionsNumberOfWeights) {
  EXPECT_EQ(parameter_count(resnet({.depth = 18}).graph), 11'689'512);
  EXPECT_EQ(parameter_count(resnet({.depth = 34}).graph), 21'797'672);
  EXPECT_EQ(parameter_count(resnet({.depth = 50}).graph), 25'557'032);
}

TEST(ResNet, HasTorchvisionsShapesAndNames) {
  const Model model = resnet({.depth = 50});
  EXPECT_EQ(tap_shape(model, "maxpool"), (Shape{1, 64, 56, 56}));
  EXPECT_EQ(tap_shape(model, "layer1"), (Shape{1, 256, 56, 56}));
  EXPECT_EQ(tap_shape(model, "layer2.0.conv1"), (Shape{1, 128, 56, 56}));
  EXPECT_EQ(tap_shape(model, "layer2.0.relu_3"), (Shape{1, 512, 28, 28}));
  EXPECT_EQ(tap_shape(model, "layer4"), (Shape{1, 2048, 7, 7}));
  EXPECT_EQ(output_shape(model.graph), (Shape{1, 1000}));
  EXPECT_EQ(weight_shape(model, "layer3.0.downsample.0.weight"), (Shape{1024, 512, 1, 1}));
  EXPECT_EQ(weight_shape(model, "layer3.0.downsample.1.running_var"), (Shape{1024}));
}

TEST(ResNet, TakesOddSizes) {
  EXPECT_EQ(output_shape(at_shape(resnet({.classes = 7}), {2, 3, 225, 319})), (Shape{2, 7}));
  EXPECT_EQ(output_shape(at_shape(resnet({.classes = 0}), {2, 3, 225, 319})),
            (Shape{2, 512, 8, 10}));
  EXPECT_EQ(output_shape(at_shape(resnet({.classes = 0}), {1, 3, 1, 1})), (Shape{1, 512, 1, 1}));
}

TEST(ResNet, IsDrawnAsTorchvisionDrawsIt) {
  const Model model = resnet({});
  const auto& conv = *model.graph.op_as<ops::Param>(*model.graph.find("layer1.0.conv1.weight"));
  EXPECT_EQ(conv.init, ops::InitKind::kNormal);
  EXPECT_DOUBLE_EQ(conv.value, std::sqrt(2.0 / (64 * 9)));
  const auto& fc = *model.graph.op_as<ops::Param>(*model.graph.find("fc.weight"));
  EXPECT_EQ(fc.init, ops::InitKind::kUniform);
  EXPECT_DOUBLE_EQ(fc.value, 1 / std::sqrt(512.0));
}

TEST(ResNet, RefusesOtherDepths) {
  EXPECT_NE(error_of([] { resnet({.depth = 19}); }).find("18, 34 and 50"), std::string::npos);
}

}  // namespace
}  // namespace rung::blocks
