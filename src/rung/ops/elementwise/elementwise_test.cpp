#include "rung/ops/elementwise/elementwise.h"

#include "rung/ops/infer_cases.h"

namespace rung::ops {
namespace {

const Binary kAdd{BinaryFn::kAdd};

TEST(BinaryRule, Broadcasts) {
  EXPECT_EQ(only_output(kAdd, {map_type({2, 3, 4, 5}), weight_type({3, 1, 1})}),
            map_type({2, 3, 4, 5}));
  EXPECT_EQ(only_output(kAdd, {weight_type({5, 1}), weight_type({1, 6})}).shape, (Shape{5, 6}));
  EXPECT_EQ(only_output(kAdd, {weight_type({0, 1}), weight_type({1, 6})}).shape, (Shape{0, 6}));
  EXPECT_EQ(only_output(kAdd, {TensorType(), weight_type({2})}).shape, (Shape{2}));
}

TEST(BinaryRule, RolesComeFromTheInputOfTheOutputsRank) {
  const TensorType map = map_type({2, 3, 4, 5});
  EXPECT_EQ(only_output(kAdd, {weight_type({5}), map}), map);
  EXPECT_EQ(only_output(kAdd, {weight_type({1, 3, 1, 1}), map}), map);
  // a's, where both are known; b's where a does not know.
  const TensorType a(DType::kF32, {2, 3, 4}, {Role::kBatch, Role::kNone, Role::kTime});
  EXPECT_EQ(only_output(kAdd, {a, sequence_type({2, 3, 4})}).roles,
            (Roles{Role::kBatch, Role::kTime, Role::kTime}));
  EXPECT_EQ(only_output(kAdd, {weight_type({3, 1}), weight_type({2, 3, 1})}).roles, Roles(3));
}

TEST(BinaryRule, DTypesAreTorchs) {
  const TensorType f(DType::kF16, {4}), i(DType::kI32, {4}), b(DType::kBool, {4});
  EXPECT_EQ(only_output(kAdd, {f, f}).dtype, DType::kF16);
  EXPECT_EQ(only_output(kAdd, {b, b}).dtype, DType::kBool);
  EXPECT_EQ(only_output(Binary{BinaryFn::kPow}, {i, i}).dtype, DType::kI32);
  EXPECT_EQ(only_output(Binary{BinaryFn::kDiv}, {i, i}).dtype, DType::kF32);
  EXPECT_EQ(only_output(Binary{BinaryFn::kDiv}, {f, f}).dtype, DType::kF16);
  for (size_t fn = 8; fn < std::size(kBinaryFnNames); ++fn) {
    EXPECT_EQ(only_output(Binary{static_cast<BinaryFn>(fn)}, {f, f}).dtype, DType::kBool);
  }
  EXPECT_EQ(refusal(Binary{BinaryFn::kSub}, {b, b}),
            "sub: works on numbers, a and b are bool; cast them");
  EXPECT_EQ(refusal(kAdd, {f, i}),
            "add: inputs must be of one dtype, input 0 is f16[4] and input 1 is i32[4]; cast one "
            "of them");
}

TEST(BinaryRule, SaysWhatDoesNotBroadcast) {
  EXPECT_EQ(refusal(kAdd, {map_type({1, 128, 28, 28}), map_type({1, 128, 14, 14})}),
            "add: shapes [1, 128, 28, 28] and [1, 128, 14, 14] do not broadcast: axis -1 is 28 on "
            "one side and 14 on the other; make them equal, or one of them 1");
  const int64_t huge = int64_t{1} << 40;
  EXPECT_EQ(refusal(kAdd, {weight_type({huge, 1}), weight_type({1, huge})}),
            "add: the output: shape [1099511627776, 1099511627776] has too many elements");
}

TEST(WhereRule, BroadcastsAllThree) {
  const TensorType condition(DType::kBool, {4, 1, 6});
  EXPECT_EQ(only_output(Where{}, {condition, weight_type({5, 1}), weight_type({})}),
            weight_type({4, 5, 6}));
  EXPECT_EQ(only_output(Where{}, {condition, sequence_type({4, 5, 6}), weight_type({1})}),
            sequence_type({4, 5, 6}));
  EXPECT_EQ(refusal(Where{}, {weight_type({4}), weight_type({4}), weight_type({4})}),
            "Where: the condition must be bool, it is f32[4]; compare or cast it");
}

}  // namespace
}  // namespace rung::ops
