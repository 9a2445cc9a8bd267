#include "rung/ops/embedding/embedding.h"

#include "rung/ops/infer_cases.h"

namespace rung::ops {
namespace {

TensorType indices(Shape shape, Roles roles) {
  return {DType::kI64, std::move(shape), std::move(roles)};
}

TEST(EmbeddingRule, RankTwoIsBatchAndTime) {
  const TensorType table(DType::kBF16, {1000, 32});
  const TensorType expected(DType::kBF16, {4, 7, 32}, sequence_roles());
  EXPECT_EQ(only_output(Embedding{}, {indices({4, 7}, Roles(2)), table}), expected);
  EXPECT_EQ(only_output(Embedding{}, {indices({4, 7}, roles_by_rank(2)), table}), expected);
  EXPECT_EQ(only_output(Embedding{}, {indices({4, 7}, {Role::kBatch, Role::kTime}), table}),
            expected);
}

TEST(EmbeddingRule, OtherRanksKeepTheirRoles) {
  const TensorType table = weight_type({10, 3});
  EXPECT_EQ(only_output(Embedding{}, {indices({5}, {Role::kBatch}), table}),
            TensorType(DType::kF32, {5, 3}, vector_roles()));
  EXPECT_EQ(only_output(Embedding{}, {indices({}, {}), table}).shape, (Shape{3}));
}

TEST(EmbeddingRule, SaysWhatDoesNotFit) {
  EXPECT_EQ(refusal(Embedding{}, {weight_type({4, 7}), weight_type({10, 3})}),
            "Embedding: indices must be whole numbers, they are f32[4, 7]; cast them");
  EXPECT_EQ(refusal(Embedding{}, {indices({4}, Roles(1)), weight_type({10})}),
            "Embedding: weight must be [V, F] (rank 2), it is f32[10] (rank 1)");
}

TEST(GatherRule, ReplacesAnAxisByThoseOfTheIndices) {
  const TensorType x = map_type({2, 3, 4, 5});
  const TensorType out = only_output(Gather{2}, {x, indices({6, 7}, Roles(2))});
  EXPECT_EQ(out.shape, (Shape{2, 3, 6, 7, 5}));
  EXPECT_EQ(out.roles,
            (Roles{Role::kBatch, Role::kChannel, Role::kNone, Role::kNone, Role::kSpace}));
  EXPECT_EQ(only_output(Gather{-1}, {x, indices({}, {})}), map_type({2, 3, 4}));
}

TEST(GatherRule, AListOfIndicesKeepsTheAxis) {
  EXPECT_EQ(only_output(Gather{1}, {sequence_type({2, 9, 4}), indices({3}, Roles(1))}),
            sequence_type({2, 3, 4}));
}

TEST(GatherRule, KeepsOneBatch) {
  const TensorType rows = indices({2, 3}, {Role::kBatch, Role::kTime});
  EXPECT_EQ(only_output(Gather{0}, {weight_type({10, 4}), rows}).roles,
            (Roles{Role::kBatch, Role::kTime, Role::kNone}));
  EXPECT_EQ(only_output(Gather{1}, {sequence_type({2, 9, 4}), rows}).roles,
            (Roles{Role::kBatch, Role::kNone, Role::kTime, Role::kFeature}));
}

TEST(GatherRule, SaysWhatDoesNotFit) {
  EXPECT_EQ(refusal(Gather{2}, {weight_type({4, 7}), indices({3}, Roles(1))}),
            "Gather: axis 2 is out of range for f32[4, 7] of rank 2");
  EXPECT_EQ(refusal(Gather{INT64_MIN}, {weight_type({}), indices({3}, Roles(1))}),
            "Gather: axis -9223372036854775808 is out of range for f32[] of rank 0");
}

}  // namespace
}  // namespace rung::ops
