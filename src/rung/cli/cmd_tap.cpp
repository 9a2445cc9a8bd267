#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "rung/base/error.h"
#include "rung/cli/model_arguments.h"
#include "rung/cli/verbs.h"
#include "rung/cli/write_model.h"
#include "rung/graph/cut.h"

namespace rung::cli {
namespace {

struct TapOptions {
  std::string model;
  Cut cut;
  ModelOptions opening;
  OutputOptions output;
  uint64_t seed = 0;
};

void print_ends(const Graph& graph) {
  const auto line = [](const char* kind, const std::string& name, const TensorType& type) {
    std::printf("%-6s  %s  %s %s\n", kind, name.c_str(), to_string(type).c_str(),
                roles_text(type).c_str());
  };
  for (const NodeId id : graph.inputs()) line("input", graph.node(id).name, graph.type({id, 0}));
  for (const Output& output : graph.outputs()) {
    line("output", output.name, graph.type(output.value));
  }
}

void tap(const TapOptions& options) {
  check_network_output(options.output, "-o");
  if (options.cut.at.empty() && options.cut.from.empty()) {
    fail_user(
        "nothing to cut: give --at NAME, --from NAME, or both (rung show MODEL --taps '*' "
        "lists the names)");
  }
  if (options.cut.keep_outputs && options.cut.at.empty()) {
    fail_user("--add keeps the outputs beside those of --at; give --at too");
  }
  const Model whole = open_model(options.model, options_for(options.opening));
  Model part = cut(whole, options.cut);
  draw_missing(part, options.seed);
  print_ends(part.graph);
  save_any_model(part, options.output,
                 fmt::format("{} of {} nodes", part.graph.size(), whole.graph.size()));
}

}  // namespace

void add_tap(CLI::App& app) {
  auto* verb = app.add_subcommand(
      "tap", "Cuts a network at inner layers, or returns them beside its outputs");
  const auto options = std::make_shared<TapOptions>();
  const auto list = [verb](const char* name, std::vector<std::string>& into, const char* what) {
    verb->add_option(name, into, what)->type_name("NAME")->allow_extra_args(false);
  };
  verb->add_option("MODEL", options->model, kModelHelp)->required();
  list("--at", options->cut.at,
       "A tap that becomes an output; whatever no output needs is cut off, inputs too. "
       "Again for more");
  verb->add_flag("--add", options->cut.keep_outputs, "Keeps the network's own outputs as well");
  list("--from", options->cut.from,
       "A tap that becomes an input; what computes it is cut off. Again for more");
  add_output_options(*verb, options->output)->required();
  add_model_options(*verb, options->opening);
  add_seed(*verb, options->seed, "Draws the weights that the network lacks");
  verb->footer(
      "Examples:\n"
      "  rung show resnet18.onnx --taps 'layer?'\n"
      "  rung tap resnet18.onnx --at layer3 -o features.onnx\n"
      "  rung tap resnet18.onnx --at layer2 --at layer3 --add -o with_features.onnx\n"
      "  rung tap resnet18.onnx --from layer3 -o head.onnx\n"
      "  rung tap zoo:resnet18 --set size=64 --from layer1 --at layer3 -o middle.rung");
  verb->callback([options] { tap(*options); });
}

}  // namespace rung::cli
