#include "rung/ops/infer_cases.h"
#include "rung/ops/layout/layout.h"

namespace rung::ops {
namespace {

const TensorType kMap = map_type({2, 3, 4, 5});
using enum Role;

TEST(ReshapeRule, FillsTheOpenSize) {
  EXPECT_EQ(only_output(Reshape{{0, -1}}, {kMap}),
            TensorType(DType::kF32, {2, 60}, vector_roles()));
  EXPECT_EQ(only_output(Reshape{{-1}}, {TensorType()}).shape, (Shape{1}));
  EXPECT_EQ(only_output(Reshape{{}}, {weight_type({1, 1})}).shape, (Shape{}));
  EXPECT_EQ(only_output(Reshape{{-1, 3}}, {weight_type({0, 3})}).shape, (Shape{0, 3}));
}

TEST(ReshapeRule, AxesThatAgreeInFrontOrBehindKeepTheirRoles) {
  EXPECT_EQ(only_output(Reshape{{2, 3, 20}}, {kMap}).roles, (Roles{kBatch, kChannel, Role::kTime}));
  EXPECT_EQ(only_output(Reshape{{0, 0, 2, 4}}, {sequence_type({2, 5, 8})}).roles,
            (Roles{kBatch, kTime, kNone, kNone}));
  EXPECT_EQ(only_output(Reshape{{6, 4, 5}}, {kMap}).roles,
            (Roles{kNone, Role::kSpace, Role::kSpace}));
  EXPECT_EQ(only_output(Reshape{{10, 8}}, {sequence_type({2, 5, 8})}).roles,
            (Roles{kNone, kFeature}));
}

TEST(ReshapeRule, SaysWhatDoesNotFit) {
  EXPECT_EQ(refusal(Reshape{{7, -1}}, {kMap}),
            "Reshape: x [2, 3, 4, 5] has 120 elements, which shape [7, -1] cannot hold");
  EXPECT_EQ(refusal(Reshape{{-1, -1}}, {kMap}),
            "Reshape: shape [-1, -1] may hold one -1 and no other negative number");
  EXPECT_EQ(refusal(Reshape{{0, 0}}, {weight_type({4})}),
            "Reshape: shape [0, 0] keeps axis 1, which x f32[4] does not have");
  EXPECT_FALSE(refusal(Reshape{{0, -1}}, {weight_type({0, 3})}).empty());
  EXPECT_FALSE(refusal(Reshape{{INT64_MAX, INT64_MAX, -1}}, {kMap}).empty());
  EXPECT_FALSE(refusal(Reshape{{INT64_MIN}}, {kMap}).empty());
  EXPECT_FALSE(refusal(Reshape{Sizes(1000000, 1)}, {TensorType()}).empty());
}

TEST(FlattenRule, GivesVectorsAndTokens) {
  EXPECT_EQ(only_output(Flatten{}, {kMap}), TensorType(DType::kF32, {2, 60}, vector_roles()));
  EXPECT_EQ(only_output(Flatten{.first = 2}, {kMap}),
            TensorType(DType::kF32, {2, 3, 20}, {kBatch, kChannel, kTime}));
  const TensorType heads(DType::kF32, {2, 7, 4, 8}, {kBatch, kTime, kNone, kNone});
  EXPECT_EQ(only_output(Flatten{.first = 2}, {heads}), sequence_type({2, 7, 32}));
  const TensorType last(DType::kF32, {2, 4, 5, 3}, {kBatch, kSpace, kSpace, kChannel});
  EXPECT_EQ(only_output(Flatten{.first = 1, .last = 2}, {last}).roles,
            (Roles{kBatch, kTime, kChannel}));
}

TEST(FlattenRule, OtherMergesAreUnknown) {
  EXPECT_EQ(only_output(Flatten{.first = 0, .last = 1}, {sequence_type({2, 5, 8})}).roles,
            (Roles{kNone, kFeature}));
  EXPECT_EQ(only_output(Flatten{.first = 0}, {kMap}).roles, Roles(1));
  EXPECT_EQ(only_output(Flatten{}, {weight_type({2, 3, 4})}).roles, Roles(2));
  EXPECT_EQ(only_output(Flatten{.first = 2, .last = 2}, {kMap}), kMap);
}

TEST(FlattenRule, SaysWhatDoesNotFit) {
  EXPECT_EQ(refusal(Flatten{.first = 3, .last = 1}, {kMap}),
            "Flatten: first axis 3 lies behind the last axis 1 of x f32[N, 3, 4, 5]");
  EXPECT_EQ(refusal(Flatten{}, {weight_type({4})}),
            "Flatten: axis 1 is out of range for f32[4] of rank 1");
}

TEST(TransposeRule, RolesFollow) {
  EXPECT_EQ(only_output(Transpose{{0, 2, 3, -3}}, {kMap}),
            TensorType(DType::kF32, {2, 4, 5, 3}, {kBatch, kSpace, kSpace, kChannel}));
  EXPECT_EQ(only_output(Transpose{}, {TensorType()}), TensorType());
}

TEST(TransposeRule, ALineOfAMapIsASequence) {
  const TensorType line(DType::kF32, {2, 8, 20}, {kBatch, kChannel, kTime});
  EXPECT_EQ(only_output(Transpose{{0, 2, 1}}, {line}), sequence_type({2, 20, 8}));
  EXPECT_EQ(only_output(Transpose{{0, 2, 1}}, {sequence_type({2, 20, 8})}), line);
  const TensorType places(DType::kF32, {2, 8, 20}, map_roles(3));
  EXPECT_EQ(only_output(Transpose{{0, 2, 1}}, {places}), sequence_type({2, 20, 8}));
}

TEST(TransposeRule, SaysWhatDoesNotFit) {
  EXPECT_EQ(refusal(Transpose{{0, 2, 1}}, {kMap}),
            "Transpose: order [0, 2, 1] must name each axis of x f32[N, 3, 4, 5] once");
  EXPECT_EQ(refusal(Transpose{{0, 1, 1, 2}}, {kMap}),
            "Transpose: axes [0, 1, 1, 2] name axis 1 twice");
}

TEST(SqueezeRule, DropsOnlyOnes) {
  EXPECT_EQ(only_output(Squeeze{{-1, 2}}, {map_type({2, 3, 1, 1})}),
            TensorType(DType::kF32, {2, 3}, {kBatch, kChannel}));
  EXPECT_EQ(only_output(Squeeze{}, {kMap}), kMap);
  EXPECT_EQ(refusal(Squeeze{{1}}, {kMap}),
            "Squeeze: axis 1 of x [2, 3, 4, 5] has 3 elements; only axes of 1 can go");
}

TEST(UnsqueezeRule, PlacesAreTheOutputs) {
  EXPECT_EQ(only_output(Unsqueeze{{0, -1}}, {sequence_type({2, 3, 4})}),
            TensorType(DType::kF32, {1, 2, 3, 4, 1}, {kNone, kBatch, kTime, kFeature, kNone}));
  EXPECT_EQ(only_output(Unsqueeze{{3, 2}}, {{DType::kF32, {2, 8}, vector_roles()}}),
            map_type({2, 8, 1, 1}));
  EXPECT_EQ(only_output(Unsqueeze{{-1}}, {weight_type({2, 8})}), weight_type({2, 8, 1}));
  EXPECT_EQ(only_output(Unsqueeze{{1}}, {{DType::kF32, {2, 8}, vector_roles()}}).roles,
            (Roles{kBatch, kNone, kFeature}));
  const TensorType line(DType::kF32, {2, 8, 20}, {kBatch, kChannel, kTime});
  EXPECT_TRUE(only_output(Unsqueeze{{2}}, {line}).is_map());
  EXPECT_EQ(refusal(Unsqueeze{{6}}, {kMap}), "Unsqueeze: axis 6 is out of range for rank 5");
  EXPECT_FALSE(refusal(Unsqueeze{{1, 1}}, {kMap}).empty());
  EXPECT_FALSE(refusal(Unsqueeze{Sizes(1000000, 0)}, {kMap}).empty());
}

}  // namespace
}  // namespace rung::ops
