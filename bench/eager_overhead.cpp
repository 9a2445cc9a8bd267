// What does running a joined graph cost beyond the same network written by hand in LibTorch?
//
//   bench_eager_overhead            alternates both, the same weights and input, and prints
//   medians,
//                                   the ratio of each pair (median, quartiles), and peak memory
//   bench_eager_overhead --check    exits with 1 where outputs or gradients differ, or where the
//                                   graph needs more memory; measures no time
//   bench_eager_overhead --cpu      the CPU time of one thread, where other programs share the
//   machine
#include <ATen/Parallel.h>
#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>
#include <fmt/format.h>
#include <torch/nn.h>
#include <torch/version.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <string>
#include <thread>

#include "rung/base/statistics.h"
#include "rung/blocks/zoo.h"
#include "rung/exec/eager/module.h"
#include "rung/join/plan.h"

namespace {

namespace nn = torch::nn;

nn::Conv2d conv(int64_t in, int64_t out, int64_t kernel, int64_t stride = 1, bool bias = false) {
  return nn::Conv2d(
      nn::Conv2dOptions(in, out, kernel).stride(stride).padding(kernel / 2).bias(bias));
}

// ---- by hand: ResNet-18's encoder, a decoder, and four concatenations (a U-Net)

struct BasicBlockImpl : nn::Module {
  BasicBlockImpl(int64_t in, int64_t out, int64_t stride)
      : conv1(register_module("conv1", conv(in, out, 3, stride))),
        bn1(register_module("bn1", nn::BatchNorm2d(out))),
        conv2(register_module("conv2", conv(out, out, 3))),
        bn2(register_module("bn2", nn::BatchNorm2d(out))) {
    if (stride == 1 && in == out) return;
    downsample = register_module("downsample",
                                 nn::Sequential(conv(in, out, 1, stride), nn::BatchNorm2d(out)));
  }
  at::Tensor forward(const at::Tensor& x) {
    const at::Tensor y = bn2(conv2(torch::relu(bn1(conv1(x)))));
    return torch::relu(y + (downsample ? downsample->forward(x) : x));
  }
  nn::Conv2d conv1;
  nn::BatchNorm2d bn1;
  nn::Conv2d conv2;
  nn::BatchNorm2d bn2;
  nn::Sequential downsample{nullptr};
};
TORCH_MODULE(BasicBlock);

struct EncoderImpl : nn::Module {
  EncoderImpl()
      : conv1(register_module("conv1", conv(3, 64, 7, 2))),
        bn1(register_module("bn1", nn::BatchNorm2d(64))) {
    for (int64_t i = 0; i < 4; ++i) {
      const int64_t out = int64_t{64} << i, in = i == 0 ? 64 : out / 2;
      layers.push_back(register_module(
          "layer" + std::to_string(i + 1),
          nn::Sequential(BasicBlock(in, out, i == 0 ? 1 : 2), BasicBlock(out, out, 1))));
    }
  }
  nn::Conv2d conv1;
  nn::BatchNorm2d bn1;
  std::vector<nn::Sequential> layers;
};
TORCH_MODULE(Encoder);

struct UpImpl : nn::Module {
  UpImpl(int64_t in, int64_t out)
      : conv(register_module("conv", ::conv(in, out, 3))),
        bn(register_module("bn", nn::BatchNorm2d(out))) {}
  at::Tensor forward(const at::Tensor& x) {
    const auto doubled = nn::functional::interpolate(x, nn::functional::InterpolateFuncOptions()
                                                            .scale_factor(std::vector<double>{2, 2})
                                                            .mode(torch::kNearest));
    return torch::relu(bn(conv(doubled)));
  }
  nn::Conv2d conv;
  nn::BatchNorm2d bn;
};
TORCH_MODULE(Up);

struct DecoderImpl : nn::Module {
  DecoderImpl() {
    int64_t in = 512;
    for (const int64_t out : {256, 128, 64, 32, 16}) {
      ups.push_back(register_module("up" + std::to_string(ups.size() + 1), Up(in, out)));
      in = out;
    }
    head = register_module("head", conv(in, 2, 1, 1, true));
  }
  std::vector<Up> ups;
  nn::Conv2d head{nullptr};
};
TORCH_MODULE(Decoder);

struct ReductionImpl : nn::Module {
  ReductionImpl(int64_t in, int64_t out)
      : reduction(register_module("reduction", conv(in, out, 1, 1, true))) {}
  nn::Conv2d reduction;
};
TORCH_MODULE(Reduction);

struct UNet : nn::Module {
  UNet() : enc(register_module("enc", Encoder())), dec(register_module("dec", Decoder())) {
    const std::array<std::pair<int64_t, int64_t>, 4> widths = {
        {{512, 256}, {256, 128}, {128, 64}, {96, 32}}};
    for (size_t i = 0; i < 4; ++i) {
      skips.push_back(register_module("skip" + std::to_string(i + 1),
                                      Reduction(widths[i].first, widths[i].second)));
    }
  }
  at::Tensor forward(const at::Tensor& image) {
    at::Tensor stem = torch::relu(enc->bn1(enc->conv1(image)));
    at::Tensor l1 = enc->layers[0]->forward(torch::max_pool2d(stem, 3, 2, 1));
    at::Tensor l2 = enc->layers[1]->forward(l1);
    at::Tensor l3 = enc->layers[2]->forward(l2);
    at::Tensor x = enc->layers[3]->forward(l3);
    x = skip(0, dec->ups[0](x), std::move(l3));
    x = skip(1, dec->ups[1](x), std::move(l2));
    x = skip(2, dec->ups[2](x), std::move(l1));
    x = skip(3, dec->ups[3](x), std::move(stem));
    return dec->head(dec->ups[4](x));
  }
  at::Tensor skip(size_t i, const at::Tensor& target, at::Tensor source) {
    return skips[i]->reduction(torch::cat({target, source}, 1));
  }
  Encoder enc;
  Decoder dec;
  std::vector<Reduction> skips;
};

rung::Model joined_unet(int64_t size) {
  const auto encoder = rung::zoo("resnet18_encoder", {{"size", std::to_string(size)}});
  const auto decoder = rung::zoo("decoder", {{"levels", "5"}, {"classes", "2"}});
  return rung::join({encoder.named("enc"), decoder.named("dec")})
      .wire("enc/layer4", "dec/input")
      .skip({.from = "enc/layer3", .to = "dec/up1", .merge = "concat"})
      .skip({.from = "enc/layer2", .to = "dec/up2", .merge = "concat"})
      .skip({.from = "enc/layer1", .to = "dec/up3", .merge = "concat"})
      .skip({.from = "enc/relu", .to = "dec/up4", .merge = "concat"})
      .plan()
      .apply();
}

// ---- by hand: skip connection blocks on small images

struct SkipBlockImpl : nn::Module {
  SkipBlockImpl(int64_t in, int64_t out)
      : conv1(register_module("conv1", conv(in, out, 3, 1, true))),
        conv2(register_module("conv2", conv(out, out, 3, 1, true))),
        skip_projection(register_module("skip_projection", conv(in, out, 1, 1, true))) {}
  at::Tensor forward(const at::Tensor& x) {
    return torch::relu(conv2(torch::relu(conv1(x))) + skip_projection(x));
  }
  nn::Conv2d conv1, conv2, skip_projection;
};
TORCH_MODULE(SkipBlock);

/// zoo:skip_net with depth = 14: six blocks, halved before the third and the fifth.
struct SkipNet : nn::Module {
  SkipNet() : stem(register_module("stem", conv(1, kWidth, 3, 1, true))) {
    int64_t in = kWidth;
    for (int64_t i = 0; i < 6; ++i) {
      const int64_t out = kWidth << (i / 2);
      blocks.push_back(register_module("block" + std::to_string(i + 1), SkipBlock(in, out)));
      norms.push_back(register_module("norm" + std::to_string(i + 1), nn::BatchNorm2d(out)));
      in = out;
    }
    fc = register_module("fc", nn::Linear(in, 10));
  }
  at::Tensor forward(const at::Tensor& image) {
    at::Tensor x = torch::relu(stem(image));
    for (size_t i = 0; i < blocks.size(); ++i) {
      if (i == 2 || i == 4) x = torch::max_pool2d(x, 2, 2, 0, 1, true);
      x = norms[i](blocks[i](x));
    }
    return fc(torch::adaptive_avg_pool2d(x, {1, 1}).flatten(1));
  }
  static constexpr int64_t kWidth = 16;
  nn::Conv2d stem;
  std::vector<SkipBlock> blocks;
  std::vector<nn::BatchNorm2d> norms;
  nn::Linear fc{nullptr};
};

// ---- both, side by side

struct Network {
  std::function<at::Tensor(const at::Tensor&)> forward;
  std::vector<at::Tensor> parameters;  ///< in the same order for both
};

struct Pair {
  std::string name;
  at::Tensor input;
  bool training;
  Network graph, hand;
};

/// The joined graph, and the module by hand with its weights.
template <typename HandWritten>
Pair make_pair(std::string name, const rung::Model& model, const at::Tensor& input, bool training) {
  rung::Module net(model);
  auto module = std::make_shared<HandWritten>();
  net->train(training);
  module->train(training);
  Pair pair{std::move(name), input, training, {}, {}};
  std::map<std::string, at::Tensor> by_name;
  for (const auto& [key, weight] : net->weights()) {
    std::string path = key;
    std::replace(path.begin(), path.end(), '/', '.');
    by_name.emplace(path, weight);
  }
  const torch::NoGradGuard no_grad;
  for (auto& entry : module->named_parameters()) {
    const at::Tensor& weight = by_name.at(entry.key());
    TORCH_CHECK(entry.value().sizes() == weight.sizes(), entry.key(), " has another shape");
    entry.value().copy_(weight);
    pair.graph.parameters.push_back(weight);
    pair.hand.parameters.push_back(entry.value());
    by_name.erase(entry.key());
  }
  for (auto& entry : module->named_buffers()) by_name.erase(entry.key());
  if (!by_name.empty()) throw std::runtime_error("not written by hand: " + by_name.begin()->first);
  pair.graph.forward = [net](const at::Tensor& x) mutable { return net->forward(x); };
  pair.hand.forward = [module](const at::Tensor& x) { return module->forward(x); };
  return pair;
}

/// A training step but for the optimiser, or an inference.
at::Tensor step(const Network& network, const Pair& pair) {
  if (!pair.training) {
    const torch::NoGradGuard no_grad;
    return network.forward(pair.input);
  }
  for (const at::Tensor& parameter : network.parameters) parameter.mutable_grad() = at::Tensor();
  at::Tensor out = network.forward(pair.input);
  out.square().mean().backward();
  return out.detach();
}

std::string difference(const Pair& pair) {
  if (!at::equal(step(pair.graph, pair), step(pair.hand, pair))) return "the outputs differ";
  for (size_t i = 0; pair.training && i < pair.graph.parameters.size(); ++i) {
    const at::Tensor a = pair.graph.parameters[i].grad(), b = pair.hand.parameters[i].grad();
    if (!at::allclose(a, b, 1e-5, 1e-6)) return fmt::format("gradient {} differs", i);
  }
  return {};
}

#if TORCH_VERSION_MAJOR >= 2
using Total = size_t;
#else
using Total = int64_t;
#endif

/// Counts what LibTorch's allocator gives out.
class MemoryCounter : public c10::MemoryReportingInfoBase {
 public:
  void reportMemoryUsage(void*, int64_t bytes, Total, Total, c10::Device) override {
    now_ += bytes;
    peak_ = std::max(peak_, now_);
  }
  bool memoryProfilingEnabled() const override { return true; }
  int64_t peak() const { return peak_; }

 private:
  int64_t now_ = 0;
  int64_t peak_ = 0;
};

/// The most memory above what lives before the step: activations and gradients.
int64_t peak_bytes(const Network& network, const Pair& pair) {
  for (const at::Tensor& parameter : network.parameters) parameter.mutable_grad() = at::Tensor();
  const auto counter = std::make_shared<MemoryCounter>();
  const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, counter);
  step(network, pair);
  return counter->peak();
}

double now(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double seconds(const Network& network, const Pair& pair, clockid_t clock) {
  const double start = now(clock);
  step(network, pair);
  return now(clock) - start;
}

void measure(const Pair& pair, clockid_t clock) {
  constexpr double kBudget = 10;  // seconds
  std::vector<double> graph, hand, ratios;
  double spent = 0;
  // Whoever runs second finds the caches warm, so that changes from pair to pair.
  for (size_t round = 0; spent < kBudget || ratios.size() < 20; ++round) {
    double a = 0, b = 0;
    if (round % 2 == 0) a = seconds(pair.graph, pair, clock);
    b = seconds(pair.hand, pair, clock);
    if (round % 2 == 1) a = seconds(pair.graph, pair, clock);
    spent += a + b;
    if (round < 4) continue;  // warming up
    graph.push_back(a);
    hand.push_back(b);
    ratios.push_back(a / b);
  }
  fmt::print("{:<34} {:>9.3f} {:>9.3f}   {:.3f} ({:.3f} to {:.3f})  {:>6}", pair.name,
             1e3 * rung::quantile(graph, 0.5), 1e3 * rung::quantile(hand, 0.5),
             rung::quantile(ratios, 0.5), rung::quantile(ratios, 0.25),
             rung::quantile(ratios, 0.75), ratios.size());
}

std::vector<Pair> make_pairs() {
  const auto image = [](int64_t batch, int64_t channels, int64_t size) {
    return torch::randn({batch, channels, size, size});
  };
  const rung::Model unet = joined_unet(64);
  const rung::Model net = rung::zoo("skip_net", {{"block", "add"},
                                                 {"depth", "14"},
                                                 {"width", std::to_string(SkipNet::kWidth)},
                                                 {"in", "1"},
                                                 {"classes", "10"},
                                                 {"norm", "yes"},
                                                 {"size", "28"}});
  return {make_pair<UNet>("U-Net, training, 8 x 64 x 64", unet, image(8, 3, 64), true),
          make_pair<UNet>("U-Net, inference, 1 x 64 x 64", unet, image(1, 3, 64), false),
          make_pair<SkipNet>("skip_net, training, 8 x 28 x 28", net, image(8, 1, 28), true),
          make_pair<SkipNet>("skip_net, inference, 1 x 28 x 28", net, image(1, 1, 28), false)};
}

int run(bool check, bool cpu) {
  const auto cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  at::set_num_threads(cpu ? 1 : cores);
  torch::manual_seed(0);
  int failures = 0;
  fmt::print("{:<34} {:>9} {:>9}   {:<22} {:>8}  peak memory, graph and by hand\n", "",
             check ? "" : "graph ms", check ? "" : "hand ms", check ? "" : "ratio (quartiles)",
             check ? "" : "pairs");
  for (const Pair& pair : make_pairs()) {
    const std::string wrong = difference(pair);
    const int64_t graph = peak_bytes(pair.graph, pair), hand = peak_bytes(pair.hand, pair);
    if (check) {
      fmt::print("{:<34}", pair.name);
    } else {
      measure(pair, cpu ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC);
    }
    fmt::print("   {:.2f} MiB, {:.2f} MiB{}{}\n", static_cast<double>(graph) / (1 << 20),
               static_cast<double>(hand) / (1 << 20), wrong.empty() ? "" : "  WRONG: ", wrong);
    std::fflush(stdout);
    failures += wrong.empty() && graph <= hand && hand > 0 ? 0 : 1;
  }
  return failures == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string option = argc > 1 ? argv[1] : "";
  if (argc == 1) return run(false, false);
  if (argc == 2 && option == "--check") return run(true, false);
  if (argc == 2 && option == "--cpu") return run(false, true);
  fmt::print(stderr, "usage: bench_eager_overhead [--check | --cpu]\n");
  return 2;
}
