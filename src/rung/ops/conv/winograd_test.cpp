// The Winograd kernels, on random problems beside a direct convolution in double precision: odd
// maps, down to one pixel, channels that fill no block, batches, threads, sums and positive parts.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "rung/base/rng.h"
#include "rung/exec/onednn/program.h"
#include "rung/ops/kernel.h"
#include "support/every_way.h"

namespace rung {
namespace {

/// x -> conv [-> relu] [-> + conv'(x)] [-> relu] -> y: 3×3, one stride and pad.
struct Problem {
  int64_t images, in, out, height, width, pad, stride;
  bool bias, relu, sum, relu_behind;
  int64_t out_height() const { return (height + 2 * pad - 3) / stride + 1; }
  int64_t out_width() const { return (width + 2 * pad - 3) / stride + 1; }
};

Problem draw(uint64_t seed) {
  Rng rng(seed, "winograd");
  Problem p{};
  p.images = rng.integer(1, 3);
  p.in = rng.integer(4, 80);  // one and three are read row-major
  p.out = rng.integer(4, 80);
  p.pad = rng.integer(0, 1);
  p.stride = rng.uniform() < 0.8 ? 1 : 2;
  p.height = rng.integer(3 - 2 * p.pad, 17);
  p.width = rng.integer(3 - 2 * p.pad, 17);
  p.bias = rng.uniform() < 0.5;
  p.relu = rng.uniform() < 0.3;
  p.sum = rng.uniform() < 0.5;
  p.relu_behind = rng.uniform() < 0.5;
  return p;
}

struct Case {
  Problem p;
  Model model;
  Tensor x;
  std::vector<double> want;
  double scale = 0;  ///< RMS of a result whose terms are independent: never near zero
};

Tensor random_tensor(const Shape& shape, double scale, Rng& rng) {
  Tensor made(DType::kF32, shape);
  for (float& number : made.as<float>()) number = static_cast<float>(rng.normal() * scale);
  return made;
}

/// Adds conv(x) to `sums`; returns the mean of the sums of squares of their terms.
double convolve(const Problem& p, const Tensor& x, const Tensor& weight,
                std::vector<double>& sums) {
  const auto pixels = x.as<float>(), taps = weight.as<float>();
  double squares = 0;
  size_t at = 0;
  for (int64_t n = 0; n < p.images; ++n) {
    for (int64_t o = 0; o < p.out; ++o) {
      for (int64_t i = 0; i < p.out_height() * p.out_width(); ++i, ++at) {
        const int64_t y = i / p.out_width() * p.stride - p.pad;
        const int64_t u = i % p.out_width() * p.stride - p.pad;
        for (int64_t tap = 0; tap < 9 * p.in; ++tap) {
          const int64_t c = tap / 9, row = y + tap % 9 / 3, column = u + tap % 3;
          if (row < 0 || row >= p.height || column < 0 || column >= p.width) continue;
          const double term = static_cast<double>(pixels[static_cast<size_t>(
                                  ((n * p.in + c) * p.height + row) * p.width + column)]) *
                              taps[static_cast<size_t>(o * 9 * p.in + tap)];
          sums[at] += term;
          squares += term * term;
        }
      }
    }
  }
  return squares / static_cast<double>(sums.size());
}

Case make(uint64_t seed) {
  Case made{.p = draw(seed)};
  const Problem& p = made.p;
  Rng rng(seed, "winograd numbers");
  Graph& graph = made.model.graph;
  const Shape shape = {p.images, p.in, p.height, p.width};
  made.x = random_tensor(shape, 1, rng);
  const Value x{graph.add("x", ops::Input{.type = {DType::kF32, shape}}, {}), 0};
  const auto param = [&](const std::string& name, const Shape& sizes, double scale) {
    made.model.weights[name] = random_tensor(sizes, scale, rng);
    return Value{graph.add(name, ops::Param{.shape = sizes}, {}), 0};
  };
  const Shape sizes = {p.out, p.in, 3, 3};
  const double scale = 1 / std::sqrt(9 * static_cast<double>(p.in));
  const ops::Conv op{.stride = {p.stride}, .padding = {p.pad}};
  std::vector<Value> operands = {x, param("weight", sizes, scale)};
  if (p.bias) operands.push_back(param("bias", {p.out}, 1));
  Value y{graph.add("conv", op, operands), 0};
  const int64_t pixels = p.out_height() * p.out_width();
  made.want.assign(static_cast<size_t>(p.images * p.out * pixels), 0);
  double squares = convolve(p, made.x, made.model.weights["weight"], made.want);
  for (size_t i = 0; i < made.want.size(); ++i) {
    const auto channel = static_cast<int64_t>(i) / pixels % p.out;
    if (p.bias) made.want[i] += made.model.weights["bias"].at(channel);
    if (p.relu) made.want[i] = std::max(made.want[i], 0.0);
  }
  if (p.relu) y = {graph.add("relu", ops::Unary{}, {y}), 0};
  if (p.sum) {
    const Value other{graph.add("other", op, {x, param("other.weight", sizes, scale)}), 0};
    squares += convolve(p, made.x, made.model.weights["other.weight"], made.want);
    y = {graph.add("add", ops::Binary{}, {y, other}), 0};
  }
  if (p.relu_behind) {
    y = {graph.add("last", ops::Unary{}, {y}), 0};
    for (double& number : made.want) number = std::max(number, 0.0);
  }
  graph.add_output("y", y);
  made.scale = std::sqrt(squares);
  return made;
}

/// The largest error of each way.
using Errors = std::map<std::string, double>;

void run(uint64_t seed, CompileOptions options, Errors& errors) {
  const Case made = make(seed);
  options.threads = 1 + static_cast<int>(seed % 3);
  testing::with_every_way(made.model, options, [&](const Program& program) {
    const std::vector<Tensor> got = program.run({made.x});
    double squares = 0;
    for (size_t i = 0; i < made.want.size(); ++i) {
      const double error = got[0].at(static_cast<int64_t>(i)) - made.want[i];
      squares += error * error;  // NaN stays
    }
    const double error = std::sqrt(squares / static_cast<double>(made.want.size())) / made.scale;
    std::set<std::string> ways;
    for (const auto& step : program.report().steps) {
      if (step.what.starts_with("conv")) ways.insert(step.way);
    }
    if (ways.size() != 1) return;  // whose error it is cannot be told
    double& worst = errors[*ways.begin() + (made.p.stride == 2 ? " / 2" : "")];
    worst = error <= worst ? worst : error;
  });
}

Errors run_all(const CompileOptions& options) {
  Errors errors;
  for (uint64_t seed = 0; seed < 48; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    run(seed, options, errors);
  }
  for (const auto& [way, error] : errors) {
    ::testing::Test::RecordProperty(way, fmt::format("{:.2e}", error));
  }
  return errors;
}

TEST(Winograd, F32) {
  if (!onednn::has_tiles(DType::kF32)) GTEST_SKIP() << "these kernels need AVX-512 and its bf16";
  Errors errors = run_all({});
  EXPECT_LE(errors.at("winograd 2x2"), 6e-7);
  EXPECT_LE(errors.at("winograd 2x2 / 2"), 6e-7);
  EXPECT_LE(errors.at("winograd 4x4"), 2e-6);
}

TEST(Winograd, Bf16) {
  if (!onednn::has_tiles(DType::kBF16)) GTEST_SKIP() << "these kernels need AVX-512 and its bf16";
  Errors errors = run_all({.precision = Precision::kBf16});
  EXPECT_LE(errors.at("winograd 2x2"), 8e-3);
  EXPECT_LE(errors.at("winograd 2x2 / 2"), 8e-3);
  EXPECT_FALSE(errors.contains("winograd 4x4"));  // nobody asked for it
  errors = run_all({.precision = Precision::kBf16, .fast_bf16 = true});
  EXPECT_LE(errors.at("winograd 4x4"), 1.8e-2);
}

}  // namespace
}  // namespace rung
