#include "rung/io/onnx/fold.h"

#include <gtest/gtest.h>

#include "rung/base/error.h"

namespace rung {
namespace {

Tensor list(std::vector<int64_t> values) {
  const auto size = static_cast<int64_t>(values.size());
  return Tensor::i64({size}, std::move(values));
}

Tensor folded(std::string_view name, const std::vector<Tensor>& in,
              const ops::OnnxAttributes& attributes = {}) {
  return fold_onnx(name, attributes, in, 1).value().at(0);
}

void expect_list(const Tensor& got, std::vector<int64_t> expected) {
  EXPECT_TRUE(got.identical(list(expected))) << to_string(got.shape());
}

TEST(OnnxFold, KeepsAll64Bits) {
  constexpr int64_t kLarge = (int64_t{1} << 53) + 1;  // no double
  expect_list(folded("Add", {list({kLarge}), list({0})}), {kLarge});
  expect_list(folded("Mul", {list({kLarge}), list({3})}), {3 * kLarge});
  expect_list(folded("Concat", {list({kLarge}), list({2})}, {{"axis", int64_t{0}}}), {kLarge, 2});
}

TEST(OnnxFold, WrapsAroundLikeARunningNetwork) {
  expect_list(folded("Add", {list({INT64_MAX}), list({1})}), {INT64_MIN});
  expect_list(folded("Neg", {list({INT64_MIN})}), {INT64_MIN});
}

TEST(OnnxFold, DividesTowardsZeroAndTakesRemaindersLikePython) {
  expect_list(folded("Div", {list({-7}), list({2})}), {-3});
  expect_list(folded("Mod", {list({-7}), list({2})}), {1});
  EXPECT_THROW(folded("Div", {list({1}), list({0})}), Error);
}

TEST(OnnxFold, SlicesBackwards) {
  expect_list(
      folded("Slice", {list({0, 1, 2, 3, 4}), list({-1}), list({-6}), list({0}), list({-2})}),
      {4, 2, 0});
}

TEST(OnnxFold, ReshapesWithWhatIsLeft) {
  const Tensor x = Tensor::i64({2, 3}, {0, 1, 2, 3, 4, 5});
  EXPECT_EQ(folded("Reshape", {x, list({0, -1, 1})}).shape(), (Shape{2, 3, 1}));
  EXPECT_THROW(folded("Reshape", {x, list({4, 2})}), Error);
}

TEST(OnnxFold, GathersFromTheEndAndNotBeyond) {
  expect_list(folded("Gather", {list({5, 6, 7}), list({-1, 0})}), {7, 5});
  EXPECT_THROW(folded("Gather", {list({5, 6, 7}), list({3})}), Error);
}

TEST(OnnxFold, RefusesAnOrderThatIsNone) {
  const Tensor x = Tensor::i64({2, 3}, {0, 1, 2, 3, 4, 5});
  expect_list(folded("Reshape", {folded("Transpose", {x}), list({-1})}), {0, 3, 1, 4, 2, 5});
  EXPECT_THROW(folded("Transpose", {x}, {{"perm", ops::Sizes{1, 1}}}), Error);
}

TEST(OnnxFold, FindsWhatIsNotZero) {
  const Tensor x = Tensor::i64({2, 2}, {1, 0, 0, 4});
  EXPECT_TRUE(folded("NonZero", {x}).identical(Tensor::i64({2, 2}, {0, 1, 0, 1})));
}

TEST(OnnxFold, FindsKindsInOrderOrAsTheyCome) {
  const Tensor x = list({2, 1, 1, 3, 2});
  const auto sorted = fold_onnx("Unique", {}, {x}, 4).value();
  expect_list(sorted[0], {1, 2, 3});
  expect_list(sorted[1], {1, 0, 3});
  expect_list(sorted[2], {1, 0, 0, 2, 1});
  expect_list(sorted[3], {2, 2, 1});
  expect_list(folded("Unique", {x}, {{"sorted", int64_t{0}}}), {2, 1, 3});
}

TEST(OnnxFold, TakesNoMemoryWithoutBounds) {
  EXPECT_THROW(folded("ConstantOfShape", {list({int64_t{1} << 40})}), Error);
  EXPECT_THROW(folded("Range", {list({0}), list({int64_t{1} << 40}), list({1})}), Error);
}

TEST(OnnxFold, LeavesAloneWhatItDoesNotKnow) {
  EXPECT_FALSE(fold_onnx("Conv", {}, {list({1})}, 1).has_value());
}

}  // namespace
}  // namespace rung
