#include "rung/ops/attention/attention.h"

#include "rung/ops/infer_cases.h"

namespace rung::ops {
namespace {

TEST(AttentionRule, LengthIsTheQuerysAndWidthTheValues) {
  const std::vector<TensorType> in = {sequence_type({2, 5, 8}), sequence_type({2, 7, 8}),
                                      sequence_type({2, 7, 3})};
  const auto out = outputs(Attention{.causal = true}, in);
  EXPECT_EQ(out, (std::vector<TensorType>{sequence_type({2, 5, 3})}));
  EXPECT_EQ(macs(Attention{}, in, out), 2 * 5 * 7 * (8 + 3));
}

TEST(AttentionRule, HeadsAreLeadingAxes) {
  const TensorType q(DType::kF16, {2, 4, 5, 8},
                     {Role::kBatch, Role::kNone, Role::kTime, Role::kNone});
  EXPECT_EQ(only_output(Attention{}, {q, q, q}), q);
  const TensorType mask(DType::kBool, {5, 5});
  EXPECT_EQ(only_output(Attention{.has_mask = true}, {q, q, q, mask}), q);
}

TEST(AttentionRule, SaysWhatDoesNotFit) {
  const TensorType q = sequence_type({2, 5, 8});
  const auto shapes = [&](const TensorType& k, const TensorType& v) {
    return refusal(Attention{}, {q, k, v});
  };
  EXPECT_EQ(shapes(sequence_type({2, 7, 6}), sequence_type({2, 7, 3})),
            "Attention: q and k must have equally many features; q is [2, 5, 8], k [2, 7, 6], v "
            "[2, 7, 3]");
  EXPECT_EQ(shapes(sequence_type({2, 7, 8}), sequence_type({2, 6, 3})),
            "Attention: k and v must be equally long; q is [2, 5, 8], k [2, 7, 8], v [2, 6, 3]");
  EXPECT_EQ(shapes(sequence_type({1, 7, 8}), sequence_type({2, 7, 3})),
            "Attention: the axes before the last two must be equal; expand the smaller ones; q is "
            "[2, 5, 8], k [1, 7, 8], v [2, 7, 3]");
  EXPECT_EQ(shapes(weight_type({7, 8}), weight_type({7, 3})),
            "Attention: q, k and v must have one rank; q is [2, 5, 8], k [7, 8], v [7, 3]");
  EXPECT_EQ(shapes(weight_type({8}), q),
            "Attention: k must be […, S, E] (rank 2 to 64), it is f32[8] (rank 1)");
  EXPECT_EQ(refusal(Attention{.has_mask = true}, {q, q, q, weight_type({4, 5})}),
            "Attention: shapes [4, 5] and [2, 5, 5] do not broadcast: axis -2 is 4 on one side "
            "and 5 on the other; make them equal, or one of them 1");
  EXPECT_EQ(refusal(Attention{.has_mask = true}, {q, q, q, weight_type({3, 1, 5, 5})}),
            "Attention: mask [3, 1, 5, 5] must broadcast to the scores [2, 5, 5]");
  EXPECT_EQ(refusal(Attention{.has_mask = true}, {q, q, q, {DType::kF64, {5, 5}}}),
            "Attention: mask must be bool or f32, it is f64[5, 5]; cast it");
  EXPECT_EQ(refusal(Attention{}, {q, q}), "Attention: takes 3 inputs (q, k, v), got 2");
}

TEST(AttentionRule, CountsNothingThatDoesNotFit) {
  const TensorType huge = weight_type({int64_t{1} << 31, int64_t{1} << 31});
  const std::vector<TensorType> in = {huge, huge, huge};
  EXPECT_FALSE(user_error([&] { macs(Attention{}, in, outputs(Attention{}, in)); }).empty());
}

}  // namespace
}  // namespace rung::ops
