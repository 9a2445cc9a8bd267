// Every way to do a convolution or an LSTM that measuring chooses among, on random problems: each
// alone, against LibTorch. What is measured cannot be told in advance, so all of it must be right.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <limits>
#include <set>

#include "rung/base/error.h"
#include "rung/base/rng.h"
#include "rung/exec/eager/convert.h"
#include "rung/exec/eager/module.h"
#include "rung/exec/onednn/program.h"
#include "rung/ops/kernel.h"
#include "support/every_way.h"

namespace rung {
namespace {

struct Drawn {
  Model model;
  std::vector<Tensor> inputs;
  std::string text;
  /// A random one, as an input of the graph.
  Value input(const std::string& name, const Shape& shape, Rng& rng) {
    Tensor& tensor = inputs.emplace_back(DType::kF32, shape);
    for (float& number : tensor.as<float>()) number = static_cast<float>(rng.normal());
    return {model.graph.add(name, ops::Input{.type = {DType::kF32, shape}}, {}), 0};
  }
};

ops::Param param(Model& model, const std::string& name, const Shape& shape, Rng& rng,
                 bool positive = false) {
  Tensor tensor(DType::kF32, shape);
  const double scale =
      1 / std::sqrt(std::max<double>(1, element_count(shape) / std::max<int64_t>(shape[0], 1)));
  for (float& number : tensor.as<float>()) {
    number = static_cast<float>(positive ? rng.uniform(0.5, 2) : rng.normal() * scale);
  }
  model.weights[name] = tensor;
  return {.shape = shape};
}

/// x -> 1×1 -> [norm -> relu ->] conv -> [+ x'] -> [relu] -> y, with random sizes and weights.
Drawn draw_convolution(uint64_t seed) {
  Rng rng(seed, "ways");
  Drawn drawn;
  Model& model = drawn.model;
  Graph& graph = model.graph;
  const auto weight = [&](const std::string& name, const Shape& shape, bool positive = false) {
    return Value{graph.add(name, param(model, name, shape, rng, positive), {}), 0};
  };
  const bool product = rng.uniform() < 0.4, norm = rng.uniform() < (product ? 0.8 : 0.2);
  const int64_t in = product && norm ? 16 * rng.integer(1, 9) : rng.integer(1, 90);
  const int64_t out = product && norm ? 16 * rng.integer(1, 6) : rng.integer(1, 90);
  const int64_t pad = product ? 0 : rng.integer(0, 1), kernel = product ? 1 : 3;
  const int64_t least = kernel - 2 * pad;  // pixels that a window needs
  const Shape shape = {rng.integer(1, 3), in, rng.integer(least, 30), rng.integer(least, 30)};
  Value x = drawn.input("x", shape, rng);
  x = {graph.add("first", ops::Conv{}, {x, weight("first.weight", {in, in, 1, 1})}), 0};
  Value y = x;
  if (norm) {
    y = {graph.add("norm", ops::BatchNorm{},
                   {y, weight("norm.weight", {in}), weight("norm.bias", {in}),
                    weight("norm.mean", {in}), weight("norm.var", {in}, true)}),
         0};
    if (rng.uniform() < 0.7) y = {graph.add("norm.relu", ops::Unary{}, {y}), 0};
  }
  const ops::Conv conv{.stride = {rng.integer(1, 2)}, .padding = {pad}};
  std::vector<Value> operands = {y, weight("conv.weight", {out, in, kernel, kernel})};
  if (rng.uniform() < 0.5) operands.push_back(weight("conv.bias", {out}));
  y = {graph.add("conv", conv, operands), 0};
  const bool relu_first = rng.uniform() < 0.3, sum = rng.uniform() < 0.5;
  if (relu_first) y = {graph.add("relu", ops::Unary{}, {y}), 0};
  if (sum) {
    const Value other{
        graph.add("other", conv, {x, weight("other.weight", {out, in, kernel, kernel})}), 0};
    y = {graph.add("add", ops::Binary{}, {y, other}), 0};
  }
  if (rng.uniform() < 0.5) y = {graph.add("last", ops::Unary{}, {y}), 0};
  graph.add_output("y", y);
  drawn.text = print(graph);
  return drawn;
}

/// A recurrent op, with random sizes, weights, states and directions.
Drawn draw_recurrent(uint64_t seed) {
  Rng rng(seed, "ways");
  Drawn drawn;
  const auto cell = rng.uniform() < 0.7 ? ops::Cell::kLstm : ops::Cell::kRnnTanh;
  const ops::Recurrent op{.cell = cell,
                          .hidden = rng.integer(1, 40),
                          .layers = rng.integer(1, 2),
                          .bidirectional = rng.uniform() < 0.4,
                          .batch_first = rng.uniform() < 0.7,
                          .bias = rng.uniform() < 0.7,
                          .has_state = rng.uniform() < 0.5};
  const int64_t batch = rng.integer(1, 15), time = rng.integer(1, 9), width = rng.integer(1, 40);
  const int64_t directions = op.bidirectional ? 2 : 1, rows = ops::gate_count(cell) * op.hidden;
  const Shape x = op.batch_first ? Shape{batch, time, width} : Shape{time, batch, width};
  const Shape state = {op.layers * directions, batch, op.hidden};
  std::vector<Value> operands = {drawn.input("x", x, rng)};
  if (op.has_state) operands.push_back(drawn.input("h0", state, rng));
  if (op.has_state && cell == ops::Cell::kLstm) {
    operands.push_back(drawn.input("c0", state, rng));
  }
  for (int64_t layer = 0; layer < op.layers; ++layer) {
    const int64_t in = layer == 0 ? width : directions * op.hidden;
    for (int64_t d = 0; d < directions; ++d) {
      std::vector<Shape> shapes = {{rows, in}, {rows, op.hidden}};
      if (op.bias) shapes.insert(shapes.end(), 2, {rows});
      for (const Shape& shape : shapes) {
        const std::string name = fmt::format("w{}", operands.size());
        operands.push_back(
            {drawn.model.graph.add(name, param(drawn.model, name, shape, rng), {}), 0});
      }
    }
  }
  const NodeId made = drawn.model.graph.add("cells", op, operands);
  for (int32_t k = 0; k < (cell == ops::Cell::kLstm ? 3 : 2); ++k) {
    drawn.model.graph.add_output("out" + std::to_string(k), {made, k});
  }
  drawn.text = print(drawn.model.graph);
  return drawn;
}

double relative_rms(const at::Tensor& got, const at::Tensor& want) {
  const double scale = want.square().mean().sqrt().item<double>();
  return (got - want).square().mean().sqrt().item<double>() / std::max(scale, 1e-6);
}

/// Every way's program is right.
void check(const Drawn& drawn, int threads, Precision precision, double bound,
           std::set<std::string>& seen) {
  const std::vector<Tensor> want = run_eagerly(drawn.model, drawn.inputs);
  const CompileOptions options{.precision = precision, .threads = threads};
  testing::with_every_way(drawn.model, options, [&](const Program& program) {
    std::string ways;
    for (const auto& step : program.report().steps) {
      const bool strided = step.what.find(" / 2") != std::string::npos;
      seen.insert(step.way + (strided ? " / 2" : ""));
      ways += "\n  " + step.what + ": " + step.way;
    }
    const std::vector<Tensor> got = program.run(drawn.inputs);
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i < got.size(); ++i) {
      ASSERT_LE(relative_rms(to_torch(got[i]), to_torch(want[i])), bound) << drawn.text << ways;
    }
  });
}

class ConvolutionWays : public ::testing::TestWithParam<Precision> {};

TEST_P(ConvolutionWays, AreAllRight) {
  const bool narrow = GetParam() == Precision::kBf16;
  if (narrow && !onednn::has_tiles(DType::kBF16)) GTEST_SKIP() << "this CPU has no bf16";
  std::set<std::string> seen;
  for (uint64_t seed = 0; seed < 90; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    ASSERT_NO_THROW(check(draw_convolution(seed), static_cast<int>(seed % 3) + 1, GetParam(),
                          narrow ? 0.03 : 1e-5, seen));
    if (HasFailure()) return;
  }
  if (!onednn::has_tiles(DType::kF32)) return;
  for (const auto* way : {"winograd 2x2", "winograd 2x2 / 2", "columns", "columns / 2"}) {
    EXPECT_TRUE(seen.contains(way)) << way;
  }
  EXPECT_NE(narrow, seen.contains("winograd 4x4"));
  EXPECT_TRUE(narrow || seen.contains("jit:avx512_core"));
}

TEST(RecurrentWays, AreAllRight) {
  std::set<std::string> seen;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    ASSERT_NO_THROW(
        check(draw_recurrent(seed), static_cast<int>(seed % 3) + 1, Precision::kF32, 1e-5, seen));
    if (HasFailure()) return;
  }
  EXPECT_TRUE(seen.contains("packed"));
  EXPECT_TRUE(seen.contains("row-major weights"));
  EXPECT_EQ(seen.contains("cells"), onednn::has_tiles(DType::kF32));
}

TEST(RecurrentWays, SaturateAndKeepNan) {
  // Sums beyond every bound of the functions, of both signs, and one that is no number.
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<float> numbers = {1e3F,      -1e3F,      1e30F,        -1e30F,
                                      kInfinity, -kInfinity, std::nanf("")};
  const auto count = static_cast<int64_t>(numbers.size());
  Rng rng(1, "ways");
  Drawn drawn;
  const Value x = drawn.input("x", {count, 2, 1}, rng);
  for (int64_t i = 0; i < count; ++i) drawn.inputs[0].set(2 * i, numbers[static_cast<size_t>(i)]);
  std::vector<Value> operands = {x};
  for (const Shape& shape : {Shape{20, 1}, Shape{20, 5}, Shape{20}, Shape{20}}) {
    const std::string name = fmt::format("w{}", operands.size());
    operands.push_back({drawn.model.graph.add(name, param(drawn.model, name, shape, rng), {}), 0});
  }
  drawn.model.graph.add_output(
      "y", {drawn.model.graph.add("cells", ops::Recurrent{.hidden = 5}, operands), 0});
  const at::Tensor want = to_torch(run_eagerly(drawn.model, drawn.inputs)[0]);
  const at::Tensor got =
      to_torch(compile(drawn.model, {.measure = false, .cache = {}}).run(drawn.inputs)[0]);
  EXPECT_TRUE(want[count - 1].isnan().all().item<bool>());
  EXPECT_TRUE(torch::allclose(got, want, 1e-5, 1e-6, /*equal_nan=*/true)) << got << want;
}

INSTANTIATE_TEST_SUITE_P(OneDnn, ConvolutionWays,
                         ::testing::Values(Precision::kF32, Precision::kBf16));

}  // namespace
}  // namespace rung
