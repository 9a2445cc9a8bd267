#include "rung/blocks/skip_net.h"

#include <gtest/gtest.h>

#include "support/networks.h"

namespace rung::blocks {
namespace {

using rung::testing::error_of;
using rung::testing::output_shape;
using rung::testing::tap_shape;
using rung::testing::weight_shape;

int64_t layers_on_main_path(const Model& model) {
  int64_t count = 0;
  for (const Node& node : model.graph.nodes()) {
    const bool layer =
        std::holds_alternative<ops::Conv>(node.op) || std::holds_alternative<ops::Linear>(node.op);
    if (layer && node.name.find("projection") == std::string::npos) ++count;
  }
  return count;
}

TEST(SkipNet, HasTheDepthThatItIsAskedFor) {
  for (const SkipKind kind : {SkipKind::kAdd, SkipKind::kConcat, SkipKind::kNone}) {
    for (const int64_t depth : {4, 6, 18, 20, 42}) {
      const Model model = skip_net({.block = kind, .depth = depth});
      EXPECT_EQ(layers_on_main_path(model), depth);
      EXPECT_EQ(output_shape(model.graph), (Shape{1, 10}));
    }
  }
}

TEST(SkipNet, WidensAndShrinksInThirds) {
  const Model model = skip_net({.depth = 20, .width = 16});
  EXPECT_EQ(tap_shape(model, "block1"), (Shape{1, 16, 28, 28}));
  EXPECT_EQ(tap_shape(model, "block3"), (Shape{1, 16, 28, 28}));
  EXPECT_EQ(tap_shape(model, "block4"), (Shape{1, 32, 14, 14}));
  EXPECT_EQ(tap_shape(model, "block9"), (Shape{1, 64, 7, 7}));
}

TEST(SkipNet, IsMadeOfSkipConnectionBlocks) {
  EXPECT_EQ(weight_shape(skip_net({.block = SkipKind::kAdd, .width = 16}),
                         "block4.skip_projection.weight"),
            (Shape{32, 16, 1, 1}));
  EXPECT_EQ(weight_shape(skip_net({.block = SkipKind::kConcat, .width = 16}),
                         "block4.concat_projection.weight"),
            (Shape{32, 16 + 16, 1, 1}));
}

TEST(SkipNet, RefusesADepthThatIsNoSumOfBlocks) {
  EXPECT_NE(error_of([] { skip_net({.depth = 19}); }).find("depth 19"), std::string::npos);
  EXPECT_NE(error_of([] { skip_net({.depth = 2}); }).find("at least 4"), std::string::npos);
}

}  // namespace
}  // namespace rung::blocks
