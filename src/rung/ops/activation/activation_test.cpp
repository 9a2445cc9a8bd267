#include "rung/ops/activation/activation.h"

#include "rung/ops/infer_cases.h"

namespace rung::ops {
namespace {

TEST(ActivationRule, KeepsTheType) {
  const TensorType x = map_type({2, 3, 0, 5});
  for (size_t i = 0; i + 1 < std::size(kUnaryFnNames); ++i) {
    EXPECT_EQ(only_output(Unary{static_cast<UnaryFn>(i)}, {x}), x) << kUnaryFnNames[i];
  }
  EXPECT_EQ(only_output(LeakyRelu{}, {x}), x);
  EXPECT_EQ(only_output(Elu{}, {x}), x);
  EXPECT_EQ(only_output(Gelu{}, {x}), x);
  EXPECT_EQ(only_output(Softplus{}, {x}), x);
  EXPECT_EQ(only_output(Clamp{.low = 0}, {x}), x);
  EXPECT_EQ(only_output(Unary{}, {TensorType()}), TensorType());
  EXPECT_EQ(macs(Gelu{}, Types(), Types()), 0);
}

TEST(ActivationRule, LogicalNotIsBool) {
  const TensorType out = only_output(Unary{UnaryFn::kLogicalNot}, {map_type({1, 2, 3, 4})});
  EXPECT_EQ(out, TensorType(DType::kBool, {1, 2, 3, 4}, map_roles(4)));
}

TEST(ActivationRule, TakesWholeNumbersWhereTheyStayWhole) {
  const TensorType whole(DType::kI64, {4});
  EXPECT_EQ(only_output(Unary{UnaryFn::kAbs}, {whole}), whole);
  EXPECT_EQ(only_output(Clamp{.high = 3}, {whole}), whole);
  EXPECT_EQ(refusal(Unary{UnaryFn::kSigmoid}, {whole}),
            "sigmoid: works on floating numbers, input 0 is i64[4]; cast it");
  EXPECT_EQ(refusal(Unary{UnaryFn::kNeg}, {TensorType(DType::kBool, {4})}),
            "neg: works on numbers, x is bool[4]; cast it");
}

TEST(ActivationRule, SlopesMatchTheChannels) {
  const TensorType x = map_type({2, 8, 4, 4});
  EXPECT_EQ(only_output(PRelu{}, {x, weight_type({1})}), x);
  EXPECT_EQ(only_output(PRelu{}, {x, weight_type({8})}), x);
  EXPECT_EQ(refusal(PRelu{}, {x, weight_type({4})}),
            "PRelu: slope must be [1] or [8] (one per channel of x f32[N, 8, 4, 4]), it is [4]");
  EXPECT_EQ(refusal(PRelu{}, {weight_type({3}), weight_type({3})}),
            "PRelu: slope must be [1] or [1] (one per channel of x f32[3]), it is [3]");
  EXPECT_EQ(refusal(Unary{}, {}), "relu: takes 1 inputs (x), got 0");
}

}  // namespace
}  // namespace rung::ops
