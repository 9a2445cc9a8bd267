#include "rung/ops/linear/linear.h"

#include "rung/ops/infer_cases.h"

namespace rung::ops {
namespace {

TEST(LinearRule, ChangesTheLastAxisOnly) {
  const std::vector<TensorType> in = {sequence_type({2, 7, 20}), weight_type({10, 20}),
                                      weight_type({10})};
  EXPECT_EQ(only_output(Linear{}, in), sequence_type({2, 7, 10}));
  EXPECT_EQ(macs(Linear{}, in, outputs(Linear{}, in)), int64_t{2} * 7 * 10 * 20);
}

TEST(LinearRule, MakesAFeatureOfAllButAChannel) {
  const TensorType weight = weight_type({5, 3});
  const TensorType unknown(DType::kF32, {4, 3}, {Role::kBatch, Role::kNone});
  EXPECT_EQ(only_output(Linear{}, {unknown, weight}).roles, vector_roles());
  const TensorType pooled(DType::kF32, {4, 3}, {Role::kBatch, Role::kChannel});
  EXPECT_EQ(only_output(Linear{}, {pooled, weight}).roles, pooled.roles);
  EXPECT_EQ(only_output(Linear{}, {map_type({1, 2, 4, 3}), weight}).roles.back(), Role::kFeature);
}

TEST(LinearRule, AcceptsEmptyAndUnbatchedInputs) {
  EXPECT_EQ(only_output(Linear{}, {weight_type({3}), weight_type({5, 3})}).shape, (Shape{5}));
  const std::vector<TensorType> empty = {weight_type({0, 0}), weight_type({5, 0})};
  EXPECT_EQ(only_output(Linear{}, empty).shape, (Shape{0, 5}));
  EXPECT_EQ(macs(Linear{}, empty, outputs(Linear{}, empty)), 0);
}

TEST(LinearRule, SaysWhatDoesNotFit) {
  EXPECT_EQ(refusal(Linear{}, {sequence_type({2, 7, 20}), weight_type({20, 10})}),
            "Linear: weight [20, 10] expects 10 features, the last axis of x f32[N, 7, 20] has 20; "
            "the second size of the weight must be that");
  EXPECT_EQ(refusal(Linear{}, {weight_type({}), weight_type({20, 10})}),
            "Linear: x must be […, I] (rank at least 1), it is f32[] (rank 0)");
  EXPECT_EQ(refusal(Linear{}, {weight_type({10}), weight_type({20, 10}), weight_type({10})}),
            "Linear: bias must be [20] (one per output feature), it is [10]");
}

TEST(MatMulRule, BroadcastsTheLeadingAxes) {
  const std::vector<TensorType> in = {sequence_type({1, 5, 3}), weight_type({4, 1, 3, 6})};
  const TensorType out = only_output(MatMul{}, in);
  EXPECT_EQ(out.shape, (Shape{4, 1, 5, 6}));
  EXPECT_EQ(out.roles, (Roles{Role::kNone, Role::kBatch, Role::kTime, Role::kFeature}));
  EXPECT_EQ(macs(MatMul{}, in, {&out, 1}), int64_t{4} * 5 * 6 * 3);
}

TEST(MatMulRule, TakesTheLastRoleFromBWhereKnown) {
  const TensorType tokens = sequence_type({2, 5, 3});
  const TensorType keys(DType::kF32, {2, 3, 5}, {Role::kBatch, Role::kFeature, Role::kTime});
  EXPECT_EQ(only_output(MatMul{}, {tokens, keys}).roles,
            (Roles{Role::kBatch, Role::kTime, Role::kTime}));
}

TEST(MatMulRule, TakesVectorsOnEitherSide) {
  const TensorType v = weight_type({3});
  EXPECT_EQ(only_output(MatMul{}, {v, v}).shape, Shape{});
  EXPECT_EQ(only_output(MatMul{}, {weight_type({2, 4, 3}), v}).shape, (Shape{2, 4}));
  EXPECT_EQ(only_output(MatMul{}, {v, weight_type({2, 3, 4})}).shape, (Shape{2, 4}));
}

TEST(MatMulRule, SaysWhatDoesNotFit) {
  EXPECT_EQ(refusal(MatMul{}, {weight_type({2, 3}), weight_type({2, 3})}),
            "MatMul: a f32[2, 3] has 3 columns, b f32[2, 3] has 2 rows; they must be equal");
  EXPECT_EQ(refusal(MatMul{}, {weight_type({2, 4, 3}), weight_type({5, 3, 2})}),
            "MatMul: the axes of a f32[2, 4, 3] and b f32[5, 3, 2] before the last two must "
            "broadcast");
  const TensorType mask(DType::kBool, {3, 3});
  EXPECT_EQ(refusal(MatMul{}, {mask, mask}),
            "MatMul: works on numbers, a and b are bool; cast them");
}

}  // namespace
}  // namespace rung::ops
