#include "rung/graph/size_trials.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "rung/graph/builder.h"

namespace rung {
namespace {

Extents extents_of(const Graph& graph) {
  Extents out;
  out.update(graph);
  return out;
}

/// The sizes of an axis in all graphs.
std::vector<int64_t> sizes_in(const std::vector<Graph>& graphs, Value value, size_t axis) {
  std::vector<int64_t> out;
  for (const Graph& graph : graphs) out.push_back(graph.type(value).shape[axis]);
  return out;
}

//   x ── conv 3x3 / 32
TEST(SizeTrials, GoOnUntilWhatAStrideHidesHasChanged) {
  for (const int64_t size : {64, 65, 224, 225}) {
    Builder b;
    const Value y = b.conv("y", b.input("x", {1, 3, size, 64}),
                           {.out = 4, .kernel = {3}, .stride = {32}, .padding = {1}});
    const int64_t before = b.type(y).shape[2];
    const auto tried = try_sizes(b.graph(), extents_of(b.graph()), {{"x", 2}});
    EXPECT_EQ(tried.held, "");
    const auto seen = sizes_in(tried.graphs, y, 2);
    EXPECT_TRUE(std::any_of(seen.begin(), seen.end(), [&](int64_t n) { return n != before; }))
        << size;
  }
}

//   x ─┬─ pool / 2 ─ pool / 2     2: half of a half
//      └─ conv, 16 lost           and what is as large at 64 pixels by chance
TEST(SizeTrials, PartWhatIsAlikeByChance) {
  Builder b;
  const Value x = b.input("x", {1, 3, 21, 64});
  const Value quarter = b.max_pool("b", b.max_pool("a", x, 2, 2), 2, 2);
  const Value less = b.conv("c", x, {.out = 4, .kernel = {17, 1}});
  ASSERT_EQ(b.type(quarter).shape[2], b.type(less).shape[2]);
  const auto tried = try_sizes(b.graph(), extents_of(b.graph()), {{"x", 2}});
  EXPECT_NE(sizes_in(tried.graphs, quarter, 2), sizes_in(tried.graphs, less, 2));
}

//   x ── conv / 16 ── tokens ── + positions
TEST(SizeTrials, ASizeAtWhichNothingBehindChangesIsHeld) {
  Builder b;
  const Value map =
      b.conv("patches", b.input("x", {1, 3, 64, 64}), {.out = 4, .kernel = {16}, .stride = {16}});
  const Value positions = b.param("positions", ops::Param{.shape = {4, 16}});
  b.sum("add", b.flatten("tokens", map, 2), positions);
  const auto tried = try_sizes(b.graph(), extents_of(b.graph()), {{"x", 2}});
  EXPECT_FALSE(tried.graphs.empty());  // 65: one row of pixels more, that no patch reaches
  EXPECT_EQ(tried.held, "add (add)");
  EXPECT_EQ(try_sizes(b.graph(), extents_of(b.graph()), {{"x", 0}}).held, "");
  EXPECT_TRUE(try_sizes(b.graph(), extents_of(b.graph()), {{"x", 1}}).graphs.empty());
}

//   x ─┬─ conv / 2 ── transposed / 2 ── +     takes even sizes alone
//      └────────────────────────────────┘
TEST(SizeTrials, WhatOnlySomeSizesFitIsFree) {
  Builder b;
  const Value x = b.input("x", {1, 4, 64, 64});
  const Value down = b.conv("down", x, {.out = 4, .kernel = {2}, .stride = {2}});
  const Value up = b.conv_transpose("up", down, {.out = 4, .kernel = {2}, .stride = {2}});
  b.sum("add", up, x);
  const auto tried = try_sizes(b.graph(), extents_of(b.graph()), {{"x", 2}});
  EXPECT_EQ(tried.held, "");
  ASSERT_FALSE(tried.graphs.empty());
  EXPECT_EQ(sizes_in(tried.graphs, down, 2).at(0), 48);
}

}  // namespace
}  // namespace rung
