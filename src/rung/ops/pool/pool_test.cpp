#include "rung/ops/pool/pool.h"

#include "rung/ops/infer_cases.h"

namespace rung::ops {
namespace {

Shape pooled(const Pool& op, Shape shape) {
  return only_output(op, {map_type(std::move(shape))}).shape;
}

TEST(PoolRule, StrideIsTheKernelUnlessGiven) {
  EXPECT_EQ(pooled({.kernel = {2}}, {1, 3, 7, 9}), (Shape{1, 3, 3, 4}));
  EXPECT_EQ(pooled({.kernel = {3, 2}, .stride = {2, 1}, .padding = {1, 0}}, {1, 3, 7, 9}),
            (Shape{1, 3, 4, 8}));
  EXPECT_EQ(pooled({.kernel = {3}, .stride = {1}, .dilation = {2}}, {1, 3, 7}), (Shape{1, 3, 3}));
}

// Sizes from PyTorch, where the last window of ceil_mode must start inside the input.
TEST(PoolRule, CeilModeStartsNoWindowInTheRightPadding) {
  const auto size = [](int64_t input, int64_t kernel, int64_t stride, int64_t padding) {
    return pooled({.kernel = {kernel}, .stride = {stride}, .padding = {padding}, .ceil_mode = true},
                  {1, 1, input})[2];
  };
  EXPECT_EQ(size(6, 3, 2, 0), 3);
  EXPECT_EQ(size(112, 3, 2, 0), 56);
  EXPECT_EQ(size(3, 2, 2, 1), 2);
  EXPECT_EQ(size(4, 2, 3, 1), 2);
  EXPECT_EQ(size(5, 2, 3, 1), 2);  // a third window would start at the padding
  EXPECT_EQ(size(1, 2, 2, 0), 1);  // half of the window lies outside
  EXPECT_EQ(size(3, 4, 2, 0), 1);
  EXPECT_EQ(size(2, 1, 3, 0), 1);
}

TEST(PoolRule, KeepsRoles) {
  const TensorType x(DType::kF32, {1, 3, 8}, {Role::kBatch, Role::kChannel, Role::kTime});
  EXPECT_EQ(only_output(Pool{.kernel = {2}}, {x}).roles, x.roles);
  EXPECT_EQ(only_output(AdaptivePool{.size = {1}}, {x}).roles, x.roles);
}

TEST(PoolRule, SaysWhatDoesNotFit) {
  const TensorType x = map_type({1, 3, 4, 9});
  EXPECT_EQ(refusal(Pool{}, {x}), "Pool: kernel is missing; give one number per axis");
  EXPECT_EQ(refusal(Pool{.kernel = {5}}, {x}),
            "Pool: the kernel 5 with dilation 1 and padding 0 does not fit axis 2 of x "
            "f32[N, 3, 4, 9]; use a smaller kernel");
  EXPECT_EQ(refusal(Pool{.kernel = {3}, .padding = {2}}, {x}),
            "Pool: padding 2 may be at most half of the kernel 3");
  EXPECT_EQ(refusal(Pool{.kind = PoolKind::kAverage, .kernel = {2}, .dilation = {2}}, {x}),
            "Pool: an average pool has no dilation, [2] was given");
  EXPECT_EQ(refusal(Pool{.kernel = {2}}, {map_type({1, 3})}),
            "Pool: x must be [N, C, S…] (rank 3 to 5), it is f32[N, 3] (rank 2)");
  EXPECT_EQ(refusal(Pool{.kernel = {2}}, {map_type({1, 0, 4, 4})}),
            "Pool: axis 1 of x f32[N, 0, 4, 4] is empty");
  EXPECT_EQ(refusal(Pool{.kernel = {INT64_MAX}, .stride = {1}, .dilation = {2}}, {x}),
            "the sizes 2 x 9223372036854775806 do not fit 64 bits");
}

TEST(AdaptivePoolRule, GivesItsSizeAndKeepsTheInputsForZero) {
  EXPECT_EQ(only_output(AdaptivePool{.size = {1, 1}}, {map_type({2, 3, 7, 9})}),
            map_type({2, 3, 1, 1}));
  EXPECT_EQ(only_output(AdaptivePool{.size = {0, 12}}, {map_type({2, 3, 7, 9})}),
            map_type({2, 3, 7, 12}));
}

TEST(AdaptivePoolRule, SaysWhatDoesNotFit) {
  const TensorType x = map_type({1, 3, 4, 9});
  EXPECT_EQ(refusal(AdaptivePool{.size = {1}}, {x}),
            "AdaptivePool: size has 1 numbers, x has 2 spatial axes; give one per axis");
  EXPECT_EQ(refusal(AdaptivePool{.size = {-1, 1}}, {x}),
            "AdaptivePool: size [-1, 1] must not be negative; 0 keeps the input's");
}

}  // namespace
}  // namespace rung::ops
