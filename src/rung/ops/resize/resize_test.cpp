#include "rung/ops/resize/resize.h"

#include <cmath>

#include "rung/ops/infer_cases.h"

namespace rung::ops {
namespace {

TEST(ResizeRule, GoesToASizeOrByAFactor) {
  const TensorType x = map_type({1, 3, 7, 9});
  EXPECT_EQ(only_output(Resize{.size = {13, 4}}, {x}), map_type({1, 3, 13, 4}));
  EXPECT_EQ(only_output(Resize{.mode = ResizeMode::kLinear, .scale = {1.5, 0.5}}, {x}),
            map_type({1, 3, 10, 4}));
}

TEST(ResizeRule, SaysWhatDoesNotFit) {
  const TensorType x = map_type({1, 3, 7, 9});
  EXPECT_EQ(refusal(Resize{}, {x}), "Resize: give either size or scale");
  EXPECT_EQ(refusal(Resize{.size = {2, 2}, .scale = {2, 2}}, {x}),
            "Resize: give either size or scale");
  EXPECT_EQ(refusal(Resize{.size = {2}}, {x}),
            "Resize: size has 1 numbers, x has 2 spatial axes; give one per axis");
  EXPECT_EQ(refusal(Resize{.size = {0, 2}}, {x}),
            "Resize: axis 2 of x f32[N, 3, 7, 9] would get size 0; it must be at least 1");
  EXPECT_EQ(refusal(Resize{.scale = {0.1, 1}}, {x}),
            "Resize: axis 2 of x f32[N, 3, 7, 9] would get size 0; it must be at least 1");
  EXPECT_EQ(refusal(Resize{.scale = {std::nan(""), 1}}, {x}),
            "Resize: scale nan of size 7 is no size; it must be positive and finite");
  EXPECT_EQ(refusal(Resize{.scale = {1e300, 1}}, {x}),
            "Resize: scale 1e+300 of size 7 is no size; it must be positive and finite");
  EXPECT_EQ(refusal(Resize{.mode = ResizeMode::kCubic, .size = {4}}, {map_type({1, 3, 7})}),
            "Resize: mode cubic works on two axes, not 1; use linear");
  EXPECT_EQ(refusal(Resize{.size = {2, 2}, .align_corners = true}, {x}),
            "Resize: align_corners goes with the modes linear and cubic only");
}

TEST(LikeRules, TakeTheSizesOfTheOtherAndTheRolesOfX) {
  const TensorType map = map_type({2, 3, 7, 9});
  const TensorType like = map_type({2, 8, 14, 17});
  const Sizes space = {2, 3};
  EXPECT_EQ(only_output(ResizeLike{.axes = space, .like_axes = space}, {map, like}),
            map_type({2, 3, 14, 17}));
  EXPECT_EQ(only_output(PadLike{.axes = space, .like_axes = space}, {map, like}),
            map_type({2, 3, 14, 17}));
  EXPECT_EQ(only_output(CropLike{.axes = space, .like_axes = space}, {like, map}),
            map_type({2, 8, 7, 9}));
  const TensorType tokens = sequence_type({2, 40, 6});
  EXPECT_EQ(only_output(CropLike{.axes = {1}, .like_axes = {2}}, {tokens, like}),
            sequence_type({2, 14, 6}));
  EXPECT_EQ(only_output(CropLike{}, {tokens, like}), tokens);
}

TEST(LikeRules, SayWhatDoesNotFit) {
  const TensorType x = map_type({1, 3, 7, 9});
  const TensorType like = map_type({1, 3, 8, 9});
  EXPECT_EQ(refusal(CropLike{.axes = {2}, .like_axes = {2}}, {x, like}),
            "CropLike: axis 2 of x f32[N, 3, 7, 9] is smaller than the 8 of like f32[N, 3, 8, 9]; "
            "pad or resize it");
  EXPECT_EQ(refusal(PadLike{.axes = {2}, .like_axes = {2}}, {like, x}),
            "PadLike: axis 2 of x f32[N, 3, 8, 9] is larger than the 7 of like f32[N, 3, 7, 9]; "
            "crop or resize it");
  EXPECT_EQ(refusal(ResizeLike{.axes = {2, 3}, .like_axes = {2}}, {x, like}),
            "ResizeLike: axes [2, 3] and like_axes [2] must be as many");
  EXPECT_EQ(refusal(ResizeLike{.axes = {3, 2}, .like_axes = {2, 3}}, {x, like}),
            "ResizeLike: axes [3, 2] must ascend");
  EXPECT_EQ(refusal(ResizeLike{.axes = {2}, .like_axes = {4}}, {x, like}),
            "ResizeLike: axis 4 is none of the 4 axes of like f32[N, 3, 8, 9]");
  EXPECT_EQ(refusal(ResizeLike{.axes = {0, 1, 2, 3}, .like_axes = {0, 1, 2, 3}}, {x, like}),
            "ResizeLike: resizes at most three axes, not [0, 1, 2, 3]");
  EXPECT_EQ(refusal(ResizeLike{.axes = {2}, .like_axes = {2}, .align_corners = true}, {x, like}),
            "ResizeLike: align_corners goes with the modes linear and cubic only");
  EXPECT_EQ(refusal(ResizeLike{.axes = {2}, .like_axes = {2}}, {map_type({1, 3, 0, 9}), like}),
            "ResizeLike: axis 2 of x f32[N, 3, 0, 9] cannot become 8 like f32[N, 3, 8, 9]: one of "
            "the two is empty");
}

TEST(TokensToMapRule, FollowsTheAspectOfLike) {
  const auto grid = [](int64_t tokens, int64_t height, int64_t width) {
    return token_grid(tokens, height, width);
  };
  using Grid = std::pair<int64_t, int64_t>;
  EXPECT_EQ(grid(196, 28, 28), Grid(14, 14));
  EXPECT_EQ(grid(200, 10, 20), Grid(10, 20));
  EXPECT_EQ(grid(50, 10, 20), Grid(5, 10));
  EXPECT_EQ(grid(50, 20, 10), Grid(10, 5));
  EXPECT_EQ(grid(12, 5, 5), Grid(3, 4));  // 3 x 4 and 4 x 3 are equally near: the flatter one
  EXPECT_EQ(grid(197, 14, 14), Grid(1, 197));
  EXPECT_EQ(grid(1, 3, 5), Grid(1, 1));
  EXPECT_EQ(only_output(TokensToMap{}, {sequence_type({2, 196, 64}), map_type({2, 8, 28, 28})}),
            map_type({2, 64, 14, 14}));
}

TEST(TokensToMapRule, SaysWhatDoesNotFit) {
  EXPECT_EQ(refusal(TokensToMap{}, {sequence_type({2, 0, 64}), map_type({2, 8, 28, 28})}),
            "TokensToMap: cannot lay 0 tokens out beside a map of 28 x 28");
  EXPECT_EQ(refusal(TokensToMap{}, {sequence_type({2, 9, 64}), map_type({2, 8, 28})}),
            "TokensToMap: like must be [N, C, H, W] (rank 4), it is f32[N, 8, 28] (rank 3)");
  // Looking for divisors of such a number would take minutes.
  EXPECT_EQ(user_error([] { token_grid(int64_t{1} << 61, 3, 3); }),
            "TokensToMap: cannot lay 2305843009213693952 tokens out beside a map of 3 x 3");
}

}  // namespace
}  // namespace rung::ops
