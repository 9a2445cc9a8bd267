// Joins between layouts: maps with channels last, and values whose axes are not known.

#include <gtest/gtest.h>

#include "rung/base/expect_error.h"
#include "rung/graph/builder.h"
#include "rung/graph/rewrite.h"
#include "rung/join/plan.h"

namespace rung {
namespace {

using ops::Transpose;

// x [2, 3, 8, 8] ── conv ── last ──── mlp ──── mlp2 ── first ── small ── pool ── head ── y
//                   4,8,8   8,8,4     8,8,4    8,8,6   6,8,8    6,4,4    6       5
//                      └── tokens [2, 64, 4] ── norm
Model network() {
  Builder b;
  const Value x = b.input("x", {DType::kF32, {2, 3, 8, 8}, map_roles(4)});
  const Value conv = b.conv("conv", x, {.out = 4, .padding = {1}});
  const Value last = b.add("last", Transpose{.order = {0, 2, 3, 1}}, {conv});
  const Value mlp = b.linear("mlp", last, 4);
  const Value mlp2 = b.linear("mlp2", mlp, 6);
  const Value first = b.add("first", Transpose{.order = {0, 3, 1, 2}}, {mlp2});
  const Value small = b.conv("small", first, {.out = 6, .stride = {2}, .padding = {1}});
  const Value pool = b.flatten("pool", b.adaptive_pool("mean", small, {1, 1}));
  b.output("y", b.linear("head", pool, 5));
  const Value flat = b.flatten("flat", conv, 2, -1);
  const Value tokens = b.add("tokens", Transpose{.order = {0, 2, 1}}, {flat});
  b.output("z", b.layer_norm("norm", tokens));
  return std::move(b).finish();
}

std::vector<std::string> inserted(const JoinPlan& plan) {
  std::vector<std::string> out;
  for (const Insertion& step : plan.skips()[0].insertions)
    out.push_back(step.name + " " + step.why);
  return out;
}
using Steps = std::vector<std::string>;

TEST(Layouts, ChannelsLastOnBothEndsNeedsNothing) {
  const auto plan = join(network()).skip({.from = "last", .to = "mlp"}).plan();
  EXPECT_EQ(inserted(plan), Steps{"skip1.add t + s"});
}

TEST(Layouts, ChannelsLastAreProjectedByALinearLayer) {
  const auto plan = join(network()).skip({.from = "mlp", .to = "mlp2"}).plan();
  EXPECT_EQ(inserted(plan), (Steps{"skip1.projection 4 -> 6 features", "skip1.add t + s"}));
  EXPECT_EQ(plan.skips()[0].insertions[0].op, "Linear");
}

TEST(Layouts, AMapIsTurnedToChannelsLastAndBack) {
  auto plan = join(network()).skip({.from = "conv", .to = "mlp2"}).plan();
  EXPECT_EQ(inserted(plan), (Steps{"skip1.channels_last [N, C, S] -> [N, S, C]",
                                   "skip1.projection 4 -> 6 features", "skip1.add t + s"}));
  plan = join(network()).skip({.from = "mlp", .to = "first"}).plan();
  EXPECT_EQ(inserted(plan), (Steps{"skip1.channels_first [N, S, C] -> [N, C, S]",
                                   "skip1.projection 4 -> 6 channels", "skip1.add t + s"}));
}

TEST(Layouts, SizesAreAlignedWithChannelsLast) {
  Model a = network().named("a");
  Model b = network().named("b");
  b.graph = resize_inputs(b.graph, {{"", {2, 3, 16, 12}}});
  const auto plan = join({a, b}).skip({.from = "b/last", .to = "a/mlp"}).plan();
  EXPECT_EQ(inserted(plan), (Steps{"skip1.resize 16 x 12 -> 8 x 8", "skip1.add t + s"}));
  EXPECT_EQ(plan.skips()[0].insertions[0].op,
            "ResizeLike(axes=[1, 2], like_axes=[1, 2], mode=area)");
}

TEST(Layouts, EveryLayoutMeetsChannelsLastAndEveryMergeTakesIt) {
  const Model model = network();
  for (const char* from : {"x", "conv", "last", "tokens", "norm"}) {
    for (const MergeRule& rule : merge_rules()) {
      if (rule.needs == Needs::kSameWidth) continue;
      for (const Start start : {Start::kRandom, Start::kIdentity}) {
        if (start == Start::kIdentity && rule.identity == Identity::kNever) continue;
        const auto plan =
            join(model)
                .skip({.from = from, .to = "mlp2", .merge = rule.name, .start = start})
                .plan();
        EXPECT_EQ(plan.skips()[0].result.shape, (Shape{2, 8, 8, 6})) << from << " " << rule.name;
        const auto other = resize_inputs(plan.apply().graph, {{"", {3, 3, 11, 14}}});
        EXPECT_EQ(other.type(other.outputs()[0].value).shape, (Shape{3, 5}));
      }
    }
  }
  for (const char* to : {"first", "small", "pool", "head", "norm"}) {
    const auto plan = join(model).skip({.from = "mlp", .to = to, .merge = "concat"}).plan();
    EXPECT_EQ(plan.skips()[0].result.shape, plan.skips()[0].target.shape) << to;
  }
}

TEST(Layouts, AVectorIsSpreadOverChannelsLast) {
  const Model vectors = [] {
    Builder b;
    b.output("y", b.linear("fc", b.input("x", {DType::kF32, {2, 7}, vector_roles()}), 4));
    return std::move(b).finish();
  }();
  const auto plan =
      join({vectors.named("v"), network().named("n")}).skip({.from = "v/fc", .to = "n/mlp"}).plan();
  EXPECT_EQ(inserted(plan), (Steps{"skip1.place a vector as a map of one place",
                                   "skip1.channels_last [N, C, S] -> [N, S, C]",
                                   "skip1.resize 1 x 1 -> 8 x 8", "skip1.add t + s"}));
}

// x [N, 8, 8, 6] ── rows [N, 2, 4, 2, 4, 6] ── turn ── windows [4 N, 16, 6] ── norm ── mlp ── y
//  └── places [N, 8, 8, 6]
Model windows() {
  Builder b;
  const Roles roles{Role::kBatch, Role::kSpace, Role::kSpace, Role::kChannel};
  const Value x = b.add("x",
                        ops::Input{.type = {DType::kF32, {2, 8, 8, 6}, roles},
                                   .fixed = {1, 2},
                                   .why = "windows of one size"},
                        {});
  const Value places = b.linear("places", x, 6);
  const Value rows = b.add("rows", ops::Reshape{.shape = {-1, 2, 4, 2, 4, 6}}, {places});
  const Value turn = b.add("turn", Transpose{.order = {0, 1, 3, 2, 4, 5}}, {rows});
  const Value cut = b.add("windows", ops::Reshape{.shape = {-1, 16, 6}}, {turn});
  const Value norm = b.layer_norm("norm", cut);
  b.output("y", b.linear("mlp", b.linear("mlp1", norm, 12), 6));
  return std::move(b).finish();
}

TEST(Layouts, WindowsAreJoinedToWindowsAsTheyAre) {
  auto plan = join(windows()).skip({.from = "windows", .to = "mlp"}).plan();
  EXPECT_EQ(inserted(plan), Steps{"skip1.add t + s"});
  const auto other = resize_inputs(plan.apply().graph, {{"", {5, 8, 8, 6}}});
  EXPECT_EQ(other.type(other.outputs()[0].value).shape, (Shape{20, 16, 6}));
  // Batches of two networks count as one.
  plan = join({windows().named("a"), windows().named("b")})
             .skip({.from = "a/norm", .to = "b/mlp"})
             .plan();
  EXPECT_EQ(inserted(plan), Steps{"skip1.add t + s"});
}

TEST(Layouts, WindowsMeetOtherLayoutsAsOneVectorPerSample) {
  auto plan = join(windows()).skip({.from = "places", .to = "mlp1"}).plan();
  Steps steps = inserted(plan);
  EXPECT_EQ(steps[0], "skip1.vector the mean over places as a vector");
  EXPECT_EQ(steps[1], "skip1.projection 6 -> 12 features");
  EXPECT_EQ(steps[2], "skip1.sample axes not known: each sample's vector everywhere in it");
  EXPECT_EQ(plan.skips()[0].result.shape, (Shape{8, 16, 12}));

  plan = join({windows().named("w"), network().named("n")})
             .skip({.from = "w/norm", .to = "n/conv"})
             .plan();
  steps = inserted(plan);
  EXPECT_EQ(steps[0],
            "skip1.rows axes not known: the mean of each sample, features along the last");
  EXPECT_EQ(plan.skips()[0].result.shape, (Shape{2, 4, 8, 8}));
}

TEST(Layouts, FilmTakesATargetWhoseAxesAreNotKnown) {
  const auto plan = join(windows()).skip({.from = "places", .to = "mlp", .merge = "film"}).plan();
  EXPECT_EQ(plan.skips()[0].result.shape, (Shape{8, 16, 6}));
  const Graph other = resize_inputs(plan.apply().graph, {{"", {5, 8, 8, 6}}});
  EXPECT_EQ(other.type(other.outputs()[0].value).shape, (Shape{20, 16, 6}));
}

// x [2, 3, 8, 8] ── conv ── last ── parts [N, H, W, 2, 2] ── turn [N, 2, 2, H, W] ── shuffled
Model shuffle() {
  Builder b;
  const Value x = b.input("x", {DType::kF32, {2, 3, 8, 8}, map_roles(4)});
  const Value conv = b.conv("conv", x, {.out = 4, .padding = {1}});
  const Value last = b.add("last", Transpose{.order = {0, 2, 3, 1}}, {conv});
  const Value parts = b.add("parts", ops::Reshape{.shape = {0, 0, 0, 2, 2}}, {last});
  const Value turn = b.add("turn", Transpose{.order = {0, 4, 3, 1, 2}}, {parts});
  b.output("y", b.flatten("shuffled", turn, 1, 2));
  return std::move(b).finish();
}

TEST(Layouts, ShuffledChannelsAreChannels) {
  const auto plan = join(shuffle()).skip({.from = "conv", .to = "shuffled"}).plan();
  EXPECT_EQ(plan.skips()[0].target.roles, map_roles(4));
  EXPECT_EQ(inserted(plan), Steps{"skip1.add t + s"});
}

TEST(Layouts, FeaturesAreAnAxisOfOneSize) {  // not the last, which is the width of the picture
  const Model net = shuffle();
  for (const auto& [from, to] : {std::pair{"turn", "shuffled"}, {"conv", "turn"}}) {
    const auto plan = join(net).skip({.from = from, .to = to, .merge = "max"}).plan();
    const Graph other = resize_inputs(plan.apply().graph, {{"", {3, 3, 11, 14}}});
    EXPECT_EQ(other.type(other.outputs()[0].value).shape, (Shape{3, 4, 11, 14})) << from;
  }
}

// x [N, 3, 8, 8] ── conv ── y;  table [9, 5] ── relu;  where [N, 4, 8, 8] (whole numbers)
Model table_and_mask() {
  Builder b;
  const Value x = b.input("x", {DType::kF32, {2, 3, 8, 8}, map_roles(4)});
  const Value conv = b.conv("conv", x, {.out = 4, .padding = {1}});
  const Value table = b.param("table", {.shape = {9, 5}});
  b.output("t", b.relu("relu", table));
  b.output("i", b.add("whole", ops::Cast{.dtype = DType::kI64}, {x}));
  b.output("y", conv);
  return std::move(b).finish();
}

TEST(Layouts, WholeNumbersBecomeFractionsAndNotTheOtherWay) {
  const Model net = table_and_mask();
  const auto plan = join(net).skip({.from = "whole", .to = "conv"}).plan();
  EXPECT_EQ(inserted(plan)[0], "skip1.cast i64 as f32; no gradient flows back");
  const std::string text =
      user_error([&] { join(net).skip({.from = "conv", .to = "whole"}).plan(); });
  EXPECT_NE(text.find("rule    f32 cannot become i64, whole numbers"), std::string::npos) << text;
}

TEST(Layouts, EightBitFloatsAreJoinedFromAndNotTo) {
  Builder b;
  const Value x = b.input("x", {DType::kF32, {2, 3, 8, 8}, map_roles(4)});
  const Value small = b.add("small", ops::Cast{.dtype = DType::kF8E4M3}, {x});
  b.output("y", b.relu("wide", b.add("back", ops::Cast{.dtype = DType::kF32}, {small})));
  const Model net = std::move(b).finish();
  EXPECT_EQ(inserted(join(net).skip({.from = "small", .to = "wide"}).plan())[0],
            "skip1.cast f8_e4m3 as f32");
  const std::string text = user_error([&] { join(net).skip({.from = "x", .to = "small"}).plan(); });
  EXPECT_NE(text.find("rule    f8_e4m3 has too few digits to train in"), std::string::npos) << text;
}

TEST(Layouts, ATableIsTheSameForEverySample) {
  for (const std::string merge : {"add", "concat", "max", "gate", "film"}) {
    const auto plan =
        join(table_and_mask()).skip({.from = "relu", .to = "conv", .merge = merge}).plan();
    EXPECT_EQ(inserted(plan)[0], "skip1.one_sample the same for every sample") << merge;
    const Graph other = resize_inputs(plan.apply().graph, {{"", {3, 3, 11, 14}}});
    EXPECT_EQ(other.type(other.outputs().back().value).shape, (Shape{3, 4, 11, 14})) << merge;
  }
}

TEST(Layouts, TablesMeetTablesAndNoSamples) {
  Builder b;
  const Value x = b.input("x", {DType::kF32, {2, 3, 8, 8}, map_roles(4)});
  const Value a = b.relu("a", b.param("small", {.shape = {9, 5}}));
  const Value t = b.relu("t", b.param("large", {.shape = {6, 7, 4}}));
  b.output("y", b.conv("conv", x, {.out = 4}));
  b.output("u", a);
  b.output("v", t);
  const Model net = std::move(b).finish();
  for (const std::string merge : {"add", "max", "gate"}) {
    const auto plan = join(net).skip({.from = "a", .to = "t", .merge = merge}).plan();
    EXPECT_EQ(plan.skips()[0].result.shape, (Shape{6, 7, 4})) << merge;
  }
  const std::string text = user_error([&] { join(net).skip({.from = "conv", .to = "t"}).plan(); });
  EXPECT_NE(text.find("rule    the axes of the target are not known"), std::string::npos) << text;
}

TEST(Layouts, WeightsForFeaturesThatAreNotLastTurnTheTarget) {
  for (const std::string merge : {"gate", "highway", "concat", "film", "attention_gate"}) {
    const auto plan = join(shuffle()).skip({.from = "conv", .to = "turn", .merge = merge}).plan();
    EXPECT_EQ(inserted(plan)[0], "skip1.features_last the features of the target last") << merge;
    const Graph other = resize_inputs(plan.apply().graph, {{"", {3, 3, 11, 14}}});
    EXPECT_EQ(other.type(other.outputs()[0].value).shape, (Shape{3, 4, 11, 14})) << merge;
  }
}

TEST(Layouts, WhatCannotBeJoinedSaysWhy) {
  const std::string text = user_error(
      [] { join(shuffle()).skip({.from = "conv", .to = "turn", .merge = "append"}).plan(); });
  EXPECT_NE(text.find("  target  turn  f32[N, 2, 2, 8, 8]  (batch, ?, ?, "), std::string::npos)
      << text;
  EXPECT_NE(text.find("rule    append needs to know the axes of the target"), std::string::npos);
}

}  // namespace
}  // namespace rung
