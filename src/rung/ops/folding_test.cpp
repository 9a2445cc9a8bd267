// Pools, resizes, norms, reductions and softmax, compiled, at sizes that fill vectors, blocks,
// pieces and threads, and do not fit them: against LibTorch, row-major and in blocks, as floats and
// as bf16.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <limits>

#include "rung/base/error.h"
#include "rung/exec/eager/convert.h"
#include "rung/exec/onednn/program.h"
#include "rung/ops/eager.h"
#include "rung/ops/onednn.h"

namespace rung {
namespace {

using ops::AdaptivePool;
using ops::GroupNorm;
using ops::InstanceNorm;
using ops::LayerNorm;
using ops::Pool;
using ops::PoolKind;
using ops::Reduce;
using ops::ReduceKind;
using ops::Resize;
using ops::ResizeLike;
using ops::ResizeMode;
using ops::Softmax;

struct SizedCase {
  Op op;
  Shape x;
  std::vector<Shape> others = {};
};

std::vector<SizedCase> pools() {
  const Shape map = {2, 37, 33, 70};
  std::vector<SizedCase> out;
  for (const auto kind : {PoolKind::kMax, PoolKind::kAverage}) {
    out.push_back({Pool{.kind = kind, .kernel = {2}}, map});
    out.push_back({Pool{.kind = kind, .kernel = {3}, .stride = {2}, .padding = {1}}, map});
    out.push_back({Pool{.kind = kind, .kernel = {5}, .stride = {1}, .padding = {2}}, map});
    out.push_back({Pool{.kind = kind, .kernel = {3}, .stride = {2}, .ceil_mode = true}, map});
    out.push_back({Pool{.kind = kind,
                        .kernel = {3, 2},
                        .padding = {1, 1},
                        .ceil_mode = true,
                        .count_include_pad = false},
                   map});
    out.push_back({Pool{.kind = kind, .kernel = {1, 33}, .stride = {1}}, map});
    out.push_back({Pool{.kind = kind, .kernel = {2}}, {1, 24, 12, 16, 20}});
    out.push_back({Pool{.kind = kind, .kernel = {4}, .stride = {3}}, {1, 5, 300}});
    for (const Shape& size : {Shape{1, 1}, Shape{7, 7}, Shape{40, 3}}) {
      out.push_back({AdaptivePool{.kind = kind, .size = size}, map});
    }
    out.push_back({AdaptivePool{.kind = kind, .size = {1, 1}}, {1, 3, 224, 224}});
  }
  out.push_back({Pool{.kernel = {3}, .stride = {1}, .padding = {1}, .dilation = {3}}, map});
  return out;
}

std::vector<SizedCase> resizes() {
  const Shape map = {1, 35, 19, 45};
  std::vector<SizedCase> out;
  for (const auto mode :
       {ResizeMode::kNearest, ResizeMode::kLinear, ResizeMode::kCubic, ResizeMode::kArea}) {
    out.push_back({Resize{.mode = mode, .scale = {2, 2}}, map});
    out.push_back({Resize{.mode = mode, .scale = {0.5, 1}}, map});
    out.push_back({Resize{.mode = mode, .scale = {1.03, 2.7}}, map});
    out.push_back({Resize{.mode = mode, .size = {150, 33}}, map});
    out.push_back({ResizeLike{.axes = {2, 3}, .like_axes = {0, 1}, .mode = mode}, map, {{19, 90}}});
    out.push_back(
        {ResizeLike{.axes = {0, 2}, .like_axes = {0, 1}, .mode = mode}, {5, 6, 40, 21}, {{9, 25}}});
    if (mode == ResizeMode::kCubic) continue;
    out.push_back({Resize{.mode = mode, .scale = {2, 2, 2}}, {1, 18, 9, 10, 20}});
    out.push_back({Resize{.mode = mode, .scale = {3}}, {2, 3, 200}});
    out.push_back({ResizeLike{.axes = {1}, .like_axes = {0}, .mode = mode}, {2, 50, 43}, {{77}}});
  }
  for (const auto mode : {ResizeMode::kLinear, ResizeMode::kCubic}) {
    out.push_back({Resize{.mode = mode, .size = {64, 130}, .align_corners = true}, map});
  }
  return out;
}

std::vector<SizedCase> norms() {
  std::vector<SizedCase> out;
  out.push_back({LayerNorm{}, {3, 50, 768}, {{768}, {768}}});
  out.push_back({LayerNorm{.affine = false}, {3, 50, 37}});
  out.push_back({LayerNorm{.axes = 2}, {2, 3, 45, 70}, {{45, 70}, {45, 70}}});
  for (const int64_t groups : {1, 3, 6, 48}) {
    out.push_back({GroupNorm{.groups = groups}, {2, 48, 67, 71}, {{48}, {48}}});
  }
  out.push_back({GroupNorm{.groups = 5, .affine = false}, {2, 35, 130}});
  out.push_back({GroupNorm{.groups = 8}, {6, 64}, {{64}, {64}}});
  out.push_back({InstanceNorm{}, {2, 19, 67, 71}, {{19}, {19}}});
  out.push_back({InstanceNorm{.affine = false}, {1, 32, 9, 31, 40}});
  return out;
}

std::vector<SizedCase> reductions() {
  const Shape map = {2, 37, 33, 70};
  std::vector<SizedCase> out;
  for (size_t i = 0; i < names(ReduceKind{}).size(); ++i) {
    const auto kind = static_cast<ReduceKind>(i);
    if (kind == ReduceKind::kArgMax) continue;
    for (const bool keep : {false, true}) {
      out.push_back({Reduce{.kind = kind, .axes = {2, 3}, .keep_axes = keep}, map});
    }
    out.push_back({Reduce{.kind = kind, .axes = {1}}, map});
    out.push_back({Reduce{.kind = kind, .axes = {0, 2}}, map});
    out.push_back({Reduce{.kind = kind, .axes = {1, 3}}, map});
    out.push_back({Reduce{.kind = kind, .axes = {-1}}, {700, 5}});
    out.push_back({Reduce{.kind = kind}, {40, 50, 60}});
  }
  for (const int64_t axis : {0, 1, 2, 3}) {
    out.push_back({Reduce{.kind = ReduceKind::kArgMax, .axes = {axis}}, map});
  }
  for (const bool log : {false, true}) {
    out.push_back({Softmax{.axis = -1, .log = log}, {4, 33, 197}});
    out.push_back({Softmax{.axis = 1, .log = log}, map});
    out.push_back({Softmax{.axis = 0, .log = log}, {300, 11}});
  }
  return out;
}

at::Tensor drawn(const Shape& shape, bool odd_values) {
  at::Tensor x = at::randn(shape) + 0.3;
  if (!odd_values) return x;
  const auto u = at::rand(shape);
  x.masked_fill_(u < 0.002, std::numeric_limits<double>::quiet_NaN());
  x.masked_fill_((u > 0.5).logical_and(u < 0.502), -std::numeric_limits<double>::infinity());
  return x.masked_fill(u > 0.998, std::numeric_limits<double>::infinity());
}

/// A convolution that changes nothing, which leaves a map in blocks.
at::Tensor identity(const Shape& x) {
  Shape shape(x.size(), 1);
  shape[0] = shape[1] = x[1];
  return at::eye(x[1]).reshape(shape).contiguous();
}

void expect_near(const at::Tensor& have, const at::Tensor& want, Precision precision) {
  ASSERT_EQ(have.sizes(), want.sizes());
  ASSERT_EQ(have.scalar_type(), want.scalar_type());
  if (!want.is_floating_point()) {
    EXPECT_TRUE(at::equal(have, want));
    return;
  }
  const at::Tensor finite = want.masked_select(want.isfinite());
  const double scale = finite.numel() == 0 ? 1 : finite.abs().max().item<double>();
  const double near = precision == Precision::kBf16 ? 1.2e-2 : 2e-5;
  EXPECT_TRUE(at::allclose(have, want, near, near * scale, true))
      << "off by " << (have - want).abs().max().item<double>() << " of " << scale;
}

void check(const SizedCase& c, bool blocked, bool odd_values, Precision precision) {
  SCOPED_TRACE(to_string(c.op) + " of " + to_string(c.x) + (blocked ? ", blocked" : "") +
               (odd_values ? ", with NaN" : "") + (precision == Precision::kBf16 ? ", bf16" : ""));
  Model model;
  at::Tensor x = drawn(c.x, odd_values);
  // bf16 holds these exactly, so that arg_max chooses among the same.
  if (precision == Precision::kBf16) x = x.to(at::kBFloat16).to(at::kFloat);
  std::vector<Tensor> in = {from_torch(x)};
  Value value{model.graph.add("x", ops::Input{.type = {DType::kF32, c.x}}, {}), 0};
  if (blocked) {
    const at::Tensor eye = identity(c.x);
    const auto weight = model.graph.add("eye", ops::Param{.shape = from_torch(eye).shape()}, {});
    model.weights["eye"] = from_torch(eye);
    value = {model.graph.add("conv", ops::Conv{}, {value, {weight, 0}}), 0};
    x = at::matmul(eye.reshape({c.x[1], c.x[1]}), x.flatten(2)).reshape(c.x);
  }
  std::vector<Value> operands = {value};
  std::vector<at::Tensor> eager_in = {x};
  for (const Shape& shape : c.others) {
    const std::string name = "w" + std::to_string(eager_in.size());
    eager_in.push_back(at::randn(shape));
    operands.push_back({model.graph.add(name, ops::Param{.shape = shape}, {}), 0});
    model.weights[name] = from_torch(eager_in.back());
  }
  model.graph.add_output("y", {model.graph.add("op", c.op, operands), 0});
  const Program program =
      compile(model, {.precision = precision, .threads = 2, .measure = false, .cache = {}});
  expect_near(to_torch(program.run(in)[0]), run(c.op, eager_in, {})[0], precision);
}

bool has_bf16() {
  return static_cast<unsigned>(dnnl::get_effective_cpu_isa()) >=
         static_cast<unsigned>(dnnl::cpu_isa::avx512_core);
}

void check_all(const std::vector<SizedCase>& cases, bool odd_values) {
  at::manual_seed(1);
  for (const SizedCase& c : cases) {
    for (const bool blocked : {false, true}) {
      if (blocked && (c.x.size() < 3 || c.x.size() > 5)) continue;
      check(c, blocked, false, Precision::kF32);
      if (odd_values) check(c, blocked, true, Precision::kF32);
      if (has_bf16()) check(c, blocked, false, Precision::kBf16);
    }
  }
}

TEST(Folding, Pools) { check_all(pools(), true); }
TEST(Folding, Resizes) { check_all(resizes(), false); }
TEST(Folding, Norms) { check_all(norms(), false); }
TEST(Folding, Reductions) { check_all(reductions(), true); }

}  // namespace
}  // namespace rung
