#include "rung/ops/leaf/leaf.h"

#include "rung/ops/infer_cases.h"

namespace rung::ops {
namespace {

TEST(LeafRule, GivesItsOwnType) {
  const TensorType type = sequence_type({1, 100, 10});
  EXPECT_EQ(only_output(Input{.type = type}, {}), type);
  EXPECT_EQ(only_output(Param{.dtype = DType::kBF16, .shape = {3, 4}}, {}),
            TensorType(DType::kBF16, {3, 4}));
  EXPECT_EQ(only_output(Constant{.value = Tensor::i64({2}, {5, 6})}, {}),
            TensorType(DType::kI64, {2}));
}

TEST(LeafRule, RefusesWhatIsNoType) {
  EXPECT_EQ(refusal(Input{.type = map_type({1, -3, 4, 4})}, {}),
            "Input: the output: shape [1, -3, 4, 4] has a negative size");
  EXPECT_EQ(refusal(Param{.shape = {int64_t{1} << 40, int64_t{1} << 40}}, {}),
            "Param: the output: shape [1099511627776, 1099511627776] has too many elements");
  EXPECT_EQ(refusal(Constant{}, {}), "Constant: has no value; give it a tensor");
  EXPECT_EQ(refusal(Param{.shape = {1}}, {weight_type({1})}),
            "Param: takes 0 inputs (none), got 1");
  TensorType lame = map_type({1, 3, 4, 4});
  lame.roles.pop_back();
  EXPECT_EQ(refusal(Input{.type = lame}, {}),
            "Input: 3 roles (batch, channel, space) for shape [1, 3, 4, 4]; give one per axis");
}

}  // namespace
}  // namespace rung::ops
