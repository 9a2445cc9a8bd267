#include "rung/ops/reduce/reduce.h"

#include "rung/ops/infer_cases.h"

namespace rung::ops {
namespace {

TEST(ReduceRule, RolesFollow) {
  const TensorType x = map_type({2, 3, 4, 5});
  EXPECT_EQ(only_output(Reduce{.axes = {2, -1}}, {x}),
            TensorType(DType::kF32, {2, 3}, {Role::kBatch, Role::kChannel}));
  EXPECT_EQ(only_output(Reduce{.axes = {-1, 2}, .keep_axes = true}, {x}), map_type({2, 3, 1, 1}));
  EXPECT_EQ(only_output(Reduce{}, {x}), TensorType());
  EXPECT_EQ(only_output(Reduce{.keep_axes = true}, {x}), map_type({1, 1, 1, 1}));
  EXPECT_EQ(only_output(Reduce{}, {TensorType()}), TensorType());
}

TEST(ReduceRule, DTypesAreTorchs) {
  const TensorType whole(DType::kU8, {4, 5}), truth(DType::kBool, {4, 5});
  const auto dtype = [](ReduceKind kind, const TensorType& x) {
    return only_output(Reduce{.kind = kind, .axes = {0}}, {x}).dtype;
  };
  EXPECT_EQ(dtype(ReduceKind::kSum, whole), DType::kI64);
  EXPECT_EQ(dtype(ReduceKind::kProd, truth), DType::kI64);
  EXPECT_EQ(dtype(ReduceKind::kMax, whole), DType::kU8);
  EXPECT_EQ(dtype(ReduceKind::kMin, truth), DType::kBool);
  EXPECT_EQ(dtype(ReduceKind::kArgMax, weight_type({4, 5})), DType::kI64);
  EXPECT_EQ(dtype(ReduceKind::kSum, weight_type({4, 5})), DType::kF32);
  EXPECT_EQ(refusal(Reduce{}, {whole}),
            "mean: works on floating numbers, input 0 is u8[4, 5]; cast it");
}

TEST(ReduceRule, ArgMaxTakesOneAxis) {
  EXPECT_EQ(refusal(Reduce{ReduceKind::kArgMax, {0, 1}}, {weight_type({4, 5})}),
            "arg_max: takes one axis of numbers, not axes [0, 1] of f32[4, 5]");
  EXPECT_EQ(refusal(Reduce{ReduceKind::kArgMax}, {weight_type({4, 5})}),
            "arg_max: takes one axis of numbers, not axes [] of f32[4, 5]");
}

TEST(ReduceRule, NothingHasNoLargestElement) {
  const TensorType x = map_type({2, 0, 3});
  EXPECT_EQ(refusal(Reduce{ReduceKind::kMax, {1}}, {x}), "amax: axis 1 of x f32[N, 0, 3] is empty");
  EXPECT_EQ(only_output(Reduce{ReduceKind::kMax, {2}}, {x}).shape, (Shape{2, 0}));
  EXPECT_EQ(only_output(Reduce{ReduceKind::kSum, {1}}, {x}).shape, (Shape{2, 3}));
}

TEST(ReduceRule, RefusesAbsurdAxes) {
  EXPECT_EQ(refusal(Reduce{.axes = {4}}, {map_type({1, 2, 3, 4})}),
            "mean: axis 4 is out of range for rank 4");
  EXPECT_EQ(refusal(Reduce{.axes = {1, -3}}, {map_type({1, 2, 3, 4})}),
            "mean: axes [1, -3] name axis 1 twice");
}

TEST(SoftmaxRule, KeepsTheType) {
  const TensorType x = sequence_type({2, 3, 4});
  EXPECT_EQ(only_output(Softmax{.axis = -1}, {x}), x);
  EXPECT_EQ(refusal(Softmax{.axis = 3}, {x}),
            "Softmax: axis 3 is out of range for f32[N, 3, 4] of rank 3");
  EXPECT_EQ(refusal(Softmax{}, {TensorType(DType::kI64, {2, 3})}),
            "Softmax: works on floating numbers, input 0 is i64[2, 3]; cast it");
}

}  // namespace
}  // namespace rung::ops
