#include "rung/exec/eager/identity.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "rung/base/expect_error.h"
#include "rung/graph/builder.h"
#include "rung/join/plan.h"

namespace rung {
namespace {

//   input ── a ── b ── c      and a skip from a to b
Model joined(const std::string& merge, Start start, Width width = Width::kReduce) {
  Builder b;
  const Value input = b.input("input", Shape{1, 3, 9, 7});
  const Value x = b.conv("a", input, {.out = 4, .padding = {1}});
  const Value y = b.conv("b", x, {.out = 6, .padding = {1}});
  b.output("output", b.conv("c", y, {.out = 2}));
  return join(std::move(b).finish())
      .skip({.from = "a", .to = "b", .merge = merge, .start = start, .width = width})
      .plan()
      .apply();
}

TEST(CompareWithoutSkips, HoldsWhatIdentityPromises) {
  const auto x = torch::randn({2, 3, 11, 8});
  for (const char* merge : {"add", "concat", "multiply", "weighted", "gate", "highway", "film"}) {
    const auto same = compare_without_skips(joined(merge, Start::kIdentity), {x});
    ASSERT_EQ(same.size(), 1u);
    EXPECT_EQ(same[0].output, "output");
    EXPECT_TRUE(is_identity(same)) << merge << ": " << same[0].largest;
    EXPECT_EQ(same[0].largest, 0) << merge;
  }
  EXPECT_TRUE(
      is_identity(compare_without_skips(joined("concat", Start::kIdentity, Width::kWiden), {x})));
}

TEST(CompareWithoutSkips, SeesASkipThatChangesTheOutput) {
  const auto x = torch::randn({2, 3, 11, 8});
  for (const char* merge : {"add", "concat", "film"}) {
    const auto differs = compare_without_skips(joined(merge, Start::kRandom), {x}, {"skip1"});
    EXPECT_FALSE(is_identity(differs)) << merge;
    EXPECT_GT(differs[0].largest, 1e-4) << merge;
  }
}

TEST(CompareWithoutSkips, TakesInputsThatOnlyASkipReads) {
  Builder a, b;
  a.output("output", a.conv("conv", a.input("input", Shape{1, 3, 9, 7}), {.out = 4}));
  b.output("output", b.conv("conv", b.input("input", Shape{1, 3, 9, 7}), {.out = 4}));
  JoinSpec spec{.models = {std::move(a).finish("a"), std::move(b).finish("b")},
                .skips = {{.from = "a/conv", .to = "b/conv", .start = Start::kIdentity}},
                .outputs = {"b/output"}};
  const Model model = plan(spec).apply();
  const auto x = torch::randn({1, 3, 9, 7});
  EXPECT_TRUE(is_identity(compare_without_skips(model, {x, x})));
  EXPECT_EQ(user_error([&] { compare_without_skips(model, {x}); }),
            "the network takes 2 inputs, not 1");
}

TEST(CompareWithoutSkips, NumbersThatAreNoneAreTheSameWhereBothHaveThem) {
  auto x = torch::randn({1, 3, 9, 7});
  x[0][0][0][0] = std::nan("");
  const auto same = compare_without_skips(joined("add", Start::kRandom), {x}, {"skip1"});
  EXPECT_TRUE(std::isfinite(same[0].largest)) << same[0].largest;
}

TEST(CompareWithoutSkips, RefusesUnknownNames) {
  const auto x = torch::randn({1, 3, 9, 7});
  EXPECT_EQ(
      user_error([&] { compare_without_skips(joined("add", Start::kRandom), {x}, {"skip7"}); }),
      "there is no skip 'skip7'; the skips are 'skip1'");
}

}  // namespace
}  // namespace rung
