#include "rung/exec/eager/trace.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "rung/base/expect_error.h"
#include "rung/exec/eager/module.h"
#include "rung/graph/rewrite.h"
#include "rung/graph/taps.h"
#include "rung/join/plan.h"

namespace rung {
namespace {

namespace nn = torch::nn;
namespace F = torch::nn::functional;

nn::Conv2d conv3(int64_t in, int64_t out, int64_t stride = 1) {
  return nn::Conv2d(nn::Conv2dOptions(in, out, 3).stride(stride).padding(1).bias(false));
}

struct BasicBlock : nn::Module {
  BasicBlock(int64_t in, int64_t out, int64_t stride)
      : conv1(conv3(in, out, stride)), bn1(out), conv2(conv3(out, out)), bn2(out) {
    register_module("conv1", conv1);
    register_module("bn1", bn1);
    register_module("conv2", conv2);
    register_module("bn2", bn2);
    if (stride != 1 || in != out) {
      const auto options = nn::Conv2dOptions(in, out, 1).stride(stride).bias(false);
      downsample = nn::Sequential(nn::Conv2d(options), nn::BatchNorm2d(out));
      register_module("downsample", downsample);
    }
  }
  at::Tensor forward(const at::Tensor& x) {
    auto out = torch::relu(bn1->forward(conv1->forward(x)));
    out = bn2->forward(conv2->forward(out));
    out += downsample.is_empty() ? x : downsample->forward(x);
    return torch::relu_(out);
  }
  nn::Conv2d conv1;
  nn::BatchNorm2d bn1;
  nn::Conv2d conv2;
  nn::BatchNorm2d bn2;
  nn::Sequential downsample{nullptr};
};

//   conv1 ── bn1 ── relu ── maxpool ── layer1 ── layer2 ── avgpool ── fc
struct ResNet : nn::Module {
  ResNet()
      : conv1(conv3(3, 8, 2)),
        bn1(8),
        maxpool(nn::MaxPool2dOptions(3).stride(2).padding(1)),
        avgpool(nn::AdaptiveAvgPool2dOptions({1, 1})),
        fc(16, 5) {
    layer1 = nn::Sequential(BasicBlock(8, 8, 1), BasicBlock(8, 8, 1));
    layer2 = nn::Sequential(BasicBlock(8, 16, 2), BasicBlock(16, 16, 1));
    register_module("conv1", conv1);
    register_module("bn1", bn1);
    register_module("relu", relu);
    register_module("maxpool", maxpool);
    register_module("layer1", layer1);
    register_module("layer2", layer2);
    register_module("avgpool", avgpool);
    register_module("fc", fc);
  }
  at::Tensor stem(const at::Tensor& x) { return maxpool(relu(bn1->forward(conv1->forward(x)))); }
  at::Tensor forward(const at::Tensor& x) {
    auto y = layer2->forward(layer1->forward(stem(x)));
    y = avgpool(y);
    return fc(y.view({y.size(0), -1}));
  }
  nn::Conv2d conv1;
  nn::BatchNorm2d bn1;
  nn::ReLU relu;
  nn::MaxPool2d maxpool;
  nn::Sequential layer1{nullptr}, layer2{nullptr};
  nn::AdaptiveAvgPool2d avgpool;
  nn::Linear fc;
};

std::string names(const Model& model) {
  std::string out;
  for (const auto& node : model.graph.nodes()) {
    if (!is_leaf(node.op)) out += node.name + "\n";
  }
  return out;
}

/// The same values as the module in evaluation.
template <typename M>
void expect_same(const Model& model, M& module, const std::vector<at::Tensor>& inputs) {
  const at::NoGradGuard no_grad;
  module.eval();
  Module net(model);
  net->eval();
  const auto forward = [&](const auto&... x)
    requires requires { module.forward(x...); }
  { return module.forward(x...); };
  const auto expected = detail::call_with(forward, inputs);
  const auto got = net->forward(inputs);
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    ASSERT_EQ(got[i].sizes(), expected[i].sizes());
    EXPECT_TRUE(at::allclose(got[i], expected[i], 1e-4, 1e-5)) << i;
  }
}

TEST(Trace, ResNetHasItsModulesNames) {
  torch::manual_seed(1);
  ResNet net;
  const Model model = trace(net, {torch::zeros({1, 3, 64, 64})});
  EXPECT_EQ(names(model),
            "conv1\nbn1\nrelu\nmaxpool\n"
            "layer1.0.conv1\nlayer1.0.bn1\nlayer1.0.relu\nlayer1.0.conv2\nlayer1.0.bn2\n"
            "layer1.0.add\nlayer1.0.relu_2\n"
            "layer1.1.conv1\nlayer1.1.bn1\nlayer1.1.relu\nlayer1.1.conv2\nlayer1.1.bn2\n"
            "layer1.1.add\nlayer1.1.relu_2\n"
            "layer2.0.conv1\nlayer2.0.bn1\nlayer2.0.relu\nlayer2.0.conv2\nlayer2.0.bn2\n"
            "layer2.0.downsample.0\nlayer2.0.downsample.1\nlayer2.0.add\nlayer2.0.relu_2\n"
            "layer2.1.conv1\nlayer2.1.bn1\nlayer2.1.relu\nlayer2.1.conv2\nlayer2.1.bn2\n"
            "layer2.1.add\nlayer2.1.relu_2\n"
            "avgpool\nflatten\nfc\n");
  EXPECT_TRUE(net.is_training());
  EXPECT_TRUE(net.bn1->is_training());
}

TEST(Trace, ResNetGivesItsValuesAtOtherSizes) {
  torch::manual_seed(2);
  ResNet net;
  const Model model = trace(net, {torch::zeros({1, 3, 64, 64})});
  expect_same(model, net, {torch::randn({1, 3, 64, 64})});
  expect_same(model, net, {torch::randn({3, 3, 65, 47})});
}

TEST(Trace, TapsAreWhatThePartsGive) {
  torch::manual_seed(3);
  ResNet net;
  const Model model = trace(net, {torch::zeros({1, 3, 64, 64})});
  const auto x = torch::randn({2, 3, 33, 39});
  net.eval();
  const at::NoGradGuard no_grad;
  const auto layer1 = net.layer1->forward(net.stem(x));
  const auto got = taps(model, {"layer1", "layer2"}, x);
  EXPECT_TRUE(at::allclose(got[0], layer1, 1e-4, 1e-5));
  EXPECT_TRUE(at::allclose(got[1], net.layer2->forward(layer1), 1e-4, 1e-5));
}

TEST(Trace, SharesParametersAndStatistics) {
  torch::manual_seed(4);
  ResNet net;
  Module module(trace(net, {torch::zeros({1, 3, 32, 32})}));
  const auto x = torch::randn({4, 3, 32, 32});
  module->train();
  net.train();
  module->forward(x).square().sum().backward();
  const auto gradient = net.conv1->weight.grad().clone();
  EXPECT_GT(gradient.abs().sum().item<double>(), 0);
  net.zero_grad();
  net.forward(x).square().sum().backward();
  EXPECT_TRUE(at::allclose(net.conv1->weight.grad(), gradient, 1e-3, 1e-4));
  EXPECT_TRUE(module->weights().at("bn1.running_mean").is_alias_of(net.bn1->running_mean));
  torch::optim::SGD optimizer(net.parameters(), 0.1);
  module->eval();
  net.eval();
  const auto before = module->forward(x).detach();
  optimizer.step();
  EXPECT_FALSE(at::allclose(module->forward(x), before));
  EXPECT_TRUE(at::allclose(module->forward(x), net.forward(x), 1e-4, 1e-5));
}

TEST(Trace, SequentialTakesExactNames) {
  nn::Sequential net(conv3(3, 4), nn::ReLU(), nn::MaxPool2d(2), conv3(4, 4), nn::ReLU(),
                     nn::Dropout(0.3), nn::AdaptiveAvgPool2d(1), nn::Flatten(), nn::Linear(4, 2));
  const Model model = trace(*net, {torch::zeros({2, 3, 16, 16})});
  EXPECT_EQ(names(model), "0\n1\n2\n3\n4\n5\n6\n7\n8\n");
  expect_same(model, *net, {torch::randn({3, 3, 17, 21})});
}

TEST(Trace, InterpolatesToAnotherTensorsSize) {
  struct Net : nn::Module {
    Net() {
      down = register_module("down", conv3(3, 4, 2));
      up = register_module("up", conv3(7, 2));
    }
    at::Tensor forward(const at::Tensor& x) {
      auto y =
          F::interpolate(torch::relu(down(x)), F::InterpolateFuncOptions()
                                                   .size(std::vector<int64_t>{x.size(2), x.size(3)})
                                                   .mode(torch::kBilinear)
                                                   .align_corners(false));
      return up(torch::cat({y, x}, 1));
    }
    nn::Conv2d down{nullptr}, up{nullptr};
  } net;
  const Model model = trace(net, {torch::zeros({1, 3, 32, 32})});
  expect_same(model, net, {torch::randn({2, 3, 27, 45})});
}

TEST(Trace, InterpolatesToAnotherTensorsCorners) {
  const auto f = [](const at::Tensor& x) {
    const auto y = torch::max_pool2d(x, 2);
    const auto options = F::InterpolateFuncOptions()
                             .size(std::vector<int64_t>{x.size(2), x.size(3)})
                             .mode(torch::kBilinear)
                             .align_corners(true);
    return F::interpolate(y, options) + x;
  };
  const Model model = trace(f, {torch::rand({1, 3, 32, 32})});
  const auto x = torch::randn({2, 3, 27, 45});
  Module net(model);
  EXPECT_TRUE(at::allclose(net->forward(x), f(x), 1e-4, 1e-5));
}

//   tokens ── embed ──┐
//        └─ 0 … T-1 ── places ── add
struct Places : nn::Module {
  Places() : embed(11, 4), places(32, 4) {
    register_module("embed", embed);
    register_module("places", places);
  }
  at::Tensor forward(const at::Tensor& tokens) {
    return embed(tokens) + places(torch::arange(tokens.size(1)));
  }
  nn::Embedding embed, places;
};

TEST(Trace, CountsPlacesAtOtherLengths) {
  Places net;
  const auto tokens = [](int64_t batch, int64_t time) {
    return torch::randint(0, 11, {batch, time}, at::kLong);
  };
  const Model model = trace(net, {tokens(2, 7)});
  expect_same(model, net, {tokens(3, 12)});
}

// The second half of an odd axis is shorter than the first: no size of a graph follows that.
TEST(Trace, SaysWhichSizeItCannotFollow) {
  const auto halves = [](const at::Tensor& x) {
    const auto parts = x.chunk(2, 2);
    return parts[0].sum({2}) * parts[1].sum({2});
  };
  const Model model = trace(halves, {torch::randn({1, 3, 16, 8})});
  Module net(model);
  const auto batch = torch::randn({4, 3, 16, 9});
  EXPECT_TRUE(at::allclose(net->forward(batch), halves(batch), 1e-4, 1e-5));
  const auto message = user_error([&] { net->forward(torch::randn({1, 3, 18, 8})); });
  EXPECT_NE(message.find("input 'input' has size 18 on axis 2, but the network holds at size 16"),
            std::string::npos)
      << message;
  EXPECT_NE(message.find("a graph cannot follow"), std::string::npos) << message;
  const std::map<std::string, TensorType, std::less<>> taller{
      {"input", TensorType(DType::kF32, {1, 3, 18, 8}, map_roles(4))}};
  EXPECT_NE(user_error([&] { retype(model.graph, taller); }).find("holds at size 16 only"),
            std::string::npos);
}

/// What a traced function says at another size, or what it gives wrong.
std::string at_other_size(const TraceFunction& f, const Shape& traced, const Shape& other) {
  const Model model = trace_function(nullptr, f, {torch::randn(traced)});
  Module net(model);
  const at::Tensor x = torch::randn(other);
  std::string message;
  try {
    const at::Tensor got = net->forward(std::vector<at::Tensor>{x})[0];
    const at::Tensor expected = f({x})[0];
    const bool same = got.sizes() == expected.sizes() && at::allclose(got, expected, 1e-4, 1e-5);
    return same ? "the same" : "WRONG";
  } catch (const Error& error) {
    return std::string(error.what()).find("holds at size") == std::string::npos ? error.what()
                                                                                : "held";
  }
}

// However small the traced size, a half of it is no number of its own.
TEST(Trace, AHalfOfASizeIsFollowedOrHeld) {
  for (const int64_t size : {8, 14, 15}) {
    const auto half = [](const std::vector<at::Tensor>& in) {
      return std::vector<at::Tensor>{in[0].slice(2, 0, in[0].size(2) / 2)};
    };
    EXPECT_EQ(at_other_size(half, {1, 3, size}, {1, 3, 20}), "held") << size;
    const auto pooled = [](const std::vector<at::Tensor>& in) {
      const int64_t h = in[0].size(2) / 2;
      return std::vector<at::Tensor>{at::adaptive_avg_pool2d(in[0], {h, h})};
    };
    EXPECT_EQ(at_other_size(pooled, {1, 3, size, size}, {1, 3, 20, 20}), "held") << size;
  }
}

TEST(Trace, ABranchOnASizeIsHeld) {
  const auto even = [](const std::vector<at::Tensor>& in) {
    const bool odd = in[0].size(2) % 2 != 0;
    return std::vector<at::Tensor>{
        at::max_pool2d(odd ? at::constant_pad_nd(in[0], {0, 0, 0, 1}) : in[0], {2, 2})};
  };
  EXPECT_EQ(at_other_size(even, {1, 3, 16, 8}, {1, 3, 17, 8}), "held");
  EXPECT_EQ(at_other_size(even, {1, 3, 16, 8}, {1, 3, 16, 12}), "the same");
  const auto either = [](const std::vector<at::Tensor>& in) {
    const bool small = in[0].size(1) == 8 || in[0].size(2) == 6;
    return std::vector<at::Tensor>{small ? at::relu(in[0]) : at::tanh(in[0])};
  };
  EXPECT_EQ(at_other_size(either, {1, 8, 6}, {1, 9, 7}), "held");
}

//   x [N, T, 6] ─ view [N·T, 6] ─ linear ─ relu ─ norm ─┬─ (+ 1) ─ view [N, T, 2, 2]
//                                                       └─ mean
TEST(Trace, WhatWasFlattenedIsCutAgainIntoTwoSizesThatVary) {
  const auto f = [](const std::vector<at::Tensor>& in) {
    const at::Tensor& x = in[0];
    at::Tensor y = at::linear(x.reshape({-1, 6}), at::ones({4, 6}).tril(1), at::ones({4}));
    y = at::layer_norm(at::relu(y), {4});
    return std::vector<at::Tensor>{(y + 1).view({x.size(0), x.size(1), 2, 2}), y.mean(0)};
  };
  EXPECT_EQ(at_other_size(f, {2, 5, 6}, {3, 7, 6}), "the same");
}

TEST(Trace, RollsAlongAxesThatAreFree) {
  const auto f = [](const std::vector<at::Tensor>& in) {
    return std::vector<at::Tensor>{at::roll(in[0], {-3, 2}, {1, -1})};
  };
  EXPECT_EQ(at_other_size(f, {2, 8, 6}, {3, 9, 7}), "the same");
  const Model model = trace_function(nullptr, f, {torch::randn({2, 8, 6})});
  for (const auto& node : model.graph.nodes()) {
    EXPECT_FALSE(std::holds_alternative<ops::Opaque>(node.op)) << node.name;
  }
}

TEST(Trace, ANumberMadeOfTwoSizesIsHeld) {
  const auto f = [](const std::vector<at::Tensor>& in) {
    return std::vector<at::Tensor>{in[0] * ((in[0].size(1) - 8) * (in[0].size(2) - 6) + 1)};
  };
  EXPECT_EQ(at_other_size(f, {1, 8, 6}, {1, 9, 7}), "held");
}

TEST(Trace, ASizeThatTheFunctionAsksForIsHeld) {
  const auto f = [](const std::vector<at::Tensor>& in) {
    TORCH_CHECK(in[0].size(1) == 8, "eight");
    return std::vector<at::Tensor>{in[0].sum(1) / 8};
  };
  EXPECT_EQ(at_other_size(f, {1, 8}, {1, 9}), "held");
}

// 64, 65 and 95 pixels are two rows of 32: what is as large as those is no number.
TEST(Trace, SizesBehindALargeStrideAreFollowed) {
  const auto f = [](const std::vector<at::Tensor>& in) {
    const at::Tensor y = at::avg_pool2d(in[0], {32, 32});
    const auto size = F::InterpolateFuncOptions()
                          .size(std::vector<int64_t>{y.size(2), y.size(3)})
                          .mode(torch::kNearest);
    return std::vector<at::Tensor>{y * F::interpolate(in[0], size)};
  };
  EXPECT_EQ(at_other_size(f, {1, 3, 64, 64}, {2, 3, 130, 97}), "the same");
}

TEST(Trace, RolesOfInputsAreReadOffTheLayers) {
  const auto f = [](const at::Tensor& x) {
    const at::Tensor bright = x / 255;
    return at::conv2d(bright.permute({0, 3, 1, 2}), at::ones({4, 3, 3, 3}));
  };
  const auto roles = [](const Model& model) {
    return model.graph.type({model.graph.inputs()[0], 0}).roles;
  };
  const std::vector<at::Tensor> picture = {torch::randn({1, 16, 16, 3})};
  EXPECT_EQ(roles(trace(f, picture)),
            (Roles{Role::kBatch, Role::kSpace, Role::kSpace, Role::kChannel}));
  EXPECT_EQ(roles(trace(f, picture, {.input_roles = {map_roles(4)}})), map_roles(4));
}

// The batch of a state and of what it belongs to: neither takes another size alone.
TEST(Trace, SizesThatFitOnlyTogetherAreFree) {
  const auto f = [](const at::Tensor& x, const at::Tensor& state) {
    return at::tanh(at::cat({x, state[0]}, 1));
  };
  const Model model = trace(f, {torch::randn({2, 5}), torch::randn({1, 2, 4})});
  for (const NodeId id : model.graph.inputs()) {
    EXPECT_TRUE(model.graph.op_as<ops::Input>(id)->fixed.empty()) << model.graph.node(id).name;
  }
  Module net(model);
  const auto x = torch::randn({3, 5}), state = torch::randn({1, 3, 4});
  EXPECT_TRUE(at::allclose(net->forward(std::vector<at::Tensor>{x, state})[0], f(x, state)));
}

TEST(Trace, InputsOfOneSizeMayDiffer) {
  const auto f = [](const at::Tensor& a, const at::Tensor& b) {
    return a.sum() * at::arange(b.size(1), b.options()) + b;
  };
  const Model model = trace(f, {torch::randn({1, 5}), torch::randn({1, 5})});
  Module net(model);
  const auto a = torch::randn({1, 5}), b = torch::randn({1, 7});
  const auto got = net->forward(std::vector<at::Tensor>{a, b})[0];
  ASSERT_EQ(got.sizes(), b.sizes());
  EXPECT_TRUE(at::allclose(got, f(a, b), 1e-4, 1e-5));
}

TEST(Trace, ABranchOnValuesIsRefused) {
  const auto f = [](const at::Tensor& x) {
    return x.max().item<float>() > 1 ? x / 255 : at::relu(x);
  };
  const auto message =
      error_of(ErrorKind::kUnsupported, [&] { trace(f, {torch::rand({1, 4}) * 255}); });
  EXPECT_NE(message.find("it cannot branch on values"), std::string::npos) << message;
}

// A wire takes the place of an input, and what that held stays held.
TEST(Trace, AHeldSizeStaysHeldBehindAWire) {
  const auto half = [](const at::Tensor& x) { return x.slice(2, 0, x.size(2) / 2); };
  const Model behind = trace(half, {torch::randn({1, 4, 14, 8})}, {.input_roles = {map_roles(4)}});
  nn::Sequential front(nn::Conv2d(nn::Conv2dOptions(3, 4, 3).padding(1)));
  const Model before = trace(*front, {torch::randn({1, 3, 14, 8})});
  const Model joined = join({before.named("enc"), behind.named("dec")})
                           .wire("enc/output", "dec/input")
                           .plan()
                           .apply();
  Module net(joined);
  EXPECT_EQ(net->forward(torch::randn({1, 3, 14, 9})).sizes(), (at::IntArrayRef{1, 4, 7, 9}));
  const auto message = user_error([&] { net->forward(torch::randn({1, 3, 20, 8})); });
  EXPECT_NE(
      message.find("input 'enc/input' has size 20 on axis 2, but the network holds at size 14"),
      std::string::npos)
      << message;
}

TEST(Trace, AFrozenOpaqueNormKeepsItsStatistics) {
  nn::Sequential plain(nn::Conv2d(3, 4, 1),
                       nn::InstanceNorm2d(nn::InstanceNorm2dOptions(4).track_running_stats(true)));
  const Model model = trace(*plain, {torch::randn({2, 3, 6, 6})});
  const auto mean_moves = [&](bool frozen) {
    Module net(std::dynamic_pointer_cast<ModuleImpl>(Module(model)->clone()));
    if (frozen) net->freeze({"*"});
    net->train();
    net->forward(torch::randn({2, 3, 6, 6}) + 1);
    for (const auto& [name, weight] : net->weights()) {
      if (name.ends_with("running_mean")) return !at::equal(weight, at::zeros_like(weight));
    }
    return false;
  };
  EXPECT_TRUE(mean_moves(false));
  EXPECT_FALSE(mean_moves(true));
}

TEST(Trace, RecurrentLayers) {
  nn::LSTM lstm(nn::LSTMOptions(5, 7).num_layers(2).batch_first(true));
  const Model model = trace(*lstm, {torch::zeros({2, 6, 5})});
  EXPECT_EQ(model.graph.type({model.graph.inputs()[0], 0}).roles, sequence_roles());
  expect_same(model, *lstm, {torch::randn({3, 9, 5})});
  nn::GRU gru(5, 7);
  const Model times_first = trace(*gru, {torch::zeros({6, 2, 5})});
  expect_same(times_first, *gru, {torch::randn({9, 3, 5})});
}

TEST(Trace, TransformerLayerAtOtherLengths) {
  nn::TransformerEncoderLayer layer(nn::TransformerEncoderLayerOptions(8, 2).dim_feedforward(16));
  const Model model = trace(*layer, {torch::zeros({5, 2, 8})});
  EXPECT_NE(names(model).find("self_attn.in_proj\n"), std::string::npos) << names(model);
  expect_same(model, *layer, {torch::randn({7, 3, 8})});
}

TEST(Trace, FunctionsOfSeveralTensors) {
  const auto f = [](const at::Tensor& a, const at::Tensor& b) {
    return std::make_tuple(a * 2 - b, torch::softmax(a, 1));
  };
  const Model model = trace(f, {torch::zeros({2, 3}), torch::zeros({2, 3})});
  Module net(model);
  const auto a = torch::randn({4, 3}), b = torch::randn({4, 3});
  const auto got = net->forward(std::vector<at::Tensor>{a, b});
  EXPECT_TRUE(at::allclose(got[0], a * 2 - b));
  EXPECT_TRUE(at::allclose(got[1], torch::softmax(a, 1)));
}

TEST(Trace, WhatRungHasNoOpForRuns) {
  struct Net : nn::Module {
    Net() { conv = register_module("conv", conv3(2, 2)); }
    at::Tensor forward(const at::Tensor& x, const at::Tensor& grid) {
      return F::grid_sample(conv(x), grid, F::GridSampleFuncOptions().align_corners(false));
    }
    nn::Conv2d conv{nullptr};
  } net;
  const Model model = trace(net, {torch::randn({1, 2, 8, 8}), torch::rand({1, 8, 8, 2})});
  EXPECT_NE(names(model).find("grid_sampler"), std::string::npos) << names(model);
  expect_same(model, net, {torch::randn({1, 2, 8, 8}), torch::rand({1, 8, 8, 2})});
}

TEST(Trace, RefusesTensorsFromOutside) {
  for (const bool weight : {true, false}) {
    const auto outside = torch::randn({3}, at::TensorOptions().requires_grad(weight));
    const auto scaled = [&](const at::Tensor& x) { return x * outside; };
    const auto message = user_error([&] { trace(scaled, {torch::zeros({2, 3})}); });
    EXPECT_NE(message.find("neither an input nor registered"), std::string::npos) << message;
  }
}

TEST(Trace, RefusesWritingIntoParts) {
  const auto writes = [](const at::Tensor& x) {
    auto y = x * 2;
    y.select(0, 0).zero_();
    return y + 1;
  };
  const auto message =
      error_of(ErrorKind::kUnsupported, [&] { trace(writes, {torch::ones({2, 3})}); });
  EXPECT_NE(message.find("wrote into its memory"), std::string::npos) << message;
}

}  // namespace
}  // namespace rung
