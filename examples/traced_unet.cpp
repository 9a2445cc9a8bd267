// A residual encoder written in plain LibTorch, traced as it is, and joined to a decoder by four
// skips: a U-Net. It runs at odd sizes too, and training it trains the encoder's own weights.
#include <iostream>

#include "rung/rung.h"

namespace {

torch::nn::Conv2d conv(int64_t in, int64_t out, int64_t stride) {
  return torch::nn::Conv2d(
      torch::nn::Conv2dOptions(in, out, 3).stride(stride).padding(1).bias(false));
}

struct Block : torch::nn::Module {
  Block(int64_t in, int64_t out)
      : conv1(register_module("conv1", conv(in, out, 2))),
        bn1(register_module("bn1", torch::nn::BatchNorm2d(out))),
        conv2(register_module("conv2", conv(out, out, 1))),
        downsample(register_module("downsample", conv(in, out, 2))) {}
  at::Tensor forward(const at::Tensor& x) {
    return torch::relu(conv2(torch::relu(bn1(conv1(x)))) + downsample(x));
  }
  torch::nn::Conv2d conv1;
  torch::nn::BatchNorm2d bn1;
  torch::nn::Conv2d conv2, downsample;
};

struct Encoder : torch::nn::Module {
  Encoder() : stem(register_module("stem", conv(3, 8, 2))) {
    for (int i = 0; i < 4; ++i) {
      layers.push_back(register_module("layer" + std::to_string(i + 1),
                                       std::make_shared<Block>(8 << i, 16 << i)));
    }
  }
  at::Tensor forward(at::Tensor x) {
    x = stem(x);
    for (auto& layer : layers) x = layer->forward(x);
    return x;
  }
  torch::nn::Conv2d stem;
  std::vector<std::shared_ptr<Block>> layers;
};

bool check(const char* what, bool holds) {
  std::cout << (holds ? "ok " : "WRONG ") << what << '\n';
  return holds;
}

}  // namespace

int main() {
  torch::manual_seed(1);
  Encoder encoder;
  const rung::Model traced = rung::trace(encoder, {torch::zeros({1, 3, 224, 224})});
  const auto plan =
      rung::join({traced.named("encoder"),
                  rung::zoo("decoder", {{"in", "128"}, {"width", "64"}}).named("decoder")})
          .wire("encoder/layer4", "decoder/input")
          .skip({.from = "encoder/layer3", .to = "decoder/up1", .merge = "concat"})
          .skip({.from = "encoder/layer2", .to = "decoder/up2", .merge = "concat"})
          .skip({.from = "encoder/layer1", .to = "decoder/up3", .merge = "concat"})
          .skip({.from = "encoder/stem", .to = "decoder/up4", .merge = "concat"})
          .plan();
  std::cout << plan.explain() << '\n';
  rung::Module net(plan.apply());

  bool right = true;
  const auto even = net->forward(torch::randn({1, 3, 224, 224}));
  right &= check("a mask of the image's size", even.size(2) == 224 && even.size(3) == 224);
  const auto odd = net->forward(torch::randn({2, 3, 225, 319}));
  std::cout << "3x225x319 gives " << odd.sizes() << '\n';
  // The decoder doubles 8 x 10 five times; the skips fit themselves to it.
  right &= check("odd sizes run", odd.sizes() == at::IntArrayRef({2, even.size(1), 256, 320}) &&
                                      odd.isfinite().all().item<bool>());

  const at::Tensor before = encoder.stem->weight.detach().clone();
  torch::optim::SGD optimizer(net->parameters(), 0.01);
  odd.square().mean().backward();
  bool finite = true;
  for (const auto& weight : net->parameters()) {
    finite = finite && weight.grad().defined() && weight.grad().isfinite().all().item<bool>();
  }
  right &= check("finite gradients on all weights", finite);
  optimizer.step();
  right &= check("the encoder's own weights were trained", !before.equal(encoder.stem->weight));
  return right ? 0 : 1;
}
