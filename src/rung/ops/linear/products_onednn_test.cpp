// Products, attention and recurrent cells compiled at sizes and in company that the random cases of
// every op do not have, against LibTorch.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <limits>

#include "rung/exec/eager/convert.h"
#include "rung/exec/onednn/program.h"
#include "rung/graph/builder.h"
#include "rung/ops/eager.h"
#include "rung/ops/onednn.h"

namespace rung {
namespace {

using ops::BinaryFn;
using ops::UnaryFn;

/// A network in the making, with random inputs.
struct Made {
  Builder builder;
  std::vector<Tensor> inputs = {};

  Value input(Shape shape) {
    inputs.push_back(from_torch(torch::randn(shape)));
    return builder.input("x" + std::to_string(inputs.size()), {DType::kF32, std::move(shape)});
  }
  Value input(const at::Tensor& value) {
    inputs.push_back(from_torch(value.contiguous()));
    return builder.input("x" + std::to_string(inputs.size()),
                         {inputs.back().dtype(), inputs.back().shape()});
  }
};

std::vector<at::Tensor> run_eagerly(const Model& model, const std::vector<Tensor>& inputs) {
  std::vector<std::vector<at::Tensor>> made;
  size_t next = 0;
  for (const Node& node : model.graph.nodes()) {
    if (std::holds_alternative<ops::Input>(node.op)) {
      made.push_back({to_torch(inputs[next++])});
    } else if (std::holds_alternative<ops::Param>(node.op)) {
      made.push_back({to_torch(model.weights.at(node.name))});
    } else if (const auto* constant = std::get_if<ops::Constant>(&node.op)) {
      made.push_back({to_torch(constant->value)});
    } else {
      std::vector<at::Tensor> in;
      for (const Value value : node.inputs) {
        in.push_back(made[static_cast<size_t>(value.node.index)][static_cast<size_t>(value.port)]);
      }
      made.push_back(run(node.op, in, {}));
    }
  }
  std::vector<at::Tensor> outputs;
  for (const auto& output : model.graph.outputs()) {
    const auto& [node, port] = output.value;
    outputs.push_back(made[static_cast<size_t>(node.index)][static_cast<size_t>(port)]);
  }
  return outputs;
}

/// Both ways of every step (measured ones too) against LibTorch; the report of the first.
CompileReport check(Made made, double tolerance = 1e-4, Precision precision = Precision::kF32) {
  Model model = std::move(made.builder).finish();
  draw_missing(model, 5);
  torch::NoGradGuard no_gradient;
  const auto want = run_eagerly(model, made.inputs);
  CompileReport report;
  for (const bool measure : {true, false}) {
    const Program program = compile(
        model,
        {.precision = precision, .threads = 2, .measure = measure, .budget_s = 1, .cache = {}});
    const auto got = program.run(made.inputs);
    for (size_t k = 0; k < want.size(); ++k) {
      const at::Tensor have = to_torch(got[k]);
      const double scale =
          want[k].isnan().all().item<bool>() ? 1 : want[k].nan_to_num().abs().max().item<double>();
      EXPECT_TRUE(at::allclose(have, want[k], tolerance, tolerance * scale, true))
          << "output " << k << ", off by " << (have - want[k]).abs().max().item<double>();
    }
    report = program.report();
  }
  return report;
}

std::vector<std::string> steps(const CompileReport& report) {
  std::vector<std::string> list;
  for (const auto& step : report.steps) list.push_back(step.what);
  return list;
}

class EveryPost : public testing::TestWithParam<bool> {};

TEST_P(EveryPost, OfOneOperand) {
  const bool map = GetParam();
  const UnaryFn fns[] = {UnaryFn::kRelu, UnaryFn::kRelu6,      UnaryFn::kSigmoid,
                         UnaryFn::kTanh, UnaryFn::kSilu,       UnaryFn::kMish,
                         UnaryFn::kSelu, UnaryFn::kHardSwish,  UnaryFn::kHardSigmoid,
                         UnaryFn::kExp,  UnaryFn::kSquare,     UnaryFn::kAbs,
                         UnaryFn::kNeg,  UnaryFn::kReciprocal, UnaryFn::kRound};
  for (const UnaryFn fn : fns) {
    SCOPED_TRACE(std::string(ops::kUnaryFnNames[static_cast<size_t>(fn)]));
    Made m;
    const Value x = m.input(map ? Shape{2, 5, 6, 7} : Shape{3, 7});
    const Value y = map ? m.builder.conv("layer", x, {.out = 19, .kernel = {3}, .padding = {1}})
                        : m.builder.linear("layer", x, 9);
    // Away from the jumps of rounding and the pole of 1 / x.
    const Value moved = fn == UnaryFn::kReciprocal
                            ? m.builder.binary("moved", BinaryFn::kAdd, y, m.builder.scalar("k", 9))
                            : y;
    m.builder.output("y", m.builder.unary("f", fn, moved));
    check(std::move(m));
  }
}

TEST_P(EveryPost, OperandsOnEitherSide) {
  const bool map = GetParam();
  const Shape result = map ? Shape{2, 19, 6, 7} : Shape{3, 19};
  const Shape channels = map ? Shape{19, 1, 1} : Shape{19};
  for (const BinaryFn fn : {BinaryFn::kAdd, BinaryFn::kSub, BinaryFn::kMul, BinaryFn::kDiv,
                            BinaryFn::kMin, BinaryFn::kMax}) {
    for (const Shape& shape : {result, channels, Shape{}}) {
      for (const bool swapped : {false, true}) {
        for (const bool known : {false, true}) {
          SCOPED_TRACE(fmt::format("{} {}{}{}", ops::kBinaryFnNames[static_cast<size_t>(fn)],
                                   to_string(shape), swapped ? " swapped" : "",
                                   known ? " known" : ""));
          Made m;
          const Value x = m.input(map ? Shape{2, 5, 6, 7} : Shape{3, 5});
          const Value y = map ? m.builder.conv("layer", x, {.out = 19, .kernel = {1}})
                              : m.builder.linear("layer", x, 19);
          const Value shifted =
              m.builder.binary("shifted", BinaryFn::kAdd, y, m.builder.scalar("k", 9));
          const at::Tensor other = torch::rand(shape) + 1;
          const Value z = known ? m.builder.constant("other", from_torch(other)) : m.input(other);
          const Value f = swapped ? m.builder.binary("f", fn, z, shifted)
                                  : m.builder.binary("f", fn, shifted, z);
          m.builder.output("y", m.builder.relu("relu", f));
          check(std::move(m));
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(OneDnn, EveryPost, testing::Bool(),
                         [](const auto& of) { return of.param ? "Conv" : "Linear"; });

TEST(Products, PostsJoinALinear) {
  Made m;
  const Value x = m.input(Shape{4, 10, 32});
  const Value y = m.builder.linear("linear", x, 48);
  const Value gelu = m.builder.add("gelu", ops::Gelu{}, {y});
  m.builder.output("y", m.builder.sum("sum", gelu, m.input(Shape{4, 10, 48})));
  const auto report = check(std::move(m));
  EXPECT_EQ(steps(report), (std::vector<std::string>{"linear 32 -> 48, 40 rows + Gelu + add"}));
}

TEST(Products, OfVectorsWithPosts) {
  for (const auto& [a, b] : std::vector<std::pair<Shape, Shape>>{{{2, 3, 4}, {4}},
                                                                 {{3, 4}, {4}},
                                                                 {{4}, {4}},
                                                                 {{4}, {2, 4, 5}},
                                                                 {{2, 1, 3, 4}, {5, 4, 6}}}) {
    SCOPED_TRACE(to_string(a) + to_string(b));
    Made m;
    const Value y = m.builder.add("product", ops::MatMul{}, {m.input(a), m.input(b)});
    const Shape shape = m.builder.type(y).shape;
    const Shape last = shape.empty() ? Shape{} : Shape{shape.back()};
    const Value sum = m.builder.sum("sum", y, m.input(last));
    m.builder.output("y", m.builder.relu("relu", m.builder.sum("more", sum, m.input(shape))));
    check(std::move(m));
  }
}

TEST(Products, OfSizesThatAreMeasured) {
  for (const int64_t rows : {1, 7, 130}) {
    Made m;
    const Value x = m.input(Shape{rows, 300});
    const Value y = m.builder.relu("relu", m.builder.linear("one", x, 200));
    m.builder.output("y", m.builder.linear("two", y, 10, false));
    const Value b =
        m.builder.param("b", {.shape = {300, 70}, .init = ops::InitKind::kNormal, .value = 1});
    m.builder.output("z", m.builder.add("product", ops::MatMul{}, {x, b}));
    check(std::move(m));
  }
}

TEST(Products, OfNothing) {
  for (const auto& [a, b] :
       std::vector<std::pair<Shape, Shape>>{{{0, 3}, {3, 4}}, {{2, 3}, {3, 0}}, {{0, 2, 3}, {3}}}) {
    Made m;
    m.builder.output("y", m.builder.add("product", ops::MatMul{}, {m.input(a), m.input(b)}));
    Model model = std::move(m.builder).finish();
    const auto y = compile(model, {.cache = {}}).run(m.inputs);
    EXPECT_EQ(y[0].elements(), 0);
  }
}

TEST(Products, OfWholeNumbers) {
  Made m;
  const auto numbers = [](at::IntArrayRef shape) {
    return torch::randint(-9, 9, shape, torch::kLong);
  };
  m.builder.output("y", m.builder.add("product", ops::MatMul{},
                                      {m.input(numbers({2, 3, 4})), m.input(numbers({4, 5}))}));
  m.builder.output("z", m.builder.add("vector", ops::MatMul{},
                                      {m.input(numbers({2, 3, 4})), m.input(numbers({4}))}));
  Model model = std::move(m.builder).finish();
  const auto got = compile(model, {.cache = {}}).run(m.inputs);
  const auto want = run_eagerly(model, m.inputs);
  for (size_t k = 0; k < 2; ++k) EXPECT_TRUE(at::equal(to_torch(got[k]), want[k]));
}

TEST(Products, InBf16) {
  if (!onednn::has_bf16()) GTEST_SKIP() << "this CPU has no bf16";
  Made m;
  const Value x = m.input(Shape{2, 40, 64});
  const Value y = m.builder.add("gelu", ops::Gelu{}, {m.builder.linear("one", x, 96)});
  const Value q = m.builder.linear("q", y, 64), k = m.builder.linear("k", y, 64);
  m.builder.output("y", m.builder.add("attention", ops::Attention{.causal = true}, {q, k, x}));
  m.builder.output("z", m.builder.lstm("lstm", x, {.hidden = 20}));
  check(std::move(m), 3e-2, Precision::kBf16);
}

TEST(AttentionSteps, ManyHeadsAreDoneAFewAtATime) {
  Made m;
  const Shape shape{2, 5, 500, 16};
  m.builder.output("y", m.builder.add("attention", ops::Attention{.has_mask = true},
                                      {m.input(shape), m.input(shape), m.input(shape),
                                       m.input(torch::randn({2, 1, 500, 500}))}));
  const auto report = check(std::move(m));
  EXPECT_GT(report.steps.size(), 3u);
  EXPECT_LT(report.arena_bytes, 10 << 20);
}

TEST(AttentionSteps, WhatSeesNothingIsNotANumber) {
  const float never = -std::numeric_limits<float>::infinity();
  const at::Tensor shown = torch::tensor({1, 0, 0, 1}, torch::kBool).reshape({4, 1});
  const at::Tensor added = torch::tensor({0.F, never, 1.F, never}).reshape({4, 1}).expand({4, 9});
  for (const at::Tensor& mask : {shown, shown.expand({4, 9}), added, added.slice(1, 0, 1)}) {
    for (const bool causal : {false, true}) {
      Made m;
      m.builder.output(
          "y", m.builder.add("attention", ops::Attention{.causal = causal, .has_mask = true},
                             {m.input(Shape{3, 4, 8}), m.input(Shape{3, 9, 8}),
                              m.input(Shape{3, 9, 5}), m.input(mask.contiguous())}));
      check(std::move(m));
    }
  }
}

TEST(RecurrentSteps, LayersOfLargerSizes) {
  for (const ops::Cell cell : {ops::Cell::kLstm, ops::Cell::kGru, ops::Cell::kRnnTanh}) {
    for (const int64_t batch : {1, 5}) {
      Made m;
      const RecurrentOptions options{.hidden = 24, .layers = 2, .bidirectional = batch == 5};
      const Value x = m.input(Shape{batch, 30, 17});
      const Value y = cell == ops::Cell::kLstm  ? m.builder.lstm("cells", x, options)
                      : cell == ops::Cell::kGru ? m.builder.gru("cells", x, options)
                                                : m.builder.rnn("cells", x, options, cell);
      m.builder.output("y", y);
      m.builder.output("h", {y.node, 1});
      check(std::move(m));
    }
  }
}

}  // namespace
}  // namespace rung
