#include "rung/ops/layout/layout.h"

#include "rung/ops/infer_cases.h"

namespace rung::ops {
namespace {

const TensorType kMap = map_type({2, 3, 4, 5});

TEST(PadRule, AddsAndCuts) {
  EXPECT_EQ(only_output(Pad{.begin = {0, 0, 1, -2}, .end = {0, 1, 2, 0}}, {kMap}),
            map_type({2, 4, 7, 3}));
  EXPECT_EQ(only_output(Pad{.begin = {0, 0, 0, -5}, .end = {0, 0, 0, 0}}, {kMap}).shape,
            (Shape{2, 3, 4, 0}));
  EXPECT_EQ(refusal(Pad{.begin = {0, 0, 0, -6}, .end = {0, 0, 0, 3}}, {kMap}),
            "Pad: axis 3 of x f32[N, 3, 4, 5] is shorter than what begin -6 and end 3 cut off");
  EXPECT_EQ(refusal(Pad{.begin = {1, 1}, .end = {0, 0}}, {kMap}),
            "Pad: begin [1, 1] and end [0, 0] must have one number per axis of x f32[N, 3, 4, 5]");
}

TEST(PadRule, BordersMadeOfXNeedEnoughOfIt) {
  const auto pad = [](int64_t begin, int64_t end, PadMode mode) {
    return Pad{.begin = {0, 0, 0, begin}, .end = {0, 0, 0, end}, .mode = mode};
  };
  EXPECT_EQ(only_output(pad(4, -1, PadMode::kCircular), {kMap}).shape, (Shape{2, 3, 4, 8}));
  EXPECT_EQ(only_output(pad(4, 4, PadMode::kReflect), {kMap}).shape, (Shape{2, 3, 4, 13}));
  EXPECT_EQ(only_output(pad(5, 5, PadMode::kCircular), {kMap}).shape, (Shape{2, 3, 4, 15}));
  EXPECT_EQ(only_output(pad(9, 9, PadMode::kReplicate), {kMap}).shape, (Shape{2, 3, 4, 23}));
  EXPECT_EQ(refusal(pad(5, 0, PadMode::kReflect), {kMap}),
            "Pad: reflect by 5 needs a longer axis 3: x is f32[N, 3, 4, 5], of which 5 are kept");
  EXPECT_EQ(refusal(pad(6, 0, PadMode::kCircular), {kMap}),
            "Pad: circular by 6 needs a longer axis 3: x is f32[N, 3, 4, 5], of which 5 are kept");
  EXPECT_EQ(refusal(pad(1, -5, PadMode::kReplicate), {kMap}),
            "Pad: replicate by 1 needs a longer axis 3: x is f32[N, 3, 4, 5], of which 0 are kept");
  EXPECT_EQ(
      refusal(Pad{.begin = {1, 0, 0, 0}, .end = {0, 0, 0, 0}, .mode = PadMode::kReflect}, {kMap}),
      "Pad: reflect acts on the last three axes, not on axis 0 of x f32[N, 3, 4, 5]");
}

TEST(PadRule, SurvivesAbsurdAmounts) {
  for (const int64_t begin : {INT64_MIN, INT64_MAX}) {
    for (const int64_t end : {INT64_MIN, INT64_MAX, int64_t{0}}) {
      if (begin == INT64_MAX && end == INT64_MIN) continue;
      EXPECT_FALSE(refusal(Pad{.begin = {begin}, .end = {end}}, {weight_type({4})}).empty());
    }
  }
}

TEST(SliceRule, IsPythons) {
  const auto length = [](int64_t begin, int64_t end, int64_t step) {
    return only_output(Slice{.axis = -1, .begin = begin, .end = end, .step = step},
                       {map_type({1, 2, 10})})
        .shape[2];
  };
  EXPECT_EQ(length(0, INT64_MAX, 1), 10);
  EXPECT_EQ(length(-3, INT64_MAX, 1), 3);
  EXPECT_EQ(length(-1, INT64_MAX, 1), 1);
  EXPECT_EQ(length(2, -2, 4), 2);
  EXPECT_EQ(length(1, 10, 3), 3);
  EXPECT_EQ(length(5, 2, 1), 0);
  EXPECT_EQ(length(20, 30, 1), 0);
  EXPECT_EQ(length(INT64_MIN, INT64_MAX, INT64_MAX), 1);
  EXPECT_EQ(only_output(Slice{.axis = 1, .end = 1}, {sequence_type({2, 5, 3})}),
            sequence_type({2, 1, 3}));
  EXPECT_EQ(refusal(Slice{.step = 0}, {kMap}), "Slice: step must be at least 1, it is 0");
}

TEST(ConcatRule, AddsSizes) {
  EXPECT_EQ(only_output(Concat{}, {kMap, map_type({2, 7, 4, 5}), map_type({2, 0, 4, 5})}),
            map_type({2, 10, 4, 5}));
  EXPECT_EQ(only_output(Concat{.axis = -2}, {weight_type({2, 1, 8}), sequence_type({2, 9, 8})}),
            sequence_type({2, 10, 8}));
  EXPECT_EQ(refusal(Concat{}, {kMap, map_type({2, 3, 5, 5})}),
            "Concat: inputs must be equal but for axis 1; input 0 is [2, 3, 4, 5], input 1 is "
            "[2, 3, 5, 5]");
  EXPECT_FALSE(refusal(Concat{}, {kMap, weight_type({3})}).empty());
  EXPECT_EQ(refusal(Concat{}, {}), "Concat: takes at least 1 inputs (x1, x2, …), got 0");
  const TensorType huge = weight_type({1, int64_t{1} << 61});
  EXPECT_FALSE(refusal(Concat{}, {huge, huge, huge, huge, huge}).empty());
}

TEST(SplitRule, SizesAddUp) {
  EXPECT_EQ(outputs(Split{.axis = 3, .sizes = {2, 0, 3}}, {kMap}),
            (std::vector{map_type({2, 3, 4, 2}), map_type({2, 3, 4, 0}), map_type({2, 3, 4, 3})}));
  EXPECT_EQ(refusal(Split{.axis = 1, .sizes = {2, 2}}, {kMap}),
            "Split: sizes [2, 2] add up to 4, axis 1 of x f32[N, 3, 4, 5] has 3; they must be "
            "equal");
  EXPECT_FALSE(refusal(Split{}, {kMap}).empty());
  EXPECT_FALSE(refusal(Split{.sizes = {5, -2}}, {kMap}).empty());
  EXPECT_FALSE(refusal(Split{.sizes = {INT64_MAX, INT64_MAX, 5}}, {kMap}).empty());
}

TEST(StackRule, AddsAnAxis) {
  EXPECT_EQ(only_output(Stack{.axis = -1}, {weight_type({2, 3}), weight_type({2, 3})}).shape,
            (Shape{2, 3, 2}));
  const TensorType out = only_output(Stack{.axis = 1}, {kMap, kMap});
  EXPECT_EQ(out.roles,
            (Roles{Role::kBatch, Role::kNone, Role::kChannel, Role::kSpace, Role::kSpace}));
  EXPECT_EQ(refusal(Stack{}, {kMap, map_type({2, 3, 4, 6})}),
            "Stack: inputs must be of one shape; input 0 is [2, 3, 4, 5], input 1 is "
            "[2, 3, 4, 6]");
  EXPECT_EQ(refusal(Stack{.axis = 5}, {kMap}), "Stack: axis 5 is out of range for rank 5");
}

TEST(ExpandRule, NewAxesComeInFront) {
  EXPECT_EQ(only_output(Expand{{2, -1, 4, 5}}, {map_type({1, 3, 1, 5})}), kMap);
  EXPECT_EQ(only_output(Expand{{6, 2, -1}}, {weight_type({1, 3})}).shape, (Shape{6, 2, 3}));
  EXPECT_EQ(only_output(Expand{{0}}, {weight_type({1})}).shape, (Shape{0}));
  EXPECT_EQ(refusal(Expand{{6, 3}}, {weight_type({2, 3})}),
            "Expand: axis 0 of x f32[2, 3] has 2 elements and cannot become 6; only 1 expands");
  EXPECT_EQ(refusal(Expand{{3}}, {weight_type({2, 3})}),
            "Expand: shape [3] has fewer axes than x f32[2, 3]");
  EXPECT_EQ(refusal(Expand{{-1, 3}}, {weight_type({3})}),
            "Expand: the output: shape [-1, 3] has a negative size");
  EXPECT_FALSE(refusal(Expand{Sizes(1000000, 1)}, {weight_type({1})}).empty());
}

}  // namespace
}  // namespace rung::ops
