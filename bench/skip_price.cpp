// What skips cost in a compiled program: networks beside the same ones with skips cut, in
// alternating runs of one session.
//
//   bench_skip_price [ROUNDS]      24 unless told otherwise
//
// ResNet-50: additions with an identity skip are cut (those with a convolution in the skip stay, so
// that both programs hold the same convolutions). U-Net: what its concatenations move.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "rung/base/rng.h"
#include "rung/base/statistics.h"
#include "rung/blocks/zoo.h"
#include "rung/exec/onednn/program.h"
#include "rung/graph/passes/rebuild.h"

namespace {

using rung::Model;
using rung::Program;

Model drawn(Model model) {
  rung::draw_missing(model, 1);
  return model;
}

/// Every addition of which one side is what the other began with, without that side.
Model without_identity_additions(const Model& model, int& cut) {
  rung::Rebuild rebuild(model.graph);
  const auto& graph = model.graph;
  for (size_t i = 0; i < graph.size(); ++i) {
    const auto* binary = graph.op_as<rung::ops::Binary>(graph.id(i));
    if (binary == nullptr || binary->fn != rung::ops::BinaryFn::kAdd) continue;
    const auto& inputs = graph.nodes()[i].inputs;
    const bool identity = std::holds_alternative<rung::ops::Unary>(graph.node(inputs[1].node).op);
    if (!identity) continue;
    rebuild.replace({graph.id(i), 0}, inputs[0]);
    ++cut;
  }
  return rung::with_graph(model, rebuild.finish());
}

rung::Tensor random_input(const rung::Graph& graph) {
  const auto type = graph.type({graph.inputs()[0], 0});
  rung::Tensor tensor(type.dtype, type.shape);
  rung::Rng rng(1);
  for (float& number : tensor.as<float>()) number = static_cast<float>(rng.normal());
  return tensor;
}

double milliseconds(const Program& program, const rung::Tensor& input,
                    std::vector<rung::Tensor>& outputs) {
  const auto start = std::chrono::steady_clock::now();
  program.run({input}, outputs);
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

void additions(rung::Precision precision, const char* name, int rounds) {
  const Model model = drawn(rung::zoo("resnet50"));
  int cut = 0;
  const Model without = without_identity_additions(model, cut);
  const Program a = rung::compile(model, {.precision = precision});
  const Program b = rung::compile(without, {.precision = precision});
  const rung::Tensor input = random_input(model.graph);
  std::vector<rung::Tensor> outputs = a.run({input});
  std::vector<double> with_ms, without_ms, ratios;
  for (int round = 0; round <= rounds; ++round) {
    const double x = milliseconds(a, input, outputs), y = milliseconds(b, input, outputs);
    if (round == 0) continue;
    with_ms.push_back(x);
    without_ms.push_back(y);
    ratios.push_back(x / y);
  }
  const double each = (rung::median(ratios) - 1) / cut;
  fmt::print(
      "ResNet-50 {}: {:.2f} ms, without {} of its 16 additions {:.2f} ms; all 16 cost {:.1f} %\n",
      name, rung::median(with_ms), cut, rung::median(without_ms), 1600 * each);
}

void concatenations(int64_t batch, const char* size) {
  Model model = drawn(rung::zoo("unet", {{"size", size}}));
  const auto input = model.graph.inputs()[0];
  rung::Shape shape = model.graph.type({input, 0}).shape;
  shape[0] = batch;
  model.graph = rung::resize_inputs(model.graph, {{"", shape}});
  const auto report = rung::compile(model).report();
  int64_t moved = 0, all = 0;
  for (const auto& step : report.steps) {
    all += step.reads + step.writes;
    if (step.what.find("concat") != std::string::npos ||
        step.what.find("copy") != std::string::npos) {
      moved += step.writes;
    }
  }
  fmt::print("U-Net {}x{}, batch {}: its four concatenations move {} of {} bytes\n", size, size,
             batch, moved, all);
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(std::atoi(argv[1]), 1) : 24;
  additions(rung::Precision::kF32, "fp32", rounds);
  additions(rung::Precision::kBf16, "bf16", rounds);
  for (const int64_t batch : {1, 4}) concatenations(batch, "256");
}
