// What changes a Module: freezing, modes, devices and types, copies; and the sizes it takes.
#include <torch/torch.h>

#include "rung/base/expect_error.h"
#include "rung/exec/eager/module.h"
#include "rung/graph/builder.h"

namespace rung {
namespace {

//  x ── layer1.conv ── layer1.bn ── layer2.norm (no weights) ── layer2.conv ── y
Model two_layers() {
  Builder b;
  Value x = b.input("x", Shape{4, 3, 6, 6});
  x = b.batch_norm("layer1.bn", b.conv("layer1.conv", x, {.out = 3, .bias = false}));
  const auto statistic = [&](const std::string& name, ops::InitKind init) {
    return b.param("layer2.norm." + name, {.shape = {3}, .init = init, .buffer = true});
  };
  const Value mean = statistic("running_mean", ops::InitKind::kZeros);
  const Value variance = statistic("running_var", ops::InitKind::kOnes);
  x = b.add("layer2.norm", ops::BatchNorm{.affine = false}, {x, mean, variance});
  b.output("y", b.conv("layer2.conv", x, {.out = 2, .kernel = {1}}));
  return std::move(b).finish();
}

at::Tensor statistic(const Module& net, const std::string& name) {
  return net->weights().at(name).clone();
}

TEST(ModuleFreeze, CountsWhatItFreezesAndKeepsTheStatistics) {
  Module net(two_layers());
  EXPECT_EQ(net->freeze({"layer1.*"}), 3u);  // conv.weight, bn.weight, bn.bias
  EXPECT_FALSE(net->weights().at("layer1.conv.weight").requires_grad());
  EXPECT_TRUE(net->weights().at("layer2.conv.weight").requires_grad());

  net->forward(torch::randn({4, 3, 6, 6})).sum().backward();
  EXPECT_FALSE(net->weights().at("layer1.conv.weight").grad().defined());
  EXPECT_TRUE(net->weights().at("layer2.conv.weight").grad().defined());
  EXPECT_TRUE(at::equal(statistic(net, "layer1.bn.running_mean"), at::zeros({3})));
  EXPECT_FALSE(at::equal(statistic(net, "layer2.norm.running_mean"), at::zeros({3})));
}

TEST(ModuleFreeze, ReachesNormsWithoutWeights) {
  Module net(two_layers());
  EXPECT_EQ(net->freeze({"layer2"}), 2u);  // conv.weight, conv.bias
  net->forward(torch::randn({4, 3, 6, 6}));
  EXPECT_TRUE(at::equal(statistic(net, "layer2.norm.running_mean"), at::zeros({3})));
  EXPECT_FALSE(at::equal(statistic(net, "layer1.bn.running_mean"), at::zeros({3})));
}

TEST(ModuleFreeze, AHalfFrozenNormStillLearns) {
  Module net(two_layers());
  EXPECT_EQ(net->freeze({"layer1.bn.bias"}), 1u);
  net->forward(torch::randn({4, 3, 6, 6}));
  EXPECT_FALSE(at::equal(statistic(net, "layer1.bn.running_mean"), at::zeros({3})));
}

TEST(ModuleFreeze, RefusesWhatMatchesNothing) {
  Module net(two_layers());
  EXPECT_EQ(user_error([&] {
              net->freeze({"layer1.*", "layr2"});
            }).substr(0, 63),
            "'layr2' matches no weight to freeze; the nearest names are 'lay");
  EXPECT_EQ(user_error([&] { net->freeze({"layer2.norm"}); }).substr(0, 41),
            "'layer2.norm' matches no weight to freeze");
  EXPECT_TRUE(net->weights().at("layer1.conv.weight").requires_grad()) << "all or nothing";
}

TEST(ModuleState, CloneIsANetworkOfItsOwn) {
  Module net(two_layers());
  net->freeze({"layer1"});
  net->eval();
  const auto copy = std::dynamic_pointer_cast<ModuleImpl>(net->clone());
  ASSERT_NE(copy, nullptr);
  const at::Tensor x = torch::randn({4, 3, 6, 6});
  EXPECT_FALSE(copy->is_training());
  EXPECT_TRUE(at::equal(copy->forward(x), net->forward(x)));
  EXPECT_FALSE(copy->weights().at("layer1.bn.weight").requires_grad());
  torch::NoGradGuard no_grad;
  copy->weights().at("layer2.conv.bias").add_(1);
  EXPECT_FALSE(at::equal(copy->forward(x), net->forward(x)));
}

struct Outer : torch::nn::Cloneable<Outer> {
  void reset() override { inner = register_module("inner", rung::Module(two_layers())); }
  Outer() { reset(); }
  rung::Module inner{nullptr};
};

TEST(ModuleState, ClonesInsideAnotherModule) {
  Outer outer;
  torch::NoGradGuard no_grad;
  outer.inner->weights().at("layer2.conv.bias").fill_(5);
  const auto copy = std::dynamic_pointer_cast<Outer>(outer.clone());
  const auto& bias = copy->inner->weights().at("layer2.conv.bias");
  EXPECT_TRUE(at::equal(bias, at::full({2}, 5.0f)));
  EXPECT_FALSE(bias.is_same(outer.inner->weights().at("layer2.conv.bias")));
  EXPECT_TRUE(copy->named_parameters().contains("inner.layer2.conv.bias"));
}

TEST(ModuleState, MovesItsConstantsWithItsWeights) {
  Builder b;
  const Value x = b.input("x", Shape{1, 2});
  const Value scale = b.constant("scale", Tensor::f32({2}, {2, 3}));
  b.output("y", b.linear("fc", b.binary("mul", ops::BinaryFn::kMul, x, scale), 2));
  Module net(std::move(b).finish());
  net->to(at::kDouble);
  const at::Tensor y = net->forward(at::ones({1, 2}, at::kDouble));
  EXPECT_EQ(y.scalar_type(), at::kDouble);
  EXPECT_EQ(user_error([&] {
              net->forward(at::ones({1, 2}));
            }),
            "input 'x' has the wrong dtype: it is f32[1, 2], but the network takes f64[N, 2]");
  EXPECT_EQ(net->model().weights.at("fc.weight").dtype(), DType::kF32);
  const auto copy = std::dynamic_pointer_cast<ModuleImpl>(net->clone());
  EXPECT_TRUE(at::equal(copy->forward(at::ones({1, 2}, at::kDouble)), y));
}

TEST(ModuleState, CastsFollowTheNetworkToItsType) {
  Builder b;
  const Value x = b.input("x", TensorType{DType::kI64, {2, 3}, Roles(2, Role::kNone)});
  const Value seen = b.add("cast", ops::Cast{.dtype = DType::kF32}, {x});
  const Value places = b.add("places", ops::ArangeLike{.axis = 1, .dtype = DType::kF32}, {x});
  b.output("y", b.linear("fc", b.binary("add", ops::BinaryFn::kAdd, seen, places), 2));
  b.output("whole", b.add("whole", ops::Cast{.dtype = DType::kI32}, {seen}));
  Module net(std::move(b).finish());
  const std::vector<at::Tensor> in = {at::arange(6, at::kLong).view({2, 3})};
  const at::Tensor single = net->forward(in)[0];
  for (const auto type : {at::kDouble, at::kBFloat16}) {
    net->to(type);
    const auto out = net->forward(in);
    EXPECT_EQ(out[0].scalar_type(), type);
    EXPECT_TRUE(at::allclose(out[0].to(at::kFloat), single, 0.02, 0.02));
    EXPECT_EQ(out[1].scalar_type(), at::kInt) << "whole numbers stay whole";
  }
}

TEST(ModuleState, DropoutActsInTrainingOnly) {
  Builder b;
  b.output("y", b.dropout("drop", b.input("x", Shape{1, 64}), 0.5));
  Module net(std::move(b).finish());
  const at::Tensor x = at::ones({1, 64});
  EXPECT_FALSE(at::equal(net->forward(x), x));
  net->eval();
  EXPECT_TRUE(at::equal(net->forward(x), x));
}

//  x ── down (stride 2) ── up (resize like x) ──┐
//  └────────────────────────────────────────── sum ── y
TEST(ModuleState, TakesAnySizeThatTheOpsTake) {
  Builder b;
  const Value x = b.input("x", Shape{1, 3, 16, 16});
  const Value down = b.conv("down", x, {.out = 3, .stride = {2}, .padding = {1}});
  const Value up = b.add("up", ops::ResizeLike{.axes = {2, 3}, .like_axes = {2, 3}}, {down, x});
  b.output("y", b.sum("sum", x, up));
  Module net(std::move(b).finish());
  for (const auto& [height, width] : {std::pair{225, 319}, {1, 1}, {7, 2}, {16, 16}}) {
    const at::Tensor y = net->forward(at::ones({2, 3, height, width}));
    EXPECT_EQ(y.sizes(), at::IntArrayRef({2, 3, height, width}));
  }
}

TEST(ModuleErrors, NameTheNodeItsOpAndItsInputs) {
  Builder b;
  const Value x = b.input("x", Shape{1, 3, 16, 16});
  const Value y = b.input("y", Shape{1, 3, 16, 16});
  b.output("z", b.sum("a/join.sum", x, y));
  Module net(std::move(b).finish());
  const std::vector<at::Tensor> in = {at::ones({1, 3, 16, 16}), at::ones({1, 3, 16, 15})};
  EXPECT_EQ(user_error([&] { net->forward(in); }),
            "cannot run node 'a/join.sum': add on (f32[1, 3, 16, 16], f32[1, 3, 16, 15]): The size "
            "of tensor a (16) must match the size of tensor b (15) at non-singleton dimension 3");
}

TEST(ModuleErrors, OfInputs) {
  Builder b;
  const Value x = b.input("image", Shape{1, 3, 8, 8});
  const Value k = b.input("index", TensorType{DType::kI64, {1}, {Role::kBatch}});
  b.output("y", b.relu("relu", x));
  b.output("k", k);
  Module net(std::move(b).finish());
  const at::Tensor image = at::ones({1, 3, 8, 8}), index = at::zeros({1}, at::kLong);
  const auto message = [&](const TensorMap& in) { return user_error([&] { net->forward(in); }); };
  EXPECT_EQ(message({{"image", image}}),
            "input 'index' is missing; the network takes 'image', 'index'");
  EXPECT_EQ(message({{"image", image}, {"index", index}, {"imag", image}}),
            "the network has no input 'imag'; it takes 'image', 'index'");
  EXPECT_EQ(message({{"image", image[0]}, {"index", index}}),
            "input 'image' has the wrong rank: it is f32[3, 8, 8], but the network takes "
            "f32[N, 3, 8, 8]");
  EXPECT_EQ(message({{"image", image.to(at::kByte)}, {"index", index}}),
            "input 'image' has the wrong dtype: it is u8[1, 3, 8, 8], but the network takes "
            "f32[N, 3, 8, 8]");
  EXPECT_EQ(message({{"image", image}, {"index", at::Tensor()}}),
            "input 'index' has no value: it is undefined, but the network takes i64[N]");
  EXPECT_EQ(user_error([&] { net->forward(image); }),
            "the network takes 2 inputs ('image', 'index'), not one");
  EXPECT_EQ(user_error([&] { net->forward(std::vector<at::Tensor>{image}); }),
            "the network takes 2 inputs ('image', 'index'), not 1");
}

TEST(ModuleErrors, OfNetworksThatCannotBeModules) {
  Model model = two_layers();
  model.weights["layer2.conv.bias"] = Tensor::f32({3}, {1, 2, 3});
  EXPECT_EQ(user_error([&] { Module net(model); }),
            "weight 'layer2.conv.bias' is f32[3], but the network needs f32[2]");
  Builder b;
  b.output("y", b.sum("s", b.input("x", Shape{1}), b.param("a..b", {.shape = {1}})));
  const Model empty_part = std::move(b).finish();
  EXPECT_EQ(user_error([&] { Module net(empty_part); }),
            "weight 'a..b' has an empty part in its name");
  Builder silent;
  silent.input("x", Shape{1});
  Module none(std::move(silent).finish());
  EXPECT_EQ(user_error([&] { none->forward(at::ones({1})); }),
            "the network has no output; read its taps");
}

TEST(ModuleErrors, ABatchOfOneHasNoStatistics) {
  Builder b;
  b.output("y", b.batch_norm("bn", b.input("x", Shape{4, 3})));
  Module net(std::move(b).finish());
  EXPECT_EQ(user_error([&] {
              net->forward(at::ones({1, 3}));
            }),
            "cannot run node 'bn': BatchNorm on (f32[1, 3], f32[3], f32[3], f32[3], f32[3]): a "
            "batch norm in training needs more than one value per channel; use a larger batch, or "
            "eval()");
  net->eval();
  EXPECT_NO_THROW(net->forward(at::ones({1, 3})));
}

}  // namespace
}  // namespace rung
