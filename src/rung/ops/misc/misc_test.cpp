#include "rung/ops/misc/misc.h"

#include <limits>

#include "rung/ops/infer_cases.h"

namespace rung::ops {
namespace {

TEST(MiscRule, KeepTheType) {
  const TensorType x = map_type({2, 3, 4, 5});
  EXPECT_EQ(only_output(Dropout{.p = 1}, {x}), x);
  EXPECT_EQ(only_output(Dropout{.channels = true}, {x}), x);
  EXPECT_EQ(only_output(Detach{}, {x}), x);
  EXPECT_EQ(only_output(FullLike{}, {x}), x);
  EXPECT_EQ(only_output(Cast{DType::kI8}, {x}), TensorType(DType::kI8, x.shape, x.roles));
}

TEST(ArangeLikeRule, CountsAnAxis) {
  const TensorType x = sequence_type({2, 7, 3});
  EXPECT_EQ(only_output(ArangeLike{1}, {x}), TensorType(DType::kI64, {7}, {Role::kTime}));
  EXPECT_EQ(only_output(ArangeLike{-1, DType::kF32}, {x}),
            TensorType(DType::kF32, {3}, {Role::kFeature}));
  EXPECT_EQ(refusal(ArangeLike{.dtype = DType::kBool}, {x}), "ArangeLike: bool does not count");
}

TEST(DropoutRule, RefusesWhatIsNoProbability) {
  const TensorType x = weight_type({4});
  EXPECT_EQ(refusal(Dropout{.p = 1.5}, {x}), "Dropout: p must lie between 0 and 1, it is 1.5");
  EXPECT_EQ(refusal(Dropout{.p = std::numeric_limits<double>::quiet_NaN()}, {x}),
            "Dropout: p must lie between 0 and 1, it is nan");
  EXPECT_EQ(refusal(Dropout{.channels = true}, {x}),
            "Dropout: x must be [N, C, …] (rank 2 to 64), it is f32[4] (rank 1)");
}

TEST(OpaqueRule, FollowsTheBatchOfTheFirstInput) {
  const TensorType grid(DType::kF32, {9, 2}, {Role::kNone, Role::kNone});
  const Opaque op{.schema = "aten::x", .types = {map_type({1, 3, 8, 8}), grid}};
  EXPECT_EQ(outputs(op, {map_type({5, 3, 4, 4})}),
            (std::vector<TensorType>{map_type({5, 3, 8, 8}), grid}));
  EXPECT_EQ(outputs(op, {weight_type({5, 3})}), op.types);
  EXPECT_EQ(outputs(op, {}), op.types);
}

TEST(OpaqueRule, SurvivesWhatAFileMayHold) {
  EXPECT_EQ(refusal(Opaque{.schema = "aten::x"}, {}),
            "Opaque: no output type is recorded for 'aten::x'");
  const int64_t huge = int64_t{1} << 61;
  EXPECT_EQ(refusal(Opaque{.types = {map_type({1, huge, 1})}}, {map_type({8, 1, 1})}),
            "Opaque: the output: shape [8, 2305843009213693952, 1] has too many elements");
}

}  // namespace
}  // namespace rung::ops
