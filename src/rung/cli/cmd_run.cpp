#include <torch/utils.h>

#include <cstdio>

#include "rung/base/cores.h"
#include "rung/cli/run_options.h"
#include "rung/cli/run_results.h"
#include "rung/cli/verbs.h"
#include "rung/exec/eager/convert.h"
#include "rung/exec/eager/device.h"
#include "rung/exec/eager/identity.h"
#include "rung/exec/eager/module.h"
#include "rung/graph/taps.h"
#include "rung/join/pointwise.h"

namespace rung::cli {
namespace {

TensorMap on_device(const Inputs& inputs, at::Device device) {
  TensorMap placed;
  for (const auto& [name, value] : inputs) placed.emplace(name, to_torch(value).to(device));
  return placed;
}

std::vector<Result> run_network(Module& net, const Model& model, const TensorMap& inputs,
                                const RunOptions& options) {
  const torch::NoGradGuard no_grad;
  net->eval();
  std::vector<Result> results;
  const Graph& graph = net->graph();
  // What the network was trained for is said of its outputs alone.
  const std::string as = !options.taps.empty() && options.as.empty() ? "values" : options.as;
  const auto add = [&](const std::string& name, Value from, const at::Tensor& value) {
    results.push_back({name, from_torch(value.to(at::kCPU).contiguous()),
                       is_channels_last(graph.type(from)), picture_form(model, from, as)});
  };
  if (options.taps.empty()) {
    const TensorMap values = net->forward(inputs);
    for (const Output& output : graph.outputs()) {
      add(output.name, output.value, values.at(output.name));
    }
  } else {
    const auto values = net->taps(options.taps, inputs);
    const TapIndex index(graph);
    for (size_t i = 0; i < values.size(); ++i) {
      add(options.taps[i], index.find(options.taps[i]).value, values[i]);
    }
  }
  return results;
}

// Whether the skips change what comes out, output by output.
void print_comparison(const Module& net, const TensorMap& inputs,
                      const std::vector<std::string>& skips) {
  std::vector<at::Tensor> ordered;
  for (const NodeId id : net->graph().inputs()) {
    ordered.push_back(inputs.at(net->graph().node(id).name));
  }
  for (const auto& difference : compare_without_skips(net->model(), ordered, skips)) {
    std::printf("without skips  %s: %s\n", difference.output.c_str(),
                difference.same_bits
                    ? "the same bits"
                    : fmt::format("differs by up to {:.6g}", difference.largest).c_str());
  }
}

void run_eagerly(const RunOptions& options) {
  const at::Device device = find_device(options.device);
  const int threads = options.compiling.threads;
  torch::set_num_threads(threads > 0 ? threads : usable_cores());
  Model model = open_model(options.model, options_for(options.opening));
  check_options(options, model.graph);
  const Inputs inputs = read_inputs(model.graph, options);
  const std::string weights = give_weights(model, options);
  Module net(model, ModuleOptions{.seed = options.seed, .device = device});
  const TensorMap placed = on_device(inputs, device);
  const auto results = run_network(net, model, placed, options);
  print_results(inputs, results, weights);
  if (options.output) write_results(results, *options.output);
  if (options.compare) print_comparison(net, placed, options.skips);
}

}  // namespace

void add_run(CLI::App& app) {
  add_run_verb(app, [](const RunOptions& options) {
    check_options(options);
    options.program ? run_compiled(options) : run_eagerly(options);
  });
}

}  // namespace rung::cli
