#include "rung/ops/conv/conv.h"

#include "rung/ops/infer_cases.h"

namespace rung::ops {
namespace {

constexpr int64_t kHuge = int64_t{1} << 62;

TEST(ConvRule, FollowsPyTorchsFormulaOnOddSizes) {
  const Conv op{.stride = {2, 3}, .padding = {1, 2}, .dilation = {2, 1}, .groups = 4};
  const TensorType out =
      only_output(op, {map_type({2, 16, 33, 47}), weight_type({8, 4, 3, 5}), weight_type({8})});
  EXPECT_EQ(out, map_type({2, 8, 16, 16}));
}

TEST(ConvRule, OneNumberServesEveryAxis) {
  const std::vector<TensorType> in = {map_type({1, 3, 9, 11, 13}), weight_type({4, 3, 3, 3, 3})};
  EXPECT_EQ(outputs(Conv{.stride = {2}, .padding = {1}}, in),
            outputs(Conv{.stride = {2, 2, 2}, .padding = {1, 1, 1}}, in));
  EXPECT_EQ(only_output(Conv{.stride = {2}, .padding = {1}}, in).shape, (Shape{1, 4, 5, 6, 7}));
}

TEST(ConvRule, PadsBothEndsApart) {
  const Conv op{.padding = {0, 1, 2, 3}};  // begins 0 and 1, ends 2 and 3
  const TensorType out = only_output(op, {map_type({1, 1, 5, 5}), weight_type({1, 1, 3, 3})});
  EXPECT_EQ(out.shape, (Shape{1, 1, 5, 7}));
}

TEST(ConvRule, KeepsKnownRolesAndFillsUnknownOnes) {
  const std::vector<TensorType> timed = {
      {DType::kF32, {1, 8, 20}, {Role::kBatch, Role::kChannel, Role::kTime}},
      weight_type({8, 8, 3})};
  EXPECT_EQ(only_output(Conv{}, timed).roles, timed[0].roles);
  const std::vector<TensorType> unknown = {{DType::kF32, {1, 8, 20}, roles_by_rank(3)},
                                           weight_type({8, 8, 3})};
  EXPECT_EQ(only_output(Conv{}, unknown).roles, map_roles(3));
}

TEST(ConvRule, AcceptsEmptyBatches) {
  EXPECT_EQ(only_output(Conv{}, {map_type({0, 3, 8, 8}), weight_type({4, 3, 3, 3})}),
            map_type({0, 4, 6, 6}));
}

TEST(ConvRule, SaysWhatDoesNotFit) {
  const TensorType x = map_type({1, 16, 28, 28});
  EXPECT_EQ(refusal(Conv{}, {x, weight_type({64, 32, 3, 3})}),
            "Conv: weight [64, 32, 3, 3] expects 32 channels per group, x f32[N, 16, 28, 28] has "
            "16; the second size of the weight must be channels / groups");
  EXPECT_EQ(refusal(Conv{.groups = 3}, {x, weight_type({64, 16, 3, 3})}),
            "Conv: groups 3 must divide the 16 channels of x f32[N, 16, 28, 28]");
  EXPECT_EQ(refusal(Conv{}, {x, weight_type({64, 16, 3, 3}), weight_type({32})}),
            "Conv: bias must be [64] (one per output channel), it is [32]");
  EXPECT_EQ(refusal(Conv{}, {x, weight_type({64, 16, 3})}),
            "Conv: weight must be [O, C/groups, K…] (rank 4), it is f32[64, 16, 3] (rank 3)");
  EXPECT_EQ(refusal(Conv{}, {x, weight_type({64, 16, 29, 3})}),
            "Conv: the kernel of weight [64, 16, 29, 3] spans 29 on axis 2, x f32[N, 16, 28, 28] "
            "has 28 there with its padding; use a smaller kernel or dilation, or more padding");
  EXPECT_EQ(refusal(Conv{.stride = {0}}, {x, weight_type({64, 16, 3, 3})}),
            "Conv: stride [0] must be at least 1");
  EXPECT_EQ(refusal(Conv{.padding = {1, 1, 1}}, {x, weight_type({64, 16, 3, 3})}),
            "Conv: padding [1, 1, 1] has 3 numbers, x has 2 spatial axes; give one per axis, or "
            "one for all");
  EXPECT_EQ(refusal(Conv{}, {x}), "Conv: takes 2 to 3 inputs (x, weight, optional bias), got 1");
  EXPECT_EQ(refusal(Conv{}, {{DType::kI64, x.shape, x.roles}, weight_type({64, 16, 3, 3})}),
            "Conv: works on floating numbers, input 0 is i64[N, 16, 28, 28]; cast it");
  EXPECT_EQ(refusal(Conv{}, {x, {DType::kF16, {64, 16, 3, 3}}}),
            "Conv: inputs must be of one dtype, input 0 is f32[N, 16, 28, 28] and input 1 is "
            "f16[64, 16, 3, 3]; cast one of them");
  EXPECT_EQ(refusal(Conv{}, {map_type({1, 16, 0, 28}), weight_type({64, 16, 3, 3})}),
            "Conv: axis 2 of x f32[N, 16, 0, 28] is empty");
}

TEST(ConvRule, ReflectedBordersAreShorterThanTheMap) {
  const std::vector<TensorType> in = {map_type({1, 1, 4, 4}), weight_type({1, 1, 3, 3})};
  EXPECT_EQ(only_output(Conv{.padding = {3}, .pad_mode = PadMode::kReflect}, in).shape,
            (Shape{1, 1, 8, 8}));
  EXPECT_EQ(refusal(Conv{.padding = {4}, .pad_mode = PadMode::kReflect}, in),
            "Conv: reflect padding [4] reaches beyond x f32[N, 1, 4, 4]: axis 2 allows at most 3");
  EXPECT_EQ(only_output(Conv{.padding = {4}, .pad_mode = PadMode::kCircular}, in).shape,
            (Shape{1, 1, 10, 10}));
  EXPECT_EQ(refusal(Conv{.padding = {5}, .pad_mode = PadMode::kCircular}, in),
            "Conv: circular padding [5] reaches beyond x f32[N, 1, 4, 4]: axis 2 allows at most 4");
}

TEST(ConvRule, RefusesAbsurdSizes) {
  const TensorType x = map_type({1, 1, 4, 4});
  const std::vector<TensorType> in = {x, weight_type({1, 1, 3, 3})};
  EXPECT_EQ(refusal(Conv{}, {x, weight_type({1, 1, kHuge, 3})}),
            "Conv: input 1: shape [1, 1, 4611686018427387904, 3] has too many elements");
  EXPECT_EQ(refusal(Conv{.dilation = {kHuge}}, in),
            "the sizes 4611686018427387904 x 2 do not fit 64 bits");
  EXPECT_EQ(refusal(Conv{.padding = {kHuge}}, in),
            "the sizes 4611686018427387904 + 4611686018427387904 do not fit 64 bits");
  EXPECT_EQ(only_output(Conv{.stride = {INT64_MAX}}, in).shape, (Shape{1, 1, 1, 1}));
}

TEST(ConvRule, CountsOneWeightPerOutputAndTap) {
  const std::vector<TensorType> in = {map_type({2, 16, 8, 8}), weight_type({32, 4, 3, 3})};
  const Conv op{.padding = {1}, .groups = 4};
  EXPECT_EQ(macs(op, in, outputs(op, in)), int64_t{2} * 32 * 8 * 8 * 4 * 9);
}

TEST(ConvTransposeRule, FollowsPyTorchsFormula) {
  const ConvTranspose op{.stride = {2, 3},
                         .padding = {1, 0},
                         .output_padding = {1, 2},
                         .dilation = {1, 2},
                         .groups = 2};
  const std::vector<TensorType> in = {map_type({1, 6, 5, 7}), weight_type({6, 4, 3, 3}),
                                      weight_type({8})};
  // (5-1)*2 - 2 + 2 + 1 + 1 = 10;  (7-1)*3 - 0 + 4 + 2 + 1 = 25
  EXPECT_EQ(only_output(op, in), map_type({1, 8, 10, 25}));
  EXPECT_EQ(macs(op, in, outputs(op, in)), int64_t{6} * 5 * 7 * 4 * 9);
}

TEST(ConvTransposeRule, SaysWhatDoesNotFit) {
  const TensorType x = map_type({1, 6, 5, 7});
  EXPECT_EQ(refusal(ConvTranspose{}, {x, weight_type({8, 4, 3, 3})}),
            "ConvTranspose: weight [8, 4, 3, 3] expects 8 channels, x f32[N, 6, 5, 7] has 6; the "
            "first size of the weight must be the channels of x");
  EXPECT_EQ(refusal(ConvTranspose{.output_padding = {2}}, {x, weight_type({6, 4, 3, 3})}),
            "ConvTranspose: output_padding 2 must be smaller than stride 1 or dilation 1");
  EXPECT_EQ(refusal(ConvTranspose{.padding = {4}}, {x, weight_type({6, 4, 3, 3})}),
            "ConvTranspose: padding [4] cuts all 7 of axis 2 of the output of x f32[N, 6, 5, 7]; "
            "use less");
  EXPECT_EQ(refusal(ConvTranspose{.stride = {kHuge}}, {x, weight_type({6, 4, 3, 3})}),
            "the sizes 4 x 4611686018427387904 do not fit 64 bits");
}

}  // namespace
}  // namespace rung::ops
