#include "rung/exec/eager/module.h"

#include <torch/torch.h>

#include <algorithm>
#include <sstream>

#include "rung/base/expect_error.h"
#include "rung/exec/eager/convert.h"
#include "rung/graph/builder.h"

namespace rung {
namespace {

//  x ── net/stem.conv ── net/stem.bn ── net/stem.relu ──┬── net/head.conv ── out
//                                                       └── net/side.bn ──── side
Model small_network() {
  Builder b;
  Value x = b.input("x", Shape{2, 3, 8, 8});
  {
    const auto scope = b.scope("net/stem");
    x = b.conv("conv", x, {.out = 4, .padding = {1}});
    x = b.relu("relu", b.batch_norm("bn", x));
  }
  b.output("out", b.conv("net/head.conv", x, {.out = 2, .kernel = {1}}));
  b.output("side", b.batch_norm("net/side.bn", x));
  return std::move(b).finish();
}

std::vector<std::string> keys(const torch::OrderedDict<std::string, at::Tensor>& tensors) {
  auto names = tensors.keys();
  std::sort(names.begin(), names.end());
  return names;
}

TEST(Module, NamesWeightsAsTheGraphDoes) {
  Module net(small_network());
  EXPECT_EQ(
      keys(net->named_parameters()),
      (std::vector<std::string>{"net/head.conv.bias", "net/head.conv.weight", "net/side.bn.bias",
                                "net/side.bn.weight", "net/stem.bn.bias", "net/stem.bn.weight",
                                "net/stem.conv.bias", "net/stem.conv.weight"}));
  EXPECT_EQ(keys(net->named_buffers()),
            (std::vector<std::string>{"net/side.bn.running_mean", "net/side.bn.running_var",
                                      "net/stem.bn.running_mean", "net/stem.bn.running_var"}));
  for (const auto& entry : net->named_parameters()) {
    EXPECT_TRUE(entry.value().is_same(net->weights().at(entry.key()))) << entry.key();
    EXPECT_TRUE(entry.value().requires_grad()) << entry.key();
  }
}

TEST(Module, ComputesWhatTheOperatorsDo) {
  Module net(small_network());
  net->eval();
  const at::Tensor x = torch::randn({2, 3, 8, 8});
  const auto& w = net->weights();
  const auto norm = [&](const at::Tensor& y, const std::string& name) {
    return at::batch_norm(y, w.at(name + ".weight"), w.at(name + ".bias"),
                          w.at(name + ".running_mean"), w.at(name + ".running_var"), false, 0.1,
                          1e-5, true);
  };
  const auto stem =
      at::relu(norm(at::conv2d(x, w.at("net/stem.conv.weight"), w.at("net/stem.conv.bias"), 1, 1),
                    "net/stem.bn"));
  const auto out = at::conv2d(stem, w.at("net/head.conv.weight"), w.at("net/head.conv.bias"));
  EXPECT_TRUE(at::equal(net->forward(x), out));
  EXPECT_TRUE(at::equal(net(x), out));
  const auto both = net->forward(std::vector<at::Tensor>{x});
  ASSERT_EQ(both.size(), 2u);
  EXPECT_TRUE(at::equal(both[1], norm(stem, "net/side.bn")));
  const auto named = net->forward(TensorMap{{"x", x}});
  EXPECT_TRUE(at::equal(named.at("out"), out));
  EXPECT_TRUE(at::equal(named.at("side"), both[1]));
}

TEST(Module, SameSeedSameWeights) {
  Module a(small_network(), {.seed = 3}), b(small_network(), {.seed = 3}),
      c(small_network(), {.seed = 4});
  const std::string name = "net/stem.conv.weight";
  EXPECT_TRUE(at::equal(a->weights().at(name), b->weights().at(name)));
  EXPECT_FALSE(at::equal(a->weights().at(name), c->weights().at(name)));
}

TEST(Module, SharesWeightsOfLibTorchWithTheirGradient) {
  torch::nn::Conv2d conv(torch::nn::Conv2dOptions(3, 4, 3).padding(1));
  Model model = small_network();
  model.weights["net/stem.conv.weight"] = from_torch(conv->weight);
  conv->bias.set_requires_grad(false);
  model.weights["net/stem.conv.bias"] = from_torch(conv->bias);
  Module net(model);
  EXPECT_TRUE(net->weights().at("net/stem.conv.weight").is_same(conv->weight));
  EXPECT_FALSE(net->weights().at("net/stem.conv.bias").requires_grad());

  net->forward(torch::randn({2, 3, 8, 8})).sum().backward();
  ASSERT_TRUE(conv->weight.grad().defined());
  const at::Tensor before = conv->weight.detach().clone();
  torch::optim::SGD(net->parameters(), 0.1).step();
  EXPECT_FALSE(at::equal(before, conv->weight));

  Module again(net->model());  // one network, twice
  EXPECT_TRUE(again->weights().at("net/stem.conv.weight").is_same(conv->weight));
}

TEST(Module, CopiesPlainWeights) {
  Model model = small_network();
  model.weights["net/head.conv.bias"] = Tensor::f32({2}, {1, 2});
  Module net(model);
  torch::NoGradGuard no_grad;
  net->weights().at("net/head.conv.bias").fill_(9);
  EXPECT_EQ(model.weights.at("net/head.conv.bias").at(0), 1);
  EXPECT_EQ(net->model().weights.at("net/head.conv.bias").at(0), 9);
}

TEST(Module, SavesAndLoads) {
  Module from(small_network(), {.seed = 1}), into(small_network());
  std::stringstream file;
  torch::save(from, file);
  torch::load(into, file);
  from->eval();
  into->eval();
  const at::Tensor x = torch::randn({1, 3, 8, 8});
  EXPECT_TRUE(at::equal(from->forward(x), into->forward(x)));
}

TEST(Module, TapsRunOnlyWhatTheyNeed) {
  Module net(small_network());
  const at::Tensor x = torch::randn({2, 3, 8, 8});
  const auto& seen = net->weights().at("net/side.bn.running_mean");
  const auto values = net->taps({"net/stem", "net/stem@in", "x"}, x);
  EXPECT_EQ(values[0].sizes(), at::IntArrayRef({2, 4, 8, 8}));
  EXPECT_TRUE(values[1].is_same(x));
  EXPECT_TRUE(at::equal(seen, at::zeros({4}))) << "the side branch ran";
  net->forward(x);
  EXPECT_TRUE(at::equal(seen, at::zeros({4}))) << "forward runs the first output alone";
  net->taps({"side"}, x);
  EXPECT_FALSE(at::equal(seen, at::zeros({4})));
  EXPECT_TRUE(at::equal(net->taps({"net/stem"}, x)[0], values[0])) << "the cached list";
}

TEST(Module, TapsNeedOnlyTheirInputs) {
  Builder b;
  const Value a = b.relu("left", b.input("a", Shape{1, 2}));
  b.output("sum", b.sum("sum", a, b.input("b", Shape{1, 2})));
  Module net(std::move(b).finish());
  EXPECT_EQ(net->taps({"left"}, TensorMap{{"a", at::ones({1, 2})}})[0].sum().item<float>(), 2);
  EXPECT_EQ(user_error([&] {
              net->taps({"sum"}, TensorMap{{"a", at::ones({1, 2})}});
            }),
            "input 'b' is missing; the network takes 'a', 'b'");
}

TEST(Module, TapsOfAModel) {
  const auto values = taps(small_network(), {"net/stem.conv", "net/stem"}, at::ones({1, 3, 8, 8}));
  ASSERT_EQ(values.size(), 2u);
  EXPECT_TRUE((values[1] >= 0).all().item<bool>());
}

}  // namespace
}  // namespace rung
