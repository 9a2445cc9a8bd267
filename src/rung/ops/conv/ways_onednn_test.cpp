// Every way to do a convolution that measuring chooses among, on random problems: each alone,
// against LibTorch. What is measured cannot be told in advance, so all of it must be right.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "rung/base/error.h"
#include "rung/base/rng.h"
#include "rung/base/temp_folder.h"
#include "rung/exec/eager/convert.h"
#include "rung/exec/eager/module.h"
#include "rung/exec/onednn/program.h"
#include "rung/ops/conv/tiles.h"

namespace rung {
namespace {

/// x -> 1×1 -> [norm -> relu ->] conv -> [+ x'] -> [relu] -> y, with random sizes and weights.
struct Drawn {
  Model model;
  Tensor input;
  std::string text;
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

Drawn draw(uint64_t seed) {
  Rng rng(seed, "ways");
  Drawn drawn;
  Model& model = drawn.model;
  Graph& graph = model.graph;
  const auto weight = [&](const std::string& name, const Shape& shape, bool positive = false) {
    return Value{graph.add(name, param(model, name, shape, rng, positive), {}), 0};
  };
  const bool product = rng.uniform() < 0.4, norm = rng.uniform() < (product ? 0.8 : 0.2);
  const int64_t in = product ? 16 * rng.integer(1, 9) : rng.integer(1, 90);
  const int64_t out = product ? 16 * rng.integer(1, 6) : rng.integer(1, 90);
  const Shape shape = {rng.integer(1, 3), in, rng.integer(3, 30), rng.integer(3, 30)};
  Value x{graph.add("x", ops::Input{.type = {DType::kF32, shape}}, {}), 0};
  drawn.input = Tensor(DType::kF32, shape);
  for (float& number : drawn.input.as<float>()) number = static_cast<float>(rng.normal());
  x = {graph.add("first", ops::Conv{}, {x, weight("first.weight", {in, in, 1, 1})}), 0};
  Value y = x;
  if (norm) {
    y = {graph.add("norm", ops::BatchNorm{},
                   {y, weight("norm.weight", {in}), weight("norm.bias", {in}),
                    weight("norm.mean", {in}), weight("norm.var", {in}, true)}),
         0};
    if (rng.uniform() < 0.7) y = {graph.add("norm.relu", ops::Unary{}, {y}), 0};
  }
  const int64_t pad = product ? 0 : rng.integer(0, 1), kernel = product ? 1 : 3;
  std::vector<Value> operands = {y, weight("conv.weight", {out, in, kernel, kernel})};
  if (rng.uniform() < 0.5) operands.push_back(weight("conv.bias", {out}));
  y = {graph.add("conv", ops::Conv{.padding = {pad}}, operands), 0};
  const bool relu_first = rng.uniform() < 0.3, sum = rng.uniform() < 0.5;
  if (relu_first) y = {graph.add("relu", ops::Unary{}, {y}), 0};
  if (sum) {
    const ops::Conv same{.padding = {pad}};
    const Value other{
        graph.add("other", same, {x, weight("other.weight", {out, in, kernel, kernel})}), 0};
    y = {graph.add("add", ops::Binary{}, {y, other}), 0};
  }
  if (rng.uniform() < 0.5) y = {graph.add("last", ops::Unary{}, {y}), 0};
  graph.add_output("y", y);
  drawn.text = print(graph);
  return drawn;
}

double relative_rms(const at::Tensor& got, const at::Tensor& want) {
  const double scale = want.square().mean().sqrt().item<double>();
  return (got - want).square().mean().sqrt().item<double>() / std::max(scale, 1e-6);
}

/// Programs in which every step of several ways takes the first, the second, … of them, through a
/// cache that says so.
void check(const Drawn& drawn, Precision precision, double bound, std::set<std::string>& seen) {
  const torch::NoGradGuard no_grad;
  Module eager(drawn.model);
  eager->eval();
  const at::Tensor want = eager->forward(to_torch(drawn.input));
  const TempFolder folder;
  const auto file = folder.path() / "plans.json";
  CompileOptions options{.precision = precision, .threads = 2, .budget_s = 0.01, .cache = file};
  const CompileReport measured = compile(drawn.model, options).report();
  size_t most = 1;
  for (const auto& step : measured.steps) most = std::max(most, step.considered.size());
  const auto all =
      std::filesystem::exists(file) ? nlohmann::json::parse(std::ifstream(file)) : nlohmann::json();
  for (size_t way = 0; way < most; ++way) {
    auto plans = all;
    for (auto& [machine, keys] : plans.items()) {
      for (auto& [key, chosen] : keys.items()) {
        for (const auto& step : measured.steps) {
          if (step.considered.empty() || chosen != step.way) continue;
          const std::string& text = step.considered[way % step.considered.size()];
          if (key.starts_with(step.what))
            chosen = text.substr(0, text.rfind(' ', text.rfind(' ') - 1));
        }
      }
    }
    if (!plans.is_null()) std::ofstream(file) << plans.dump();
    const Program program = compile(drawn.model, options);
    for (const auto& step : program.report().steps) seen.insert(step.way);
    const double error = relative_rms(to_torch(program.run({drawn.input})[0]), want);
    std::string ways;
    for (const auto& step : program.report().steps) ways += "\n  " + step.what + ": " + step.way;
    ASSERT_LE(error, bound) << drawn.text << ways;
  }
}

class ConvolutionWays : public testing::TestWithParam<Precision> {};

TEST_P(ConvolutionWays, AreAllRight) {
  const bool narrow = GetParam() == Precision::kBf16;
  if (narrow && !onednn::has_tiles(DType::kBF16)) GTEST_SKIP() << "this CPU has no bf16";
  std::set<std::string> seen;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    ASSERT_NO_THROW(check(draw(seed), GetParam(), narrow ? 0.03 : 1e-5, seen));
    if (HasFailure()) return;
  }
  if (!onednn::has_tiles(DType::kF32)) return;
  EXPECT_TRUE(seen.contains("winograd 2x2"));
  EXPECT_TRUE(seen.contains("columns"));
  if (!narrow) {
    EXPECT_TRUE(seen.contains("jit_wino_4x3:avx512_core"));
    EXPECT_TRUE(seen.contains("jit:avx512_core"));
  }
}

INSTANTIATE_TEST_SUITE_P(OneDnn, ConvolutionWays,
                         testing::Values(Precision::kF32, Precision::kBf16));

}  // namespace
}  // namespace rung
