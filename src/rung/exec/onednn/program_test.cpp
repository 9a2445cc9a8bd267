// Programs as their callers see them, and what becomes of networks: steps, bytes that are moved,
// memory. The numbers of steps and bytes are the guard against regressions: unlike times, they are
// the same on every machine with AVX-512 (others are not asked).
#include "rung/exec/onednn/program.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "rung/base/expect_error.h"
#include "rung/base/rng.h"
#include "rung/base/temp_folder.h"
#include "rung/blocks/zoo.h"
#include "rung/graph/builder.h"
#include "rung/join/plan.h"
#include "rung/ops/onednn.h"
#include "support/eager_reference.h"

namespace rung {
namespace {

const CompileOptions kPlain{.threads = 2, .measure = false, .cache = {}};

Model drawn(Model model) {
  draw_missing(model, 1);
  return model;
}

Tensor random(const Shape& shape, uint64_t seed = 1) {
  Tensor tensor(DType::kF32, shape);
  Rng rng(seed);
  for (float& number : tensor.as<float>()) number = static_cast<float>(rng.normal());
  return tensor;
}

/// x [2, 3, 4] -> relu -> y; and an input that nobody reads.
Model small() {
  Model model;
  const auto x = model.graph.add("x", ops::Input{.type = {DType::kF32, {2, 3, 4}}}, {});
  model.graph.add("unread", ops::Input{.type = {DType::kF32, {1}}}, {});
  const auto y = model.graph.add("y", ops::Unary{}, {{x, 0}});
  model.graph.add_output("y", {y, 0});
  return model;
}

TEST(Program, RunsAtOtherSizesAndIntoGivenMemory) {
  const Program program = compile(small(), kPlain);
  const Tensor unread = random({1});
  for (const int64_t size : {4, 7, 4}) {
    const Tensor x = random({2, 3, size});
    std::vector<Tensor> outputs = {Tensor(DType::kF32, {2, 3, size})};
    program.run({x, unread}, outputs);
    EXPECT_TRUE(outputs[0].identical(program.run({x, unread})[0]));
    for (int64_t i = 0; i < x.elements(); ++i) {
      EXPECT_EQ(outputs[0].at(i), std::max(x.at(i), 0.0));
    }
  }
}

TEST(Program, RefusesWhatDoesNotFit) {
  const Program program = compile(small(), kPlain);
  const Tensor unread = random({1});
  EXPECT_EQ(user_error([&] { program.run({unread}); }),
            "the network takes 2 inputs ('x', 'unread'), not 1");
  const auto refuses = [&](const Tensor& x, const char* text) {
    const std::string message = user_error([&] { program.run({x, unread}); });
    EXPECT_NE(message.find(text), std::string::npos) << message;
  };
  refuses(random({2, 3}), "input 'x' is f32[2, 3]");
  refuses(Tensor(), "has no value");
  std::vector<Tensor> outputs = {Tensor(DType::kF32, {2, 3, 5})};
  EXPECT_NE(user_error([&] {
              program.run({random({2, 3, 4}), unread}, outputs);
            }).find("the tensor given for it is not"),
            std::string::npos);
  Model lacking = zoo("mlp");
  EXPECT_NE(user_error([&] { compile(lacking, kPlain); }).find("has no value"), std::string::npos);
}

TEST(Program, AClampWhoseBoundsAreTheWrongWayRoundGivesTheUpperOne) {
  Model model;
  const auto x = model.graph.add("x", ops::Input{.type = {DType::kF32, {3}}}, {});
  const auto y = model.graph.add("y", ops::Clamp{.low = 5, .high = 1}, {{x, 0}});
  model.graph.add_output("y", {y, 0});
  const auto outputs = compile(model, kPlain).run({Tensor::f32({3}, {0, 3, 9})});
  for (int64_t i = 0; i < 3; ++i) EXPECT_EQ(outputs[0].at(i), 1);
}

TEST(Program, OutputsMayBeInputsConstantsAndTheSameTwice) {
  Model model;
  const auto x = model.graph.add("x", ops::Input{.type = {DType::kF32, {2, 3}}}, {});
  const auto c = model.graph.add("c", ops::Constant{Tensor::f32({2}, {5, 6})}, {});
  const auto y = model.graph.add("y", ops::Unary{ops::UnaryFn::kNeg}, {{x, 0}});
  const auto view = model.graph.add("view", ops::Reshape{{3, 2}}, {{y, 0}});
  for (const auto& [name, id] :
       {std::pair{"x", x}, {"c", c}, {"y", y}, {"again", y}, {"view", view}}) {
    model.graph.add_output(name, {id, 0});
  }
  const Tensor input = random({2, 3});
  const auto outputs = compile(model, kPlain).run({input});
  EXPECT_TRUE(outputs[0].identical(input));
  EXPECT_EQ(outputs[1].at(1), 6);
  EXPECT_EQ(outputs[2].at(5), -input.at(5));
  EXPECT_TRUE(outputs[3].identical(outputs[2]));
  EXPECT_EQ(outputs[4].shape(), (Shape{3, 2}));
  EXPECT_EQ(outputs[4].at(5), -input.at(5));
}

void expect_eagers_numbers(Model model) {
  testing::draw_telling(model, 1);
  const auto inputs = testing::draw_inputs(model.graph, 1);
  const auto want = run_eagerly(model, inputs);
  EXPECT_LE(testing::relative_rms(compile(model, kPlain).run(inputs), want), 1e-5);
}

/// A sum grows where its operand lies, unless that is read once more behind it:
///   x ─┬─ conv1 ─ conv2 ─ add ─ add ─ y
///      └─ side ────────────┴─────┘
TEST(Program, WhatIsAddedTwiceIsNotWrittenOver) {
  for (const int64_t channels : {1, 16}) {
    Builder b;
    const Value x = b.input("x", {1, channels, 15, 22});
    const Value side = b.conv("side", x, {.out = 8, .kernel = {1}});
    const Value conv1 = b.conv("conv1", x, {.out = 8, .padding = {1}});
    const Value conv2 = b.conv("conv2", conv1, {.out = 8, .padding = {1}});
    b.output("y", b.sum("again", b.sum("once", conv2, side), side));
    expect_eagers_numbers(std::move(b).finish());
  }
}

TEST(Program, ProjectionsOfOneNumberHaveKernels) {
  for (const int64_t out : {5, 16}) {
    Builder b;
    const Value x = b.input("x", {2, 1, 1, 1});
    b.output("y", b.relu("relu", b.conv("conv", x, {.out = out, .kernel = {1}})));
    expect_eagers_numbers(std::move(b).finish());
  }
}

/// x ─ exp ─┬─ first (channel) ─ mul ─ y
///          └─────────────────────┘
TEST(Program, WhatAPieceIsReadOfIsNotWrittenOver) {
  Model model;
  const auto x = model.graph.add("x", ops::Input{.type = {DType::kF32, {1, 4, 300}}}, {});
  const auto exp = model.graph.add("exp", ops::Unary{ops::UnaryFn::kExp}, {{x, 0}});
  const auto first =
      model.graph.add("first", ops::Slice{.axis = 1, .begin = 0, .end = 1}, {{exp, 0}});
  const auto y = model.graph.add("y", ops::Binary{ops::BinaryFn::kMul}, {{exp, 0}, {first, 0}});
  model.graph.add_output("y", {y, 0});
  expect_eagers_numbers(model);
}

TEST(Program, ListsEveryNodeWithoutAKernel) {
  Model model;
  const auto x = model.graph.add("x", ops::Input{.type = {DType::kF16, {2, 3}}}, {});
  const auto a = model.graph.add("a", ops::Softmax{}, {{x, 0}});
  const auto b = model.graph.add("b", ops::Gelu{}, {{a, 0}});
  model.graph.add_output("b", {b, 0});
  try {
    compile(model, kPlain);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
    const std::string text = error.what();
    EXPECT_NE(text.find("2 of the network's nodes"), std::string::npos) << text;
    EXPECT_NE(text.find("\n  a (Softmax): "), std::string::npos) << text;
    EXPECT_NE(text.find("\n  b (Gelu): "), std::string::npos) << text;
  }
}

TEST(Program, GivesTheSameBitsEveryTime) {
  const Model model = drawn(zoo("skip_net", {{"depth", "6"}}));
  const Tensor input = random({1, 1, 28, 28});
  const Program first = compile(model, kPlain);
  const auto a = first.run({input}), b = first.run({input});
  const auto c = compile(model, kPlain).run({input});
  EXPECT_TRUE(a[0].identical(b[0]));
  EXPECT_TRUE(a[0].identical(c[0]));
}

TEST(Program, RemembersWhatItMeasured) {
  const TempFolder folder;
  const auto file = folder.path() / "deep" / "plans.json";
  const Model model = drawn(zoo("skip_connection_block"));
  const CompileOptions options{.threads = 1, .cache = file};
  const auto chosen = [&](const CompileReport& report) {
    std::vector<std::string> ways;
    for (const auto& step : report.steps) ways.push_back(step.way);
    return ways;
  };
  const CompileReport cold = compile(model, options).report();
  ASSERT_TRUE(std::filesystem::exists(file));
  const CompileReport warm = compile(model, options).report();
  EXPECT_EQ(warm.measure_s, 0);
  EXPECT_EQ(chosen(warm), chosen(cold));
  std::ofstream(file) << "{ broken";
  EXPECT_EQ(compile(model, options).report().steps.size(), cold.steps.size());
}

/// What a plan costs besides its convolutions.
struct Cost {
  size_t steps = 0;
  int64_t moved = 0;
  bool slow = false;
  double arena = 0;  ///< against the lower bound
};

Cost cost_of(const Model& model, Precision precision = Precision::kF32) {
  CompileOptions options = kPlain;
  options.precision = precision;
  const CompileReport report = compile(model, options).report();
  Cost cost{.steps = report.steps.size()};
  for (const auto& step : report.steps) {
    cost.moved += step.moved;
    cost.slow |= step.slow;
  }
  cost.arena = static_cast<double>(report.arena_bytes) /
               static_cast<double>(std::max<int64_t>(report.arena_lower_bound, 1));
  return cost;
}

void expect_cost(const Model& model, size_t steps, int64_t moved) {
  if (onednn::channel_block() != 16) GTEST_SKIP() << "other blocks, other steps";
  const Cost cost = cost_of(model);
  EXPECT_EQ(cost.steps, steps);
  EXPECT_EQ(cost.moved, moved);
  EXPECT_FALSE(cost.slow);
  EXPECT_LE(cost.arena, 1.1);
}

// Convolutions, one pool, the mean and the last layer; nothing for norms, activations, additions.
TEST(ProgramCost, ResNet18) { expect_cost(drawn(zoo("resnet18")), 20 + 1 + 1 + 1, 0); }
TEST(ProgramCost, ResNet50) { expect_cost(drawn(zoo("resnet50")), 53 + 1 + 1 + 1, 0); }
// 120 convolutions, 4 pools, the last norm, the mean and the last layer: all other norms are part
// of the convolution in front of them, or of the one behind.
TEST(ProgramCost, DenseNet121) { expect_cost(drawn(zoo("densenet121")), 120 + 4 + 3, 0); }
// 19 convolutions, 4 pools, 4 resizes; the concatenations are nothing.
TEST(ProgramCost, UNet) { expect_cost(drawn(zoo("unet")), 19 + 4 + 4, 0); }
// The block's input and result are turned; its three convolutions, nothing for the addition.
TEST(ProgramCost, System1) {
  const int64_t image = 32 * 32 * 4;
  expect_cost(drawn(zoo("skip_connection_block")), 3 + 2, (64 + 128) * image);
}
TEST(ProgramCost, System2) {
  const int64_t image = 32 * 32 * 4;
  expect_cost(drawn(zoo("skip_connection_block_concat")), 3 + 2, (64 + 128) * image);
}

}  // namespace
}  // namespace rung
