#include "rung/ops/norm/norm.h"

#include <cmath>

#include "rung/ops/infer_cases.h"

namespace rung::ops {
namespace {

TEST(NormRule, GivesXBack) {
  const TensorType x = map_type({2, 6, 5, 7});
  const TensorType c = weight_type({6});
  EXPECT_EQ(only_output(BatchNorm{}, {x, c, c, c, c}), x);
  EXPECT_EQ(only_output(BatchNorm{.affine = false}, {x, c, c}), x);
  EXPECT_EQ(only_output(BatchNorm{.affine = false, .track = false}, {x}), x);
  EXPECT_EQ(only_output(GroupNorm{.groups = 3}, {x, c, c}), x);
  EXPECT_EQ(only_output(InstanceNorm{.affine = false}, {x}), x);
  EXPECT_EQ(only_output(LayerNorm{.axes = 2}, {x, weight_type({5, 7}), weight_type({5, 7})}), x);
  const TensorType tokens = sequence_type({2, 9, 6});
  EXPECT_EQ(only_output(LayerNorm{}, {tokens, c, c}), tokens);
}

TEST(NormRule, BatchNormSaysWhatDoesNotFit) {
  const TensorType x = map_type({2, 6, 5, 7});
  const TensorType c = weight_type({6});
  EXPECT_EQ(refusal(BatchNorm{}, {x, c, c}),
            "BatchNorm: takes 5 inputs (x, weight, bias, running_mean, running_var), got 3");
  EXPECT_EQ(refusal(BatchNorm{}, {x, c, c, weight_type({5}), c}),
            "BatchNorm: running_mean must be [6] (one per channel of x f32[N, 6, 5, 7]), it is "
            "[5]");
  EXPECT_EQ(refusal(BatchNorm{.affine = false, .track = false}, {weight_type({6})}),
            "BatchNorm: x must be [N, C, …] (rank at least 2), it is f32[6] (rank 1)");
  EXPECT_EQ(refusal(BatchNorm{.eps = -1}, {x, c, c, c, c}),
            "BatchNorm: eps -1 must be a finite number, at least 0");
  EXPECT_EQ(refusal(BatchNorm{.momentum = std::nan("")}, {x, c, c, c, c}),
            "BatchNorm: momentum nan must lie between 0 and 1");
}

TEST(NormRule, OthersSayWhatDoesNotFit) {
  const TensorType x = map_type({2, 6, 5, 7});
  EXPECT_EQ(refusal(LayerNorm{.axes = 5, .affine = false}, {x}),
            "LayerNorm: axes 5 must lie between 1 and the rank of x f32[N, 6, 5, 7]");
  EXPECT_EQ(refusal(LayerNorm{}, {x, weight_type({6}), weight_type({6})}),
            "LayerNorm: weight must be [7] (the last 1 axes of x f32[N, 6, 5, 7]), it is [6]");
  EXPECT_EQ(refusal(GroupNorm{.groups = 4, .affine = false}, {x}),
            "GroupNorm: groups 4 must be at least 1 and divide the 6 channels of x "
            "f32[N, 6, 5, 7]");
  EXPECT_EQ(refusal(GroupNorm{.groups = 0, .affine = false}, {x}),
            "GroupNorm: groups 0 must be at least 1 and divide the 6 channels of x "
            "f32[N, 6, 5, 7]");
  EXPECT_EQ(refusal(InstanceNorm{.affine = false}, {weight_type({2, 6})}),
            "InstanceNorm: x must be [N, C, S…] (rank at least 3), it is f32[2, 6] (rank 2)");
}

}  // namespace
}  // namespace rung::ops
