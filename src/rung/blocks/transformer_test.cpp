#include "rung/blocks/transformer.h"

#include <gtest/gtest.h>

#include "support/networks.h"

namespace rung::blocks {
namespace {

using rung::testing::at_shape;
using rung::testing::error_of;
using rung::testing::output_shape;
using rung::testing::tap_shape;
using rung::testing::weight_shape;

TEST(TokenTransformer, GivesATokenPerPatch) {
  const Model model = token_transformer();
  EXPECT_EQ(output_shape(model.graph), (Shape{1, 196, 192}));
  EXPECT_TRUE(model.graph.type(model.graph.outputs()[0].value).is_sequence());
  EXPECT_EQ(tap_shape(model, "patch_embedding"), (Shape{1, 192, 14, 14}));
  EXPECT_EQ(tap_shape(model, "layers.2"), (Shape{1, 196, 192}));
  EXPECT_EQ(weight_shape(model, "layers.0.self_attn.in_proj_weight"), (Shape{576, 192}));
  EXPECT_EQ(weight_shape(model, "layers.3.linear1.weight"), (Shape{768, 192}));
}

TEST(TokenTransformer, FitsItsPositionsToTheImage) {
  const Model model = token_transformer();
  EXPECT_EQ(output_shape(at_shape(model, {2, 3, 225, 319})), (Shape{2, 14 * 19, 192}));
  EXPECT_EQ(output_shape(at_shape(model, {1, 3, 16, 16})), (Shape{1, 1, 192}));
  EXPECT_NE(error_of([&] {
              at_shape(model, {1, 3, 15, 16});
            }).find("patch_embedding"),
            std::string::npos);
}

TEST(TokenTransformer, PutsAClassTokenInFrontOfAnyBatch) {
  const Model model = token_transformer({.class_token = true});
  EXPECT_EQ(output_shape(at_shape(model, {5, 3, 64, 64})), (Shape{5, 17, 192}));
  const Model classifier = token_transformer({.class_token = true, .classes = 10});
  EXPECT_EQ(output_shape(at_shape(classifier, {5, 3, 64, 64})), (Shape{5, 10}));
  EXPECT_EQ(output_shape(at_shape(token_transformer({.classes = 4}), {5, 3, 64, 64})),
            (Shape{5, 4}));
}

TEST(TokenTransformer, RefusesHeadsThatDoNotDivideTheWidth) {
  EXPECT_NE(error_of([] {
              token_transformer({.width = 100, .heads = 3});
            }).find("3 attention heads do not divide the 100 features"),
            std::string::npos);
}

}  // namespace
}  // namespace rung::blocks
