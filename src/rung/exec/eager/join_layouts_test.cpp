// Numbers of joins between layouts, beside LibTorch's own code with the same weights.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "rung/exec/eager/module.h"
#include "rung/graph/builder.h"
#include "rung/join/plan.h"

namespace rung {
namespace {

namespace F = torch::nn::functional;

// x [N, 3, H, W] ── conv ── last [N, H, W, 4] ── mlp [N, H, W, 6] ── y
Model channels_last() {
  Builder b;
  const Value x = b.input("x", {DType::kF32, {2, 3, 8, 8}, map_roles(4)});
  const Value conv = b.conv("conv", x, {.out = 4, .padding = {1}});
  const Value last = b.add("last", ops::Transpose{.order = {0, 2, 3, 1}}, {conv});
  b.output("y", b.linear("mlp", last, 6));
  return std::move(b).finish();
}

/// The joined network, its input, and what its ends were before the join.
struct Joined {
  Joined(const std::string& from, const std::string& merge)
      : net(join(channels_last()).skip({.from = from, .to = "mlp", .merge = merge}).plan().apply()),
        x(torch::randn({3, 3, 11, 6})),
        conv(F::conv2d(x, at("conv.weight"),
                       F::Conv2dFuncOptions().bias(at("conv.bias")).padding(1))),
        last(conv.permute({0, 2, 3, 1})),
        mlp(linear(last, "mlp")) {
    net->eval();
  }
  torch::Tensor at(const std::string& name) const { return net->weights().at(name); }
  torch::Tensor linear(const torch::Tensor& value, const std::string& layer) const {
    return F::linear(value, at(layer + ".weight"), at(layer + ".bias"));
  }
  void expect(const torch::Tensor& want) {
    const torch::Tensor have = net->forward(x);
    ASSERT_EQ(have.sizes(), want.sizes());
    EXPECT_LT((have - want).abs().max().item<double>(), 1e-5 * want.abs().max().item<double>());
  }

  Module net;
  torch::Tensor x, conv, last, mlp;
};

TEST(JoinedLayouts, AddProjectsTheLastAxis) {
  Joined join("last", "add");
  join.expect(join.mlp + join.linear(join.last, "skip1.projection"));
}

TEST(JoinedLayouts, AddTurnsAMap) {
  Joined join("conv", "add");
  join.expect(join.mlp + join.linear(join.conv.permute({0, 2, 3, 1}), "skip1.projection"));
}

TEST(JoinedLayouts, ConcatReducesTheLastAxis) {
  Joined join("last", "concat");
  join.expect(join.linear(torch::cat({join.mlp, join.last}, 3), "skip1.reduction"));
}

TEST(JoinedLayouts, FilmIsPerChannelOfTheLastAxis) {
  for (const char* from : {"last", "conv"}) {
    Joined join(from, "film");
    const auto parts = join.linear(join.conv.mean({2, 3}), "skip1.film").chunk(2, 1);
    const auto place = [](const torch::Tensor& v) { return v.unsqueeze(1).unsqueeze(1); };
    join.expect(join.mlp * (1 + place(parts[0])) + place(parts[1]));
  }
}

TEST(JoinedLayouts, GateIsAboutTheLastAxis) {
  Joined join("last", "gate");
  const auto source = join.linear(join.last, "skip1.projection");
  const auto gate = join.linear(torch::cat({join.mlp, source}, 3), "skip1.gate").sigmoid();
  join.expect(join.mlp + gate * source);
}

}  // namespace
}  // namespace rung
